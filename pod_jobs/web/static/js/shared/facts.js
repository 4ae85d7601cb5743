// The facts of a source and its outputs, in words.
import { _, bytes, clock, languageName, number } from "./words.js";

const CODECS = {
  h264: "H.264",
  hevc: "HEVC",
  h265: "HEVC",
  vp8: "VP8",
  vp9: "VP9",
  av1: "AV1",
  mpeg2video: "MPEG-2",
  mpeg4: "MPEG-4",
  mjpeg: "Motion JPEG",
  prores: "ProRes",
  aac: "AAC",
  mp3: "MP3",
  opus: "Opus",
  vorbis: "Vorbis",
  flac: "FLAC",
  ac3: "AC-3",
};
const NO_BREAK = "\u00a0";
const codec = (name) => CODECS[name] ?? name?.toUpperCase();
const rounded = (value) => number(Math.round(value * 100) / 100);
const join = (...parts) => parts.filter(Boolean).join(", ");

function channels(count) {
  if (count === 1) return _("mono");
  if (count === 2) return _("stereo");
  return count ? _("{count} channels", { count }) : "";
}

function picture(track) {
  const [width, height] = track.display_size ?? [track.width_px, track.height_px];
  return join(
    `${width} × ${height}`,
    codec(track.codec),
    track.fps > 0 && _("{count} fps", { count: rounded(track.fps) }).replace(" ", NO_BREAK),
    track.hdr && "HDR",
    track.interlaced && _("interlaced"),
    track.rotation_deg && _("turned by {degrees}°", { degrees: track.rotation_deg }),
  );
}

function sound(track) {
  const language = track.language && track.language !== "und" ? languageName(track.language) : "";
  return join(
    codec(track.codec),
    channels(track.channels),
    track.sample_rate_hz && `${rounded(track.sample_rate_hz / 1000)} kHz`,
    language,
  );
}

/** [[name, words], …] of a video document's source. */
export function sourceFacts(video) {
  const { facts } = video;
  const lines = [
    [_("File"), video.source.name],
    [_("Size"), bytes(video.source.bytes)],
    [_("Duration"), facts?.duration_s && clock(facts.duration_s)], // that of the published video is below the title
    [_("Picture"), facts?.video ? picture(facts.video) : video.is_video === false && _("none, sound only")],
    ...(facts?.audio ?? []).map((track) => [_("Sound"), sound(track)]),
  ];
  if (facts?.video && facts.audio?.length === 0) lines.push([_("Sound"), _("none")]);
  return lines.filter(([, words]) => words);
}

const KINDS = {
  mp4: _("Video"),
  webm: _("Video"),
  mp3: _("Sound"),
  m4a: _("Sound"),
  captions: _("Captions"),
  chapters: _("Chapters"),
  thumbnail: _("Picture"),
  log: _("Encoding log"),
};
const DOWNLOADS = Object.keys(KINDS);

/**
 * Outputs that a person may want to download, as [{kind, url, title, words}]: those of the template `version`, or,
 * without one, those that the player uses.
 */
export function downloads(video, version = "") {
  return video.outputs
    .filter(({ purpose, template }) => (version ? purpose === "offer" && template === version : purpose !== "offer"))
    .filter(({ kind, name }) => DOWNLOADS.includes(kind) && (kind !== "thumbnail" || name.includes("_1.")))
    .sort((a, b) => DOWNLOADS.indexOf(a.kind) - DOWNLOADS.indexOf(b.kind))
    .map((output) => ({
      kind: output.kind,
      url: `${output.url}?download`,
      title: [KINDS[output.kind], output.rendition, output.language && languageName(output.language)]
        .filter(Boolean)
        .join(" "),
      words: [
        output.name.split(".").at(-1).toUpperCase(),
        output.width_px && `${output.width_px} × ${output.height_px}`,
        bytes(output.bytes),
      ]
        .filter(Boolean)
        .join(" · "),
    }));
}
