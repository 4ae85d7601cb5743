// What a viewer does, as statements. The server names the actor, maps the ids and checks all of it; see docs/xapi.md.
import { Attempt } from "./attempt.js";
import { Outbox } from "./outbox.js";
import { rounded } from "./segments.js";
import { buildStatement, uuid } from "./statement.js";

const SEEK_REST_MS = 400; // a slider seeks many times on its way; where it rests counts
const CHANGE_REST_MS = 500; // the same for volume
const SMALL_SEEK_S = 0.3; // the player's own: over a gap between two segments, to the very first picture

/** Record what happens in `player`. The page gives the `settings` {person, activity, title, threshold, screen, now}. */
export function trace(player, settings) {
  return new Tracer(player, settings);
}

class Tracer {
  constructor(player, settings) {
    this.player = player;
    this.media = player.media;
    this.settings = settings;
    this.outbox = new Outbox(settings.person);
    /** @type {any} */
    const navigation = performance.getEntriesByType("navigation")[0];
    this.clockOffset = settings.now - (navigation?.responseStart ?? performance.now());
    this.lastInstant = 0;
    this.wireMedia();
    this.wireChoices();
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => event.persisted && this.begin());
    document.addEventListener("visibilitychange", () => document.hidden && this.outbox.soon(0));
    this.begin();
  }

  wireMedia() {
    const on = (name, act) => this.media.addEventListener(name, act);
    on("loadedmetadata", () => this.begin());
    on("durationchange", () => this.begin());
    on("play", () => this.play());
    on("timeupdate", () => this.advance());
    on("seeking", () => this.seekBegins());
    on("seeked", () => this.seekRests());
    on("pause", () => this.pause());
    on("emptied", () => this.pause());
  }

  wireChoices() {
    const { media, player } = this;
    media.addEventListener("volumechange", () => {
      clearTimeout(this.volumeTimer);
      this.volumeTimer = setTimeout(() => {
        if (this.volume !== this.shownVolume()) this.interact({ volume: (this.volume = this.shownVolume()) });
      }, CHANGE_REST_MS);
    });
    media.addEventListener("ratechange", () => {
      if (this.speed === this.shownSpeed()) return; // the speed of what comes next was set: the event is the same
      this.interact({ speed: (this.speed = this.shownSpeed()) });
    });
    player.element.addEventListener("captionschange", () => this.captionsChange());
    player.part("quality").addEventListener("change", ({ target }) => {
      this.interact({ quality: target.selectedOptions[0]?.textContent ?? "" });
    });
    if (this.settings.screen) document.addEventListener("fullscreenchange", () => this.interact(this.screen()));
  }

  /** A session: from the moment the length is known until the viewer leaves. */
  begin() {
    if (this.sessionId || !(this.player.whole > 0)) return;
    this.sessionId = uuid();
    this.began = performance.now();
    this.attempt = new Attempt(this.settings.person, this.settings.activity, rounded(this.player.whole));
    this.position = this.media.currentTime;
    this.playingFrom = null;
    this.volume = this.shownVolume();
    this.speed = this.shownSpeed();
    const offered = {
      volume: this.volume,
      speed: this.speed,
      "cc-enabled": Boolean(this.caption()),
    };
    this.state({ id: this.sessionId, verb: "initialized", context: { ...this.threshold(), ...offered } });
    if (!this.media.paused) this.play();
  }

  play() {
    if (!this.sessionId || this.playingFrom !== null) return;
    this.settleSeek();
    this.position = this.media.currentTime;
    this.playingFrom = this.here();
    this.state({ verb: "played", result: { time: this.here() } });
  }

  pause() {
    this.settleSeek();
    if (!this.sessionId || this.playingFrom === null) return;
    if (this.media.readyState) this.position = this.media.currentTime;
    this.complete();
    this.close();
    this.playingFrom = null;
    this.state({ verb: "paused", result: this.reached(), context: this.threshold() });
  }

  advance() {
    if (this.seekFrom !== undefined || this.media.seeking) return;
    this.position = this.media.currentTime;
    this.positionAt = performance.now();
    this.complete();
  }

  seekBegins() {
    clearTimeout(this.seekTimer);
    this.seekFrom ??= this.estimated();
    this.seekTo = this.media.currentTime;
  }

  seekRests() {
    if (this.seekFrom === undefined) return;
    clearTimeout(this.seekTimer);
    this.seekTimer = setTimeout(() => this.settleSeek(), SEEK_REST_MS);
  }

  /** A seek closes the segment where it began and opens one where it ended. */
  settleSeek() {
    clearTimeout(this.seekTimer);
    const [from, to] = [this.seekFrom, this.seekTo];
    this.seekFrom = undefined;
    if (!this.sessionId || from === undefined) return;
    this.position = from;
    if (Math.abs(to - from) >= SMALL_SEEK_S) {
      const wasPlaying = this.playingFrom !== null;
      this.close();
      const times = { "time-from": this.here(), "time-to": this.clamped(to) };
      this.state({ verb: "seeked", result: { ...times, ...this.attempt.watched() }, context: this.threshold() });
      if (wasPlaying) this.playingFrom = this.clamped(to);
    }
    this.position = to;
    this.positionAt = performance.now();
  }

  interact(context) {
    if (this.sessionId) this.state({ verb: "interacted", result: { time: this.here() }, context });
  }

  captionsChange() {
    const language = this.caption();
    if (language === this.language) return;
    const shown = language || this.language || "und";
    this.language = language;
    this.interact({ "cc-enabled": Boolean(language), "cc-subtitle-lang": shown });
  }

  /** Once in an attempt, as soon as enough of the video was watched. */
  complete() {
    if (!this.sessionId || this.playingFrom === null || this.attempt.completed) return;
    if (this.attempt.progress(this.attempt.with(this.open())) < this.settings.threshold) return;
    this.attempt.completed = true;
    this.close();
    const took = Math.max(0, (performance.now() - this.began) / 1000);
    const result = { completion: true, duration: `PT${took.toFixed(2)}S` };
    this.state({ verb: "completed", result: this.reached(), context: this.threshold(), more: result });
  }

  leave() {
    this.settleSeek();
    if (!this.sessionId) return;
    if (!this.media.seeking && this.media.readyState) this.position = this.media.currentTime;
    this.complete();
    this.close();
    this.state({ verb: "terminated", result: this.reached(), context: this.threshold() });
    this.sessionId = undefined;
    this.outbox.last();
  }

  // places and segments

  clamped(seconds) {
    return rounded(Math.min(Math.max(0, seconds), this.attempt.length));
  }

  here() {
    return this.clamped(this.position);
  }

  /**
   * Where the picture was a moment ago: during a seek `currentTime` already says where it goes. A picture that stood
   * still has not moved.
   */
  estimated() {
    const { position = 0, positionAt } = this;
    if (this.playingFrom === null || !positionAt) return position;
    const since = Math.min(0.5, (performance.now() - positionAt) / 1000);
    return Math.max(position, Math.min(position + since * this.media.playbackRate, this.shownUntil(position)));
  }

  /** The end of what the browser says it has shown around `position`. */
  shownUntil(position) {
    const { played } = this.media;
    for (let i = 0; i < played.length; i++) {
      if (played.start(i) <= position + SMALL_SEEK_S && played.end(i) >= position) return played.end(i);
    }
    return position;
  }

  open() {
    return [Math.min(this.playingFrom, this.here()), this.here()];
  }

  /** What played until now is watched; the segment goes on from here. */
  close() {
    if (this.playingFrom === null) return;
    this.attempt.add(this.open());
    this.playingFrom = this.here();
  }

  reached() {
    return { time: this.here(), ...this.attempt.watched() };
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

  /** Hand a statement to the outbox. The clock is the server's: a viewer's may be years away. */
  state({ context = {}, ...said }) {
    const instant = Math.max(this.lastInstant + 1, Math.round(this.clockOffset + performance.now()));
    this.lastInstant = instant;
    const { activity, title } = this.settings;
    const { registration, length } = this.attempt;
    const whole = { "session-id": this.sessionId, length, ...context };
    this.outbox.add(buildStatement({ ...said, instant, activity, title, registration, context: whole }));
    if (said.verb === "initialized") this.attempt.store();
  }
}
