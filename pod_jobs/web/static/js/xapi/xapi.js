// Describes what a viewer does as xAPI statements. The server adds the actor, maps the ids and checks everything; see
// docs/xapi.md.
import { Attempt, describe, follow } from "./attempt.js";
import { serverClock } from "./clock.js";
import { OpenSessions } from "./open_sessions.js";
import { Outbox } from "./outbox.js";
import { Seeks } from "./seeks.js";
import { rounded } from "./segments.js";
import { buildStatement, uuid } from "./statement.js";

const SEEK_REST_MS = 400; // a slider that is dragged seeks many times; only the place where it stays this long counts
const CHANGE_REST_MS = 500; // the same for the volume
const SMALL_SEEK_S = 0.1; // shorter seeks are the player's own: over a gap between segments, or to the first picture
const STALE_S = 0.3; // how old the end of the latest of the browser's ranges may be
const END_S = 0.5; // so near to its end a video counts as ended: its last picture may end before the announced length
const KEEP_EVERY_MS = 1_000;

/** Record what happens in `player`. The page gives the `settings` {person, activity, title, threshold, screen, now}. */
export function trace(player, settings) {
  return new Tracer(player, settings);
}

class Tracer {
  keptAt = 0;
  lastInstant = 0;
  /** @type {number | null} */
  playingFrom = null; // seconds: where the segment that is playing began
  stoodAt = 0; // seconds: where the picture stood when it last did not play
  /** @type {{volume: number, time: number, at: number} | null} */
  change = null; // of the volume, while it does not rest yet

