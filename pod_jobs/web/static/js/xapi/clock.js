// The server's clock, as far as this page can tell: statements must not carry the time of a viewer's clock, which may
// be years away.
import { keep, recall } from "../shared/memory.js";

/**
 * `atSending`: the server's time when it sent the page, in ms since 1970. A page that the browser took from its cache
 * says an old one; then the difference that a fresh page found is still right.
 */
export function serverClock(atSending) {
  /** @type {any} */
  const navigation = performance.getEntriesByType("navigation")[0];
  const isFresh = !navigation || navigation.transferSize > 0 || navigation.decodedBodySize === 0;
  const received = performance.timeOrigin + (navigation?.responseStart ?? performance.now());
  const offset = isFresh ? atSending - received : recall("clock", atSending - received);
  if (isFresh) keep("clock", offset);
  return () => Math.round(Date.now() + offset);
}
