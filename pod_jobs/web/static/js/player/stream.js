// How the picture gets into the <video>: HLS by hls.js, by the browser itself (Safari), or an MP4.

const NATIVE_HLS = "application/vnd.apple.mpegurl";
const RETRY_MS = 3_000;

/**
 * @typedef {object} Stream
 * @property {() => {index: number, label: string}[]} levels the qualities to choose from
 * @property {number} level the chosen one; -1 = automatic
 * @property {(index: number) => void} setLevel
 * @property {() => {index: number, label: string}[]} sounds the sound tracks to choose from
 * @property {number} [sound] the chosen one
 * @property {(index: number) => void} [setSound]
 * @property {() => void} stop
 */

/**
 * Play `play`, the addresses that the API gives, in `media`; `fail()` is called when nothing can be played.
 * @returns {Promise<Stream>}
 */
export async function openStream(media, play, fail) {
  if (play.master && globalThis.ManagedMediaSource === undefined && globalThis.MediaSource === undefined) {
    if (media.canPlayType(NATIVE_HLS)) return plain(media, [{ url: play.master, label: "" }], fail);
  } else if (play.master) {
    const { default: Hls } = await import("../../../vendor/hls.js/hls.min.mjs");
    if (Hls.isSupported()) return hls(Hls, media, play, fail);
  }
  return plain(media, files(play), fail);
}

/** The files that play without HLS: the MP4s, the smallest first, or the sound if there is no picture. */
const files = ({ mp4, audio }) =>
  mp4.length ? mp4.map(({ url, rendition }) => ({ url, label: rendition })) : audio.slice(0, 1);

function hls(Hls, media, play, fail) {
  const player = new Hls({
    startPosition: 0, // begin a growing recording at its beginning; hls.js would take it for a broadcast
    workerPath: new URL("../../../vendor/hls.js/hls.worker.js", import.meta.url).href,
    backBufferLength: 60,
    maxBufferLength: 30,
    capLevelToPlayerSize: true,
    enableWebVTT: false, // captions come as <track>
    renderTextTracksNatively: false,
  });
  let mediaFaults = 0;
  player.on(Hls.Events.ERROR, (event, fault) => {
    if (!fault.fatal) return;
    if (fault.type === Hls.ErrorTypes.MEDIA_ERROR && mediaFaults++ < 2) return player.recoverMediaError();
    if (fault.type === Hls.ErrorTypes.NETWORK_ERROR && !(fault.response?.code >= 400)) {
      setTimeout(() => player.startLoad(), RETRY_MS); // the connection is lost; loading goes on when it is back
      return;
    }
    player.destroy();
    fail();
  });
  player.loadSource(play.master);
  player.attachMedia(media);
  return {
    levels: () => player.levels.map((level, index) => ({ index, label: `${Math.min(level.width, level.height)}p` })),
    get level() {
      return player.autoLevelEnabled ? -1 : player.nextLevel;
    },
    setLevel: (index) => (player.nextLevel = index),
    sounds: () => player.audioTracks.map(({ name }, index) => ({ index, label: name })),
    get sound() {
      return player.audioTrack;
    },
    setSound: (index) => (player.audioTrack = index),
    stop: () => player.destroy(),
  };
}

function plain(media, sources, fail) {
  let current = sources.length - 1; // the largest
  const open = () => (media.src = sources[current].url);
  media.addEventListener("error", fail);
  if (current >= 0) open();
  else fail();
  return {
    levels: () => (sources.length > 1 ? sources.map(({ label }, index) => ({ index, label })) : []),
    get level() {
      return current;
    },
    setLevel(index) {
      if (index < 0 || index === current) return;
      const { currentTime, paused } = media;
      current = index;
      open();
      media.currentTime = currentTime;
      if (!paused) media.play();
    },
    sounds: () => [], // an MP4 has only the first sound
    stop() {
      media.removeEventListener("error", fail);
      media.removeAttribute("src");
      media.load();
    },
  };
}
