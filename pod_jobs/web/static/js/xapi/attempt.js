// One person's attempt at a video (a registration): what was watched of it. It lasts as long as the tab.
import { format, rounded, watched } from "./segments.js";
import { uuid } from "./statement.js";

const SAME_LENGTH_S = 1; // a length grows by milliseconds while its last segment loads: still the same video
const MOST_SEGMENTS = 1_000; // each statement repeats all of them, and the server takes 65 kB

export class Attempt {
  /**
   * The tab's attempt at a video of `length` seconds; a new one when there is none, when it was of another length, or
   * when a page that is still open has it: `taken`, registrations. (A browser copies what a tab remembers for the tabs
   * that it opens.)
   */
  constructor(person, activity, length, taken = new Set()) {
    this.key = `pod_jobs.attempt.${person}.${activity}`;
    const stored = this.stored();
    const isSame =
      isSameLength(stored?.length, length) && !taken.has(stored.registration) && stored.segments.length < MOST_SEGMENTS;
    const { registration, segments, open, completed, spent } = isSame
      ? stored
      : { registration: uuid(), segments: [], open: null, completed: false, spent: 0 };
    this.registration = registration;
    this.segments = follow(segments, open);
    this.completed = completed;
    this.spent = spent ?? 0; // seconds for which the video played
    this.length = isSame ? stored.length : length;
  }

  stored() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null;
    }
  }

  /** Keep the attempt for the next page of this tab, with the segment that is `open` (null: none). */
  store(open = null, spent = this.spent) {
    const { registration, segments, completed, length } = this;
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ registration, segments, open, completed, spent, length }));
    } catch {
      // then the next page begins a new attempt
    }
  }

  /** Does it belong to a video of `length` seconds? */
  isOfLength(length) {
    return isSameLength(this.length, length);
  }

  /** Add a segment [begin, end] to what is watched; null: none. */
  add(segment) {
    this.segments = follow(this.segments, segment);
    this.store();
  }

  /** Has it so many segments that the next session has to begin another attempt? */
  get isFull() {
    return this.segments.length >= MOST_SEGMENTS;
  }

  /** What paused, seeked, completed and terminated say of it, with the segment that is `open` (null: none). */
  watched(open = null) {
    return describe(follow(this.segments, open), this.length);
  }

  /** The share of the video that was watched, from 0 to 1. */
  progress(open = null) {
    return share(follow(this.segments, open), this.length);
  }
}

const isSameLength = (one, other) => Math.abs(one - other) < SAME_LENGTH_S;

/** `segments` in the order in which they were watched, and one more, which may go on where the last one ended. */
export function follow(segments, segment) {
  if (!segment || segment[1] <= segment[0]) return segments;
  const last = segments.at(-1);
  if (last && rounded(last[1]) === rounded(segment[0])) return [...segments.slice(0, -1), [last[0], segment[1]]];
  return [...segments, segment];
}

const share = (segments, length) => rounded(Math.min(1, watched(segments) / length));

export const describe = (segments, length) => ({
  progress: share(segments, length),
  "played-segments": format(segments),
});
