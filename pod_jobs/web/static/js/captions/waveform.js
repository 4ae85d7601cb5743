// The curve of loudness around the present moment, with the borders of the captions. A click seeks.

const SECONDS = 20; // that are visible
const PER_S = 20; // peaks of the API, 0 to 255 each

export class Waveform {
  peaks = new Uint8Array();

  constructor(canvas, { now, seek }) {
    this.canvas = canvas;
    this.now = now;
    this.seek = seek;
    canvas.addEventListener("click", (event) => {
      const share = event.offsetX / canvas.clientWidth;
      this.seek(Math.max(0, this.begin() + share * SECONDS));
    });
  }

  begin() {
    return this.now() - SECONDS / 3;
  }

  /** Draw the curve, and `cues` as blocks under it; the one with number `present` stands out. */
  draw(cues, present) {
    const scale = globalThis.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth * scale, this.canvas.clientHeight * scale];
    if (!width) return;
    [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas); // its colours are resolved, those of custom properties are not
    const begin = this.begin();
    const x = (seconds) => ((seconds - begin) / SECONDS) * width;
    const bottom = height * 0.75;
    context.fillStyle = style.color;
    const bar = Math.max(1, width / SECONDS / PER_S);
    for (let at = Math.max(0, Math.floor(begin * PER_S)); at < (begin + SECONDS) * PER_S; at += 1) {
      const tall = ((this.peaks[at] ?? 0) / 255) * bottom;
      context.fillRect(x(at / PER_S), (bottom - tall) / 2, bar, Math.max(tall, 1));
    }
    cues.forEach(({ start, end }, index) => {
      if (end < begin || start > begin + SECONDS) return;
      context.fillStyle = index === present ? style.borderTopColor : style.caretColor;
      context.fillRect(x(start), bottom + 2, Math.max(x(end) - x(start) - 1, 1), height - bottom - 2);
    });
    context.fillStyle = style.outlineColor;
    context.fillRect(x(this.now()), 0, 2 * scale, height);
  }
}
