// The parts of a recording that a cut keeps, as [[from, to], …] in seconds. Does not use the page.
import { clock } from "../shared/words.js";

const LEAST_S = 0.2; // shorter parts are dropped

/** "1:30-12:00, 15:00-20:00" as [[90, 720], [900, 1200]], "" as []; null when it is anything else. */
export function parseParts(text) {
  if (!text.trim()) return [];
  const parts = text.split(",").map((part) => part.split(/[-–]/).map((moment) => parseClock(moment.trim())));
  return parts.every((part) => part.length === 2 && part[0] < part[1]) ? parts : null;
}

function parseClock(text) {
  if (!/^\d+(:\d{1,2}){0,2}(\.\d+)?$/.test(text)) return NaN;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** 3720.5 as "1:02:00.5", which parseParts reads; to the millisecond. */
export function writeMoment(seconds) {
  const thousandths = Math.round(seconds * 1000);
  const fraction = String(thousandths % 1000)
    .padStart(3, "0")
    .replace(/0+$/, "");
  return clock(Math.floor(thousandths / 1000)) + (fraction && `.${fraction}`);
}

export const writeParts = (parts) => parts.map((part) => part.map(writeMoment).join("-")).join(", ");

/** The parts sorted and joined where they touch, without those that are too short. */
export function joinParts(parts) {
  const joined = [];
  for (const [from, to] of [...parts].sort((one, other) => one[0] - other[0])) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (to - from >= LEAST_S) joined.push([from, to]);
  }
  return joined;
}

/** "From here": the part around `time` now begins there. Outside all parts, a new one begins, up to the next part. */
export function keepFrom(parts, time, whole) {
  const around = parts.findIndex(([from, to]) => from < time && time < to);
  if (around >= 0) return joinParts(parts.with(around, [time, parts[around][1]]));
  const next = Math.min(whole, ...parts.map(([from]) => from).filter((from) => from > time));
  return joinParts([...parts, [time, next]]);
}

/** "To here": the part around `time` now ends there. Outside all parts, the previous one (or one from 0) does. */
export function keepTo(parts, time) {
  const around = parts.findIndex(([from, to]) => from < time && time < to);
  if (around >= 0) return joinParts(parts.with(around, [parts[around][0], time]));
  const before = parts.findLastIndex(([, to]) => to <= time);
  if (before >= 0) return joinParts(parts.with(before, [parts[before][0], time]));
  return joinParts([...parts, [0, time]]);
}

/**
 * Converts times of the player and of the recording. `keep` are the parts of the recording that the player shows ([] =
 * all), after opening credits of `openingS` seconds.
 */
export class Showing {
  constructor(keep = [], openingS = 0) {
    this.parts = keep.length ? joinParts(keep) : [[0, Infinity]];
    this.openingS = openingS;
  }

  /** The moment of the recording that the player shows at `time`. */
  toRecording(time) {
    let rest = Math.max(0, time - this.openingS);
    for (const [from, to] of this.parts) {
      if (rest <= to - from) return from + rest;
      rest -= to - from;
    }
    return this.parts.at(-1)[1];
  }

  /** The pieces of the player's timeline that show a part of the recording; it may have none, one or several. */
  toPlayer([begin, end]) {
    const pieces = [];
    let offset = this.openingS;
    for (const [from, to] of this.parts) {
      const [first, last] = [Math.max(begin, from), Math.min(end, to)];
      if (first < last) pieces.push([offset + first - from, offset + last - from]);
      offset += to - from;
    }
    return pieces;
  }
}
