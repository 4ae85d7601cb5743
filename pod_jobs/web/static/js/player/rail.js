// Computes places on a rail (the line of a slider) from seconds, and the reverse. Does not use the page.

/** The place of `seconds` on a rail of `whole` seconds, in percent of its length. */
export const percentAt = (seconds, whole) => (whole > 0 ? (100 * Math.min(Math.max(seconds, 0), whole)) / whole : 0);

/** The moment (s) at `x` (px) on a rail that begins at `left` (px), is `width` px long and shows `whole` seconds. */
export function secondsAt(x, { left, width }, whole) {
  const share = width > 0 ? (x - left) / width : 0;
  return Math.min(1, Math.max(0, share)) * whole;
}

/** The end (s) of the ranges in `buffered` (TimeRanges) that begin at or before `time`; at least `time`. */
export function loadedUntil(buffered, time) {
  let end = time;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= time) end = Math.max(end, buffered.end(i));
  }
  return end;
}
