// Describes what a viewer does as xAPI statements. The server adds the actor, maps the ids and checks everything; see
// docs/xapi.md.
import { Attempt } from "./attempt.js";
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
const SILENT_MS = 12 * 3_600_000; // who says nothing for so long has ended; after twice that, the server says so

/** Record what happens in `player`. The page gives the `settings` {person, activity, title, threshold, screen, now}. */
export function trace(player, settings) {
  return new Tracer(player, settings);
}

class Tracer {
  keptAt = 0;
  isReady = false; // the media element knows its length
  lastInstant = 0;
  /** @type {number | null} */
  playingFrom = null; // seconds: where the segment that is playing began
  /** @type {number | undefined} */
  stoodAt = undefined; // seconds: where the picture stood when it last did not play
  playingSince = 0; // performance.now() when it began to play
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
      this.stayInSession();
      this.keep(); // a phone may end a hidden page without any further event
      this.outbox.soon(0);
    });
  }

  wireMedia() {
    const on = (name, act) => this.media.addEventListener(name, act);
    on("loadedmetadata", () => this.ready());
    on("durationchange", () => this.isReady && this.begin());
    on("play", () => this.play());
    on("timeupdate", () => this.advance());
    on("seeking", () => clearTimeout(this.seekTimer));
    on("seeked", () => this.seekRests());
    on("pause", () => this.pause());
    on("emptied", () => this.changeSource());
  }

  wireChoices() {
    const { media, player } = this;
    media.addEventListener("volumechange", () => {
      clearTimeout(this.volumeTimer);
      if (!this.sessionId) return;
      this.change = { volume: this.shownVolume(), time: this.here(), at: this.clock() };
      this.volumeTimer = setTimeout(() => this.volumeRests(), CHANGE_REST_MS);
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

  /** Where it is to begin is chosen when its metadata are loaded (player/resume.js): that is no seek of the viewer. */
  ready() {
    this.isReady = true;
    this.begin();
  }

  /** Begin a session, which lasts from the moment the length is known until the viewer leaves. */
  async begin() {
    if (this.sessionId || this.isBeginning || this.outbox.isUnwanted || !(this.player.whole > 0)) return;
    this.isBeginning = true;
    const { alive, dead } = await this.sessions.others();
    this.isBeginning = false;
    this.sessions.end(dead, this.outbox);
    const { person, activity } = this.settings;
    const taken = new Set(alive.map(({ registration }) => registration));
    this.attempt = new Attempt(person, activity, rounded(this.player.whole), taken);
    this.playingFrom = null;
    this.stoodAt = this.seeks.take()?.[1] ?? this.stoodAt ?? this.beginOfPlayed();
    this.initialize();
    if (!this.media.paused) this.play();
  }

  initialize() {
    this.sessionId = uuid();
    this.change = null;
    this.volume = this.shownVolume();
    this.speed = this.shownSpeed();
    this.language = this.caption();
    const offered = { volume: this.volume, speed: this.speed, "cc-enabled": Boolean(this.language) };
    this.state({ id: this.sessionId, verb: "initialized", context: { ...this.threshold(), ...offered } });
  }

  /**
   * Go on in a new session if this one has ended: another page took it for dead, because it did not answer, or it was
   * silent for too long. To be called before anything that it states is changed.
   */
  stayInSession() {
    if (!this.sessionId) return;
    const isSilent = this.clock() - this.lastInstant > SILENT_MS;
    if (!isSilent && !this.sessions.wasEnded(this.sessionId)) return;
    if (isSilent) this.sessions.end([this.kept], this.outbox);
    const { open, at } = this.kept; // until there, the one that has ended says what was watched
    this.lastInstant = at + 2; // of its last statement
    this.attempt.add(open);
    this.playingFrom = null;
    this.initialize();
    if (!open) return;
    this.playingFrom = open[1];
    this.state({ verb: "played", result: { time: this.playingFrom } });
  }

  play() {
    if (!this.sessionId || this.playingFrom !== null) return;
    this.settleSeek();
    this.stayInSession();
    this.playingFrom = this.clamped(this.stoodAt ?? 0);
    this.playingSince = performance.now();
    this.state({ verb: "played", result: { time: this.playingFrom } });
  }

  pause() {
    this.settleSeek();
    if (this.sessionId && this.playingFrom !== null) {
      this.stayInSession();
      this.complete();
      this.attempt.spent = this.spent();
      this.attempt.add(this.open());
      this.playingFrom = null;
      this.state({ verb: "paused", result: this.reached(), context: this.threshold() });
    }
    if (this.sessionId && this.media.readyState) this.stoodAt = this.seeks.read();
  }

  /**
   * Another source comes, of which nothing is known yet but where it will begin. A video of another length, such as a
   * new cut, is another attempt, because its times are other moments.
   */
  changeSource() {
    this.isReady = false;
    const { whole } = this.player; // the page has said how long the new one will be
    if (whole > 0 && this.attempt?.isOfLength(whole) === false) this.leave();
    else this.pause();
    this.stoodAt = this.seeks.restart();
  }

  advance() {
    if (!this.sessionId || this.playingFrom === null || this.seeks.isUnderWay) return;
    this.stayInSession();
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
    if (!seek) return;
    this.stoodAt = seek[1];
    if (!this.sessionId) return;
    this.stayInSession();
    const [from, to] = seek.map((seconds) => this.clamped(seconds));
    this.stoodAt = to;
    if (rounded(Math.abs(to - from)) <= SMALL_SEEK_S) return;
    if (this.playingFrom !== null) {
      this.attempt.add([this.playingFrom, from]);
      this.playingFrom = to;
    }
    const result = { "time-from": from, "time-to": to, ...this.attempt.watched() };
    this.state({ verb: "seeked", result, context: this.threshold() });
    if (!this.attempt.isFull) return;
    this.leave();
    this.begin();
  }

  interact(context) {
    this.stayInSession();
    if (this.sessionId) this.state({ verb: "interacted", result: { time: this.here() }, context });
  }

  volumeRests() {
    this.stayInSession();
    this.settleVolume();
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
    const more = { completion: true, duration: `PT${this.spent().toFixed(2)}S` };
    this.state({ verb: "completed", result: this.reached(), context: this.threshold(), more });
  }

  /** A viewer who leaves while the video plays has paused it: the profile wants that stated before the end (2.3.3). */
  leave() {
    this.stayInSession();
    this.pause();
    if (!this.sessionId) return;
    this.state({ verb: "terminated", result: this.reached(), context: this.threshold() });
    this.sessions.forget(this.sessionId);
    this.sessionId = undefined;
    this.outbox.last();
  }

  /** The seconds for which the video played in this attempt, pauses apart. */
  spent() {
    const latest = this.playingFrom === null ? 0 : (performance.now() - this.playingSince) / 1000;
    return rounded(this.attempt.spent + latest);
  }

  // places and segments

  clamped(seconds) {
    return rounded(Math.min(Math.max(0, seconds), this.attempt.length));
  }

  /** Where the picture is, in seconds. While it seeks, that is where it came from. */
  here() {
    const { media, seeks, attempt } = this;
    if (seeks.isUnderWay) return this.clamped(seeks.from);
    if (!media.readyState) return this.clamped(seeks.last ?? this.stoodAt ?? 0);
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
    if (!this.sessionId) return;
    if (this.outbox.isUnwanted) {
      this.sessions.forget(this.sessionId); // this person has opted out
      this.sessionId = undefined;
      return;
    }
    this.keptAt = performance.now();
    const { activity, title, threshold } = this.settings;
    const { registration, length, segments } = this.attempt;
    const at = Math.max(this.lastInstant, this.clock());
    const facts = { id: this.sessionId, activity, title, threshold, registration, length, segments };
    this.kept = { ...facts, open: this.open(), time: this.here(), at };
    this.sessions.keep(this.kept);
    this.attempt.store(this.kept.open, this.spent());
  }

  /** Hand a statement to the outbox. */
  state({ context = {}, at = undefined, ...facts }) {
    this.settleVolume(); // it was changed earlier
    const { activity, title } = this.settings;
    const { registration, length } = this.attempt;
    const whole = { "session-id": this.sessionId, length, ...context };
    const instant = this.instant(at);
    this.outbox.add(buildStatement({ ...facts, instant, activity, title, registration, context: whole }));
    if (facts.verb === "completed") this.attempt.completed = true;
    else this.complete(); // what is kept must not owe it
    this.keep();
  }
}