  constructor(player, settings) {
    this.player = player;
    this.media = player.media;
    this.settings = settings;
    this.outbox = new Outbox(settings.person);
    this.sessions = new OpenSessions(settings.person);
    this.clock = serverClock(settings.now);
    this.seeks = new Seeks(this.media, () => this.settleSeek());
    this.wireMedia();
    this.wireChoices();
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => event.persisted && this.begin());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return;
      this.keep(); // a phone may end a hidden page without any further event
      this.outbox.soon(0);
    });
    this.begin();
  }

  wireMedia() {
    const on = (name, act) => this.media.addEventListener(name, act);
    on("loadedmetadata", () => this.begin());
    on("durationchange", () => this.begin());
    on("play", () => this.play());
    on("timeupdate", () => this.advance());
    on("seeking", () => clearTimeout(this.seekTimer));
    on("seeked", () => this.seekRests());
    on("pause", () => this.pause());
    on("emptied", () => this.pause());
  }

  wireChoices() {
    const { media, player } = this;
    media.addEventListener("volumechange", () => {
      clearTimeout(this.volumeTimer);
      if (!this.sessionId) return;
      this.change = { volume: this.shownVolume(), time: this.here(), at: this.clock() };
      this.volumeTimer = setTimeout(() => this.settleVolume(), CHANGE_REST_MS);
    });
    media.addEventListener("ratechange", () => {
      if (this.speed === this.shownSpeed()) return; // this event also comes when the speed of the next video is set
      this.interact({ speed: (this.speed = this.shownSpeed()) });
    });
    player.element.addEventListener("captionschange", () => this.captionsChange());
    player.part("quality").addEventListener("change", ({ target }) => {
      this.interact({ quality: target.selectedOptions[0]?.textContent ?? "" });
    });
    if (this.settings.screen) document.addEventListener("fullscreenchange", () => this.interact(this.screen()));
  }

  /** Begin a session, which lasts from the moment the length is known until the viewer leaves. */
  async begin() {
    if (this.sessionId || this.isBeginning || !(this.player.whole > 0)) return;
    this.isBeginning = true;
    const { alive, dead } = await this.sessions.others();
    this.isBeginning = false;
    const { person, activity } = this.settings;
    const taken = new Set(alive.map(({ registration }) => registration));
    this.attempt = new Attempt(person, activity, rounded(this.player.whole), taken);
    dead.forEach((session) => this.end(session));
    this.sessionId = uuid();
    this.began = performance.now();
    this.playingFrom = null;
    this.stoodAt = this.seeks.take()?.[1] ?? this.beginOfPlayed();
    this.volume = this.shownVolume();
    this.speed = this.shownSpeed();
    const offered = { volume: this.volume, speed: this.speed, "cc-enabled": Boolean(this.caption()) };
    this.language = this.caption();
    this.attempt.store();
    this.keep();
    this.state({ id: this.sessionId, verb: "initialized", context: { ...this.threshold(), ...offered } });
    if (!this.media.paused) this.play();
  }

  /** End the session of a page that was closed without doing so itself, as it was when it was kept last. */
  end({ id, at, segments, open, time, completed, ...session }) {
    this.sessions.forget(id);
    const all = follow(segments, open);
    const { activity, title, registration, length } = session;
    const result = { time, ...describe(all, length) };
    const context = { "session-id": id, length, ...this.threshold() };
    for (const [index, verb] of (open ? ["paused", "terminated"] : ["terminated"]).entries()) {
      const instant = at + 1 + index;
      this.outbox.add(buildStatement({ verb, instant, activity, title, registration, result, context }));
    }
    if (registration !== this.attempt.registration) return;
    this.attempt.segments = all; // the same attempt goes on in this tab
    this.attempt.completed = completed;
  }

  play() {
    if (!this.sessionId || this.playingFrom !== null) return;
    this.settleSeek();
    this.playingFrom = this.clamped(this.stoodAt);
    this.state({ verb: "played", result: { time: this.playingFrom } });
  }

  pause() {
    this.settleSeek();
    if (this.sessionId && this.playingFrom !== null) {
      this.complete();
      this.attempt.add(this.open());
      this.playingFrom = null;
      this.state({ verb: "paused", result: this.reached(), context: this.threshold() });
    }
    this.stoodAt = this.media.readyState ? this.seeks.read() : this.stoodAt;
  }

  advance() {
    if (!this.sessionId || this.playingFrom === null || this.seeks.isUnderWay) return;
    this.complete();
    if (performance.now() - this.keptAt > KEEP_EVERY_MS) this.keep();
  }

  seekRests() {
    clearTimeout(this.seekTimer);
    this.seekTimer = setTimeout(() => this.settleSeek(), SEEK_REST_MS);
  }

  /** A seek closes the segment where it began and opens one where it ended. */
  settleSeek() {
    clearTimeout(this.seekTimer);
    const seek = this.seeks.take();
    if (!seek || !this.sessionId) return;
    const [from, to] = seek.map((seconds) => this.clamped(seconds));
    this.stoodAt = to;
    if (rounded(Math.abs(to - from)) <= SMALL_SEEK_S) return;
    if (this.playingFrom !== null) {
      this.attempt.add([this.playingFrom, from]);
      this.playingFrom = to;
    }
    const result = { "time-from": from, "time-to": to, ...this.attempt.watched() };
    this.state({ verb: "seeked", result, context: this.threshold() });
  }

  interact(context) {
    if (this.sessionId) this.state({ verb: "interacted", result: { time: this.here() }, context });
  }

  /** State the latest volume, with the moment at which it was chosen: only one at which it rests for a while counts. */
  settleVolume() {
    clearTimeout(this.volumeTimer);
    const { change } = this;
    this.change = null;
    if (!change || !this.sessionId || change.volume === this.volume) return;
    this.volume = change.volume;
    const { volume, time, at } = change;
    this.state({ verb: "interacted", result: { time }, context: { volume }, at });
  }

  captionsChange() {
    const language = this.caption();
    if (language === this.language) return;
    const shown = language || this.language || "und";
    this.language = language;
    this.interact({ "cc-enabled": Boolean(language), "cc-subtitle-lang": shown });
  }

  /** State "completed", once in an attempt, as soon as enough of the video was watched. */
  complete() {
    if (!this.sessionId || this.playingFrom === null || this.attempt.completed) return;
    if (this.attempt.progress(this.open()) < this.settings.threshold) return;
    this.attempt.completed = true;
    this.attempt.store();
    const seconds = Math.max(0, (performance.now() - this.began) / 1000);
    const more = { completion: true, duration: `PT${seconds.toFixed(2)}S` };
    this.state({ verb: "completed", result: this.reached(), context: this.threshold(), more });
  }

  /** A viewer who leaves while the video plays has paused it: the profile wants that stated before the end (2.3.3). */
  leave() {
    this.pause();
    if (!this.sessionId) return;
    this.state({ verb: "terminated", result: this.reached(), context: this.threshold() });
    this.sessions.forget(this.sessionId);
    this.sessionId = undefined;
    this.outbox.last();
  }

  // places and segments

  clamped(seconds) {
    return rounded(Math.min(Math.max(0, seconds), this.attempt.length));
  }

  /** Where the picture is, in seconds. While it seeks, that is where it came from. */
  here() {
    const { media, seeks, attempt } = this;
    if (seeks.isUnderWay) return this.clamped(seeks.from);
    if (!media.readyState) return this.clamped(seeks.last ?? this.stoodAt);
    const time = seeks.read();
    return media.ended && attempt.length - time < END_S ? attempt.length : this.clamped(time);
  }

  /** The place where playing began, in seconds: the browser may play before the session has begun. */
  beginOfPlayed() {
    const { played, paused } = this.media;
    const time = this.seeks.read();
    for (let i = 0; !paused && i < played.length; i++) {
      if (played.start(i) <= time && time <= played.end(i) + STALE_S) return played.start(i);
    }
    return time;
  }

  /** The segment that is playing; null when none is. */
  open() {
    return this.playingFrom === null ? null : [Math.min(this.playingFrom, this.here()), this.here()];
  }

  reached() {
    return { time: this.here(), ...this.attempt.watched(this.open()) };
  }

  threshold() {
    return { "completion-threshold": this.settings.threshold };
  }

  shownVolume() {
    return this.media.muted ? 0 : rounded(this.media.volume);
  }

  shownSpeed() {
    return `${rounded(this.media.playbackRate)}x`;
  }

  caption() {
    return this.player.captions.language;
  }

  screen() {
    const { clientWidth, clientHeight } = this.media;
    return {
      "full-screen": Boolean(document.fullscreenElement),
      "screen-size": `${screen.width}x${screen.height}`,
      "video-playback-size": `${clientWidth}x${clientHeight}`,
    };
  }

  /** The instant of a statement about `at`: each is later than the one before. */
  instant(at = this.clock()) {
    this.lastInstant = Math.max(this.lastInstant + 1, at);
    return this.lastInstant;
  }

  /** Keep the session as it is now, because the browser may end this page without an event. */
  keep() {
    if (!this.sessionId || this.sessions.wasEnded(this.sessionId)) return;
    this.keptAt = performance.now();
    const { activity, title } = this.settings;
    const { registration, length, segments, completed } = this.attempt;
    const facts = { id: this.sessionId, activity, title, registration, length, segments, completed };
    const at = Math.max(this.lastInstant, this.clock());
    this.sessions.keep({ ...facts, open: this.open(), time: this.here(), at });
  }

  /** Hand a statement to the outbox. */
  state({ context = {}, at = undefined, ...facts }) {
    this.settleVolume(); // it was changed earlier
    if (this.sessions.wasEnded(this.sessionId)) {
      this.sessionId = undefined; // this page slept so long that another one ended its session
      return this.begin();
    }
    const { activity, title } = this.settings;
    const { registration, length } = this.attempt;
    const whole = { "session-id": this.sessionId, length, ...context };
    const instant = this.instant(at);
    this.outbox.add(buildStatement({ ...facts, instant, activity, title, registration, context: whole }));
    this.keep();
  }
}
