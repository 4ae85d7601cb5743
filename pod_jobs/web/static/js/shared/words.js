// Texts, figures and times in the language of the page.
import french, { kinds } from "../../../words.js";

const language = document.documentElement.lang || "en";
const calendar = language === "en" ? "en-GB" : language; // "en" alone means American dates: 11/22/26, 9:30 AM

/** The translation of an English text; {names} in it are replaced from `values`. */
export function _(text, values = {}) {
  const template = french[text] ?? text;
  return template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/**
 * The words of a task's job type; only a few for a kind that this version does not know.
 * @type {(task: {kind: string}) => {name: string, steps: Record<string, string>} & Record<string, any>}
 */
export const kindWords = ({ kind }) => kinds[kind] ?? { name: kind, steps: {} };

/** @type {(name: string, digits?: number, display?: "short" | "long") => Intl.NumberFormat} */
const unit = (name, digits = 0, display = "short") =>
  new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: display, maximumFractionDigits: digits });
const formats = {
  percent: new Intl.NumberFormat(language, { style: "percent" }),
  factor: new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  ago: new Intl.RelativeTimeFormat(language, { numeric: "auto" }),
  date: new Intl.DateTimeFormat(calendar, { dateStyle: "medium", timeStyle: "short" }),
  exact: new Intl.DateTimeFormat(calendar, { dateStyle: "medium", timeStyle: "medium" }),
  time: new Intl.DateTimeFormat(calendar, { timeStyle: "medium" }),
  minute: new Intl.DateTimeFormat(calendar, { timeStyle: "short" }),
  day: new Intl.DateTimeFormat(calendar, { day: "numeric", month: "short" }),
  dayOfYear: new Intl.DateTimeFormat(calendar, { day: "numeric", month: "short", year: "numeric" }),
  number: new Intl.NumberFormat(language),
  bytes: ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map((name, power) =>
    unit(name, power > 1 ? 1 : 0, power ? "short" : "long"),
  ),
  spans: { second: unit("second"), minute: unit("minute"), hour: unit("hour") },
  long: { second: unit("second", 0, "long"), minute: unit("minute", 0, "long"), hour: unit("hour", 0, "long") },
};

/** 0.42 -> "42 %"; rounded down, so that 100 % means done. */
export const percent = (fraction) => formats.percent.format(Math.floor(fraction * 100) / 100);

/** Ratio to real time: 1.84 -> "1.8×". */
export const factor = (ratio) => `${formats.factor.format(ratio)}×`;

export function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), formats.bytes.length - 1);
  return formats.bytes[power].format(count / 1000 ** power);
}

/**
 * Seconds as on a clock: 65 -> "1:05", 3661 -> "1:01:01". An encoded file may end some milliseconds before or after its
 * source, so 10.998 counts as 11.
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.05));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Seconds in words, for progress; rounded much, so that the text does not change all the time. */
export function span(seconds) {
  if (seconds < 10) return formats.spans.second.format(Math.max(1, Math.round(seconds)));
  if (seconds < 55) return formats.spans.second.format(Math.ceil(seconds / 5) * 5);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return formats.spans.minute.format(minutes);
  return [
    formats.spans.hour.format(Math.floor(minutes / 60)),
    minutes % 60 && formats.spans.minute.format(minutes % 60),
  ]
    .filter(Boolean)
    .join(" ");
}

/** Seconds spelled out, for screen readers: 65 -> "1 minute 5 seconds". */
export function spoken(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = { hour: Math.floor(whole / 3600), minute: Math.floor(whole / 60) % 60, second: whole % 60 };
  const said = Object.entries(parts).filter(([name, count]) => count || (name === "second" && whole < 60));
  return said.map(([name, count]) => formats.long[name].format(count)).join(" ");
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const AGO = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago an ISO instant was: "3 minutes ago"; the first minute is "now". */
export function ago(instant) {
  const seconds = (Date.parse(instant) - Date.now()) / 1000;
  const [name, length] = AGO.find(([, unitSeconds]) => -seconds >= unitSeconds) ?? ["second", Infinity];
  return formats.ago.format(Math.min(0, Math.ceil(seconds / length)), name);
}

/** "22 Nov 2026, 09:30" */
export const date = (instant) => formats.date.format(new Date(instant));
/** "22 Nov 2026, 09:30:05" */
export const exactDate = (instant) => formats.exact.format(new Date(instant));
export const time = (instant) => formats.time.format(new Date(instant));

/** As the server tells moments: "14:05" for today, else "27 Nov, 14:05"; with the year when it is another one. */
export function moment(instant, now = new Date()) {
  const at = new Date(instant);
  if (at.toDateString() === now.toDateString()) return formats.minute.format(at);
  const day = at.getFullYear() === now.getFullYear() ? formats.day : formats.dayOfYear;
  return `${day.format(at)}, ${formats.minute.format(at)}`;
}

export const number = (count) => formats.number.format(count);

/** What the platform did. These ids end in the infinitive, and a viewer's "completed" is another thing. */
const OF_THE_PLATFORM = { complete: "encoding completed", attach: "attached", submit: "submitted" };
const ACTIVITY_STREAMS = "http://activitystrea.ms/";

/** The English name of a verb of xAPI: ".../verbs/played" -> "played". */
export function verbName(iri) {
  const last = iri.split(/[/#]/).at(-1) || iri;
  return (iri.startsWith(ACTIVITY_STREAMS) && OF_THE_PLATFORM[last]) || last;
}

/** The names of several verbs, by their ids. Two of one name tell also whose they are: "completed (a.example)". */
export function verbNames(iris) {
  const names = new Map([...new Set(iris)].map((iri) => [iri, verbName(iri)]));
  const all = [...names.values()];
  const isAlone = (name) => all.filter((other) => other === name).length === 1;
  for (const [iri, name] of names) if (!isAlone(name)) names.set(iri, `${name} (${owner(iri)})`);
  return names;
}

function owner(iri) {
  const [, host = iri] = iri.match(/^\w+:\/\/([^/]+)/) ?? [];
  return host;
}

/** "fra" or "fr" -> "français" (in the page's language); an unknown code stays as it is. */
export function languageName(code) {
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code);
  } catch {
    return code;
  }
}
