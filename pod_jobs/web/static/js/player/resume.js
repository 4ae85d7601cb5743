// Where the player begins: at the moment in the address (?t=90), or where the viewer stopped the last time.
import { keep, recall } from "../shared/memory.js";
import { _, clock } from "../shared/words.js";

const LEAST_S = 10; // no earlier position is kept, because the first seconds are easy to find again
const ROOM_S = 3; // a moment is encoded when there is so much picture behind it
const END_S = 10; // a viewer who stopped so near the end has watched the video
const KEPT = 200; // number of videos whose position is kept
const STORE_EVERY_MS = 5_000;

/** The seconds of "90", "1:30" or "1m30s"; null for anything else. */
export function parseMoment(text) {
  const clockLike = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$/.exec(text ?? "");
  const lettered = /^(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text ?? "");
  const found = clockLike ?? lettered;
  if (!found) return null;
  const [hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}

/** Should a viewer who stopped at `time` of `whole` seconds go on there? */
export const isWorthIt = (time, whole) => time >= LEAST_S && time <= whole - END_S;

export class Resume {
  /** `person` and `video` are ids. People who share a computer have positions of their own. */
  constructor(player, person, video) {
    this.player = player;
    this.media = player.media;
    this.video = video;
    this.key = `positions.${person}`;
    this.storedAt = 0;
    this.media.addEventListener("loadedmetadata", () => this.begin(), { once: true });
    this.media.addEventListener("timeupdate", () => Date.now() - this.storedAt > STORE_EVERY_MS && this.store());
    for (const name of ["pause", "seeked", "ended"]) this.media.addEventListener(name, () => this.store());
    this.media.addEventListener("play", () => player.element.classList.remove("is-resumed"));
    addEventListener("pagehide", () => this.store());
    player.part("restart").addEventListener("click", () => {
      player.seek(0);
      player.playPause();
    });
  }

  begin() {
    const said = new URLSearchParams(location.search);
    const asked = parseMoment(said.get("t"));
    const { playable, whole } = this.player;
    if (asked !== null) {
      this.plays = said.has("play");
      if (asked < playable) this.go(asked);
      else if (whole > playable) this.await(asked);
      else if (this.plays) this.play();
      return;
    }
    const [, stopped = 0] = recall(this.key, []).find(([video]) => video === this.video) ?? [];
    if (!isWorthIt(stopped, whole) || stopped > playable) return;
    this.player.seek(stopped);
    this.player.element.classList.add("is-resumed");
    this.player.say(_("Goes on at {time}", { time: clock(stopped) }));
  }

  /** Go to the moment in the address once it is encoded, unless the viewer plays before or the video is shorter. */
  await(asked) {
    const done = new AbortController();
    const look = () => {
      const { playable, whole } = this.player;
      if (playable > asked + ROOM_S || (playable >= whole && playable > asked)) {
        done.abort();
        this.go(asked);
        this.player.say(_("Goes on at {time}", { time: clock(asked) }));
      } else if (playable >= whole) done.abort();
    };
    const { signal } = done;
    signal.addEventListener("abort", () => this.player.say(""));
    for (const name of ["durationchange", "progress"]) this.media.addEventListener(name, look, { signal });
    this.media.addEventListener("play", () => done.abort(), { signal });
    const words = _("{time} is not encoded yet. The player goes there as soon as it is.", { time: clock(asked) });
    this.player.say(words, 0);
  }

  go(seconds) {
    this.player.seek(seconds);
    if (this.plays) this.play();
  }

  play() {
    this.media.play().catch(() => {}); // a browser may want a click first
  }

  /** Keep the position of the latest videos. A video that was watched to its end begins from the start. */
  store() {
    if (!this.media.played.length && !this.media.ended) return; // nothing was played
    this.storedAt = Date.now();
    const time = Math.floor(this.media.currentTime);
    const others = recall(this.key, []).filter(([video]) => video !== this.video);
    const own = isWorthIt(time, this.player.whole) ? [[this.video, time]] : [];
    keep(this.key, [...others, ...own].slice(-KEPT));
  }
}

/** The address of this page at `time` (s). */
export function linkAt(time) {
  const link = new URL(location.href);
  link.search = new URLSearchParams({ t: String(Math.floor(time)) }).toString();
  link.hash = "";
  return link.href;
}
