// Captions: the choice of a language, their size and their background. An element of ours shows the cues, so that they
// stay above the controls and look the same in every browser.
import { all, make } from "../shared/dom.js";
import { keep, recall } from "../shared/memory.js";
import { trackName } from "../shared/tracks.js";
import { _ } from "../shared/words.js";

export class Captions {
  /** @type {TextTrack | null} */
  shown = null;

  constructor(player) {
    this.player = player;
    this.media = player.media;
    this.button = player.part("captions");
    this.menu = player.part("menu");
    this.track = player.part("menu-track");
    this.wireMenu();
    this.wireLook("size");
    this.wireLook("ground");
    // full screen on an iPhone shows only the browser's own captions
    this.media.addEventListener("webkitbeginfullscreen", () => this.setMode("showing"));
    this.media.addEventListener("webkitendfullscreen", () => this.setMode("hidden"));
  }

  wireMenu() {
    this.button.addEventListener("click", () => this.openMenu(this.menu.hidden));
    this.track.addEventListener("change", () => {
      this.show(this.track.value ? this.tracks[Number(this.track.value)] : null);
      keep("captions", this.language);
    });
    this.player.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.menu.hidden) return;
      this.openMenu(false);
      this.button.focus();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.menu.contains(target) && !this.button.contains(target)) this.openMenu(false);
    });
  }

  openMenu(isOpen) {
    this.menu.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.track.focus();
  }

  /** Set "size" or "ground" (`name`); the style sheet defines what each value looks like. */
  wireLook(name) {
    const select = this.player.part(`menu-${name}`);
    const cues = this.player.part("cues");
    const remembered = recall(`captions.${name}`, select.value);
    if (Array.from(select.options).some(({ value }) => value === remembered)) select.value = remembered;
    cues.dataset[name] = select.value;
    select.addEventListener("change", () => {
      cues.dataset[name] = select.value;
      keep(`captions.${name}`, select.value);
    });
  }

  get tracks() {
    return Array.from(this.media.textTracks).filter(({ kind }) => kind === "captions");
  }

  /** The language code of the captions that are shown; "und" = unknown, "" = none are shown. */
  get language() {
    return this.shown ? this.shown.language || "und" : "";
  }

  /** Add the tracks in `play` (addresses that the API gives) that the player does not have yet. */
  add(play) {
    for (const track of play.captions) {
      const { language, url } = track;
      if (this.media.querySelector(`track[src="${CSS.escape(url)}"]`)) continue;
      const label = trackName(track, play.captions);
      const element = make("track", { kind: "captions", src: url, srclang: language, label });
      this.media.append(element);
      element.track.addEventListener("cuechange", () => this.showCues());
      if (!this.shown && (language || "und") === recall("captions", "")) this.show(element.track);
    }
    this.button.hidden = play.captions.length === 0;
    const names = this.tracks.map(({ label }, index) => new Option(label, String(index)));
    this.track.replaceChildren(new Option(_("Off"), ""), ...names);
    this.showChoice();
    this.tell();
  }

  /** Show the captions of `track`; null = none. */
  show(track) {
    this.shown = track;
    this.setMode("hidden"); // the browser loads and follows the track, and does not draw it
    this.showChoice();
    this.showCues();
    this.tell();
  }

  /** Tell the transcript and the learning traces which languages there are, and which one is shown. */
  tell() {
    this.player.element.dispatchEvent(new Event("captionschange"));
  }

  /** Call `act` when the cues of `track` are loaded. */
  load(track, act) {
    const element = all("track", this.media).find((one) => one.track === track);
    if (element.readyState === HTMLTrackElement.LOADED) return act();
    element.addEventListener("load", act, { once: true });
    if (track.mode === "disabled") track.mode = "hidden";
  }

  setMode(mode) {
    if (this.shown) this.shown.mode = mode;
  }

  showChoice() {
    this.button.classList.toggle("is-on", this.shown !== null);
    this.track.value = this.shown ? String(this.tracks.indexOf(this.shown)) : "";
  }

  showCues() {
    const active = /** @type {any[]} */ (Array.from(this.shown?.activeCues ?? []));
    const cues = active.map((cue) => make("p", {}, make("span", {}, cue.getCueAsHTML())));
    const box = this.player.part("cues");
    box.lang = this.shown?.language ?? "";
    box.replaceChildren(...cues);
  }

  /** Switch from off to the first language, to the second one … and off again. */
  next() {
    const { tracks } = this;
    if (!tracks.length) return;
    this.show(tracks[tracks.indexOf(this.shown) + 1] ?? null);
    keep("captions", this.language);
    this.player.say(this.shown ? _("Captions: {language}", { language: this.shown.label }) : _("Captions off"));
  }
}
