// The transcript beside the player: the captions of one language as text, which can be searched. A click on a line
// plays there. The line that is being said is marked, and stays in view until the viewer scrolls elsewhere.
import { all, byId, make, put } from "../shared/dom.js";
import { keep, recall } from "../shared/memory.js";
import { cutAt, findPassages, lastBefore } from "../shared/passages.js";
import { _, clock, languageName } from "../shared/words.js";

const SEARCH_AFTER_MS = 150;
const SCROLLING = ["wheel", "touchmove", "pointerdown", "keydown"]; // by a person, not by this module

export class Transcript {
  /** @type {TextTrack | null} */
  track = null;
  cues = [];
  lines = []; // the button of each cue
  passages = []; // what the search found; see findPassages
  isFollowing = true;

  constructor(player) {
    this.player = player;
    this.card = byId("transcript");
    this.list = byId("transcript-lines");
    this.field = byId("transcript-search");
    this.language = byId("transcript-language");
    this.card.open = recall("transcript", matchMedia("(min-width: 62rem)").matches);
    this.card.addEventListener("toggle", () => {
      keep("transcript", this.card.open);
      this.choose();
    });
    player.element.addEventListener("captionschange", () => this.choose());
    this.language.addEventListener("change", () => this.open(player.captions.tracks[Number(this.language.value)]));
    for (const name of ["timeupdate", "seeked"]) player.media.addEventListener(name, () => this.mark());
    this.wireList();
    this.wireSearch();
  }

  wireList() {
    this.list.addEventListener("click", ({ target }) => this.goTo(this.lines.indexOf(target.closest("button"))));
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusin", ({ target }) => this.makeReachable(target));
    for (const name of SCROLLING) this.list.addEventListener(name, () => this.follow(false), { passive: true });
    byId("transcript-follow").addEventListener("click", () => this.follow(true));
  }

  wireSearch() {
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), SEARCH_AFTER_MS);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.goToPassage(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape" && this.field.value) {
        this.field.value = "";
        this.search();
      } else return;
      event.preventDefault();
    });
  }

  /** Choose the language that the player shows, or the one that was open before, or the page's, or the first one. */
  choose() {
    const { tracks, shown } = this.player.captions;
    this.card.hidden = !tracks.length;
    this.language.hidden = tracks.length < 2;
    this.language.replaceChildren(...tracks.map(({ label }, index) => new Option(label, String(index))));
    const own = tracks.find(({ language }) => languageName(language) === languageName(document.documentElement.lang));
    if (this.card.open && tracks.length) this.open(shown ?? this.track ?? own ?? tracks[0]);
  }

  open(track) {
    this.language.value = String(this.player.captions.tracks.indexOf(track));
    if (track === this.track) return;
    this.track = track;
    this.player.captions.load(track, () => track === this.track && this.show(Array.from(track.cues ?? [])));
  }

  show(cues) {
    this.cues = cues;
    this.starts = cues.map(({ startTime }) => startTime);
    this.texts = cues.map((cue) => cue.getCueAsHTML().textContent.replace(/\s+/g, " ").trim());
    this.list.lang = this.track.language;
    let speaker = "";
    const items = cues.map((cue, index) => {
      const name = /<v(?:\.[^\s>]*)?\s+([^>]+)>/.exec(cue.text)?.[1] ?? "";
      const line = this.line(index, name !== speaker ? name : "");
      speaker = name;
      return make("li", {}, line);
    });
    this.list.replaceChildren(...items);
    this.lines = all("button", this.list);
    this.present = undefined;
    this.makeReachable(this.lines[0]);
    this.search();
    this.mark();
  }

  line(index, speaker) {
    const time = make("span", { className: "line-time", textContent: clock(this.starts[index]) });
    const said = make("span", { className: "line-text" }, this.texts[index]);
    const who = speaker ? [make("b", { className: "line-speaker" }, speaker)] : [];
    return make("button", { type: "button", className: "line", tabIndex: -1 }, time, ...who, said);
  }

  /** Let Tab reach one line at a time; arrows go to the others. */
  makeReachable(line) {
    if (!line || line === this.reachable) return;
    if (this.reachable) this.reachable.tabIndex = -1;
    line.tabIndex = 0;
    this.reachable = line;
  }

  key(event) {
    const seen = this.lines.filter((line) => !line.parentElement.hidden);
    const here = seen.indexOf(event.target);
    const place = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: seen.length - 1 }[event.key];
    if (place === undefined) return;
    event.preventDefault();
    seen[place]?.focus();
  }

  goTo(index) {
    if (index < 0) return;
    this.player.seek(this.starts[index]);
    this.player.media.play().catch(() => {}); // if the browser forbids it, only the position changes
    this.follow(true);
  }

  // following

  follow(isFollowing) {
    this.isFollowing = isFollowing;
    byId("transcript-follow").hidden = isFollowing;
    if (isFollowing) this.bringIntoSight();
  }

  mark() {
    if (!this.cues.length) return;
    const index = lastBefore(this.starts, this.player.media.currentTime + 0.05); // a seek may end slightly early
    if (index === this.present) return;
    this.lines[this.present]?.removeAttribute("aria-current");
    this.lines[index]?.setAttribute("aria-current", "true");
    this.present = index;
    if (this.isFollowing) this.bringIntoSight();
  }

  /** Scroll only the list, never the page. */
  bringIntoSight() {
    const line = this.lines[this.present];
    if (!line || line.parentElement.hidden) return;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.list.scrollTo({ top: line.parentElement.offsetTop - this.list.clientHeight / 3, behavior });
  }

  // search

  /** Search: show only the lines with the searched words. */
  search() {
    this.passages = findPassages(this.texts ?? [], this.field.value);
    const isSearching = this.field.value.trim() !== "";
    const marks = Map.groupBy(this.passages.flat(), ({ line }) => line);
    this.lines.forEach((line, index) => {
      const own = marks.get(index) ?? [];
      line.parentElement.hidden = isSearching && !own.length;
      if (!own.length && !line.querySelector("mark")) return;
      const parts = cutAt(
        this.texts[index],
        own.map(({ from, to }) => [from, to]),
      );
      const said = parts.map(([text, isMarked]) => (isMarked ? make("mark", {}, text) : text));
      line.querySelector(".line-text").replaceChildren(...said);
    });
    this.passage = -1;
    this.makeReachable(this.lines.find((line) => !line.parentElement.hidden));
    put(byId("transcript-found"), isSearching ? _("Passages: {count}", { count: this.passages.length }) : "");
    if (!isSearching) this.bringIntoSight();
  }

  /** Enter goes to the next passage, Shift+Enter to the previous one. */
  goToPassage(step) {
    const { length } = this.passages;
    if (!length) return;
    this.passage = this.passage < 0 && step < 0 ? length - 1 : (this.passage + step + length) % length;
    this.player.seek(this.starts[this.passages[this.passage][0].line]);
    this.follow(true);
    put(byId("transcript-found"), _("Passage {number} of {count}", { number: this.passage + 1, count: length }));
  }
}
