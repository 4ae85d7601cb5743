// The small pictures over the time line. They are cues of a WebVTT file, and each names a rectangle of a JPEG with
// #xywh=x,y,width,height.

const TIME = /(?:(\d+):)?(\d+):([\d.]+)/.source;
const RECTANGLE = /#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)/.source;
const CUE = new RegExp(`${TIME}\\s+-->\\s+${TIME}[^\\n]*\\n([^\\n#]+)${RECTANGLE}`, "g");

/** All cues of the file at `address`: [{start, end (s), image (address), x, y, width, height (px)}]; [] if missing. */
export async function fetchStoryboard(address) {
  const response = await fetch(address).catch(() => null);
  return response?.ok ? parseStoryboard(await response.text(), response.url) : [];
}

export function parseStoryboard(text, base) {
  const seconds = (hours, minutes, rest) => Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(rest);
  return Array.from(text.replaceAll("\r\n", "\n").matchAll(CUE), (match) => {
    const [x, y, width, height] = match.slice(8).map(Number);
    const [start, end] = [seconds(...match.slice(1, 4)), seconds(...match.slice(4, 7))];
    return { start, end, image: new URL(match[7].trim(), base).href, x, y, width, height };
  });
}

/** Show the tile of `time` in `box`, `width` px wide; hides it when there is none. */
export function showTile(box, cues, time, width) {
  const cue = cues.find((candidate) => time < candidate.end) ?? cues.at(-1);
  box.hidden = !cue;
  if (!cue) return;
  const scale = width / cue.width;
  const sheetWidth = Math.max(
    ...cues.filter((other) => other.image === cue.image).map((other) => other.x + other.width),
  );
  box.style.width = `${width}px`;
  box.style.height = `${Math.round(cue.height * scale)}px`;
  box.style.backgroundImage = `url("${cue.image}")`;
  box.style.backgroundSize = `${sheetWidth * scale}px auto`;
  box.style.backgroundPosition = `${-cue.x * scale}px ${-cue.y * scale}px`;
}
