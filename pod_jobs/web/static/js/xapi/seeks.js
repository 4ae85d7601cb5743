// Where seeks begin and end. By the time the event "seeking" is handled, a busy page may be a second late, and
// `currentTime` has moved on: so whoever sets it is watched.

const PLAYED_BETWEEN_S = 0.08; // so much seen between two seeks makes them two

export class Seeks {
  from = undefined; // seconds: where the seek that is under way began
  to = 0; // and where it goes

  /** `settle()` is called before a second seek begins that is not the same movement as the first. */
  constructor(media, settle) {
    this.media = media;
    this.settle = settle;
    const { get, set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
    this.read = () => get.call(media);
    Object.defineProperty(media, "currentTime", {
      configurable: true,
      get: this.read,
      set: (seconds) => {
        this.begins(this.read(), seconds);
        set.call(media, seconds);
      },
    });
    media.addEventListener("seeking", () => this.isUnderWay || this.begins(this.lastShown(), this.read()));
    media.addEventListener("timeupdate", () => this.isUnderWay || this.remember());
  }

  remember() {
    this.last = this.read();
    this.lastAt = performance.now();
  }

  /**
   * Where the picture was, in seconds, when a seek began that was not ours, such as one by the browser's own controls.
   * "timeupdate" comes four times a second; the browser's ranges of what it played are exact.
   */
  lastShown() {
    const { played, playbackRate, paused } = this.media;
    if (this.last === undefined) return this.read();
    if (paused) return this.last;
    const latest = this.last + ((performance.now() - this.lastAt) / 1000) * playbackRate;
    for (let i = 0; i < played.length; i++) {
      if (played.start(i) <= this.last && this.last <= played.end(i)) return Math.min(played.end(i), latest);
    }
    return this.last;
  }

  /** Another source: forget what was shown of the former one. Returns where the new one begins, in seconds. */
  restart() {
    this.from = undefined;
    this.last = this.read();
    this.lastAt = performance.now();
    return this.last;
  }

  get isUnderWay() {
    return this.from !== undefined;
  }

  begins(from, to) {
    if (this.isUnderWay && !this.media.seeking && from - this.to > PLAYED_BETWEEN_S) this.settle();
    if (this.media.readyState === 0) return; // it says where to begin
    this.from ??= from;
    this.to = Math.max(0, Math.min(to, this.media.duration || to));
  }

  /** The seek that was under way, [from, to]; null when there was none. */
  take() {
    if (!this.isUnderWay) return null;
    const seek = [this.from, this.to];
    this.from = undefined;
    this.last = this.to;
    this.lastAt = performance.now();
    return seek;
  }
}
