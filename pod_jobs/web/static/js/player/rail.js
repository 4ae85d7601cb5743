// Where seconds lie on a rail: plain arithmetic, without the page.

/** The place of `seconds` on a rail of `whole` seconds, in percent of its length. */
export const percentAt = (seconds, whole) => (whole > 0 ? (100 * Math.min(Math.max(seconds, 0), whole)) / whole : 0);

/** The moment (s) under `x` (px) of a rail that lies from `left` on and is `width` px long. */
export function secondsAt(x, { left, width }, whole) {
  const share = width > 0 ? (x - left) / width : 0;
  return Math.min(1, Math.max(0, share)) * whole;
}

/** How far `buffered` (TimeRanges) reaches without asking for more, from `time` on. */
export function loadedUntil(buffered, time) {
  let end = time;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= time) end = Math.max(end, buffered.end(i));
  }
  return end;
}
