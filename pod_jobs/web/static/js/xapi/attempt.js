// One person's attempt at a video (a registration), with the segments that were watched. It lasts as long as the tab.
import { format, rounded, union, watched } from "./segments.js";
import { uuid } from "./statement.js";

const SAME_LENGTH_S = 1; // the length of a video grows by milliseconds while its last segment loads

export class Attempt {
  /** The tab's attempt at a video of `length` seconds; a new one if there was none, or the length was another. */
  constructor(person, activity, length) {
    this.key = `pod_jobs.attempt.${person}.${activity}`;
    const stored = this.stored();
    const isSame = Math.abs(stored?.length - length) < SAME_LENGTH_S;
    const { registration, segments, completed } = isSame
      ? stored
      : { registration: uuid(), segments: [], completed: false };
    this.registration = registration;
    this.segments = segments;
    this.completed = completed;
    this.length = isSame ? stored.length : length;
  }

  stored() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null;
    }
  }

  store() {
    const { registration, segments, completed, length } = this;
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ registration, segments, completed, length }));
    } catch {
      // then the next page begins a new attempt
    }
  }

  /** Add [begin, end] to the watched segments. */
  add(segment) {
    this.segments = this.with(segment);
    this.store();
  }

  /** The watched segments together with `segment`. */
  with(segment) {
    return union([...this.segments, segment].filter(([begin, end]) => end > begin));
  }

  /** The share of the video that `segments` cover. */
  progress(segments = this.segments) {
    return rounded(Math.min(1, watched(segments) / this.length));
  }

  /** The facts about it for the verbs paused, seeked, completed and terminated. */
  watched() {
    return { progress: this.progress(), "played-segments": format(this.segments) };
  }
}
