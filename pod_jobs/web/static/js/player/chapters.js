// The chapters of a video: a list beside the player, and marks on the timeline.
import { byId, make } from "../shared/dom.js";
import { clock } from "../shared/words.js";

export class Chapters {
  /** @type {{startTime: number, endTime: number, text: string}[]} */
  cues = [];

  constructor(player) {
    this.player = player;
    this.media = player.media;
  }

  /** Load the chapters at the address `url`, unless they are loaded already. */
  add(url) {
    if (!url || this.media.querySelector(`track[src="${CSS.escape(url)}"]`)) return;
    const element = make("track", { kind: "chapters", src: url });
    element.addEventListener("load", () => this.show(Array.from(element.track.cues ?? [])));
    this.media.append(element);
    element.track.mode = "hidden";
  }

  /** The title of the chapter at `time` (s); "" = there is none. */
  titleAt(time) {
    return this.cues.find(({ startTime, endTime }) => startTime <= time && time < endTime)?.text ?? "";
  }

  show(cues) {
    this.cues = cues;
    this.player.timeline.markChapters(cues.map(({ startTime }) => startTime));
    const list = byId("chapters");
    if (!list || !cues.length) return;
    list.querySelector("ol").replaceChildren(...cues.map((cue) => make("li", {}, this.button(cue))));
    list.hidden = false;
  }

  button({ startTime, text }) {
    const time = make("span", { className: "chapter-time", textContent: clock(startTime) });
    const button = make("button", { type: "button", className: "chapter" }, time, " ", text);
    button.addEventListener("click", () => {
      this.player.seek(startTime);
      this.media.play();
    });
    return button;
  }
}
