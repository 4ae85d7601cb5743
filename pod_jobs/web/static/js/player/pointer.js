// Mouse and fingers on the picture, and when the controls fade.
import { _ } from "../shared/words.js";

const HIDE_AFTER_MS = 2_500;
const DOUBLE_TAP_MS = 300;
const STEP_S = 10; // of a double tap
const SIDE = 1 / 3; // the share of the width, left and right, where a double tap jumps

export class Pointer {
  isTouch = false; // the latest press was a finger's
  isByKey = false; // a key was the latest that was pressed
  lastTap = -Infinity; // instant of an event, in ms

  constructor(player) {
    this.player = player;
    this.element = player.element;
    this.wireStirring();
    this.wirePicture();
    this.keepFocus();
  }

  /** Controls fade while the picture plays and nothing moves. Fingers bring them back by a tap, see `tap`. */
  wireStirring() {
    const { element } = this;
    element.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.stir());
    element.addEventListener("pointerdown", (event) => {
      this.isTouch = event.pointerType === "touch";
      this.isByKey = false;
      // not on a finger's first press: the controls would appear under it and take the tap
      if (!this.isTouch || !this.isQuiet) this.stir();
    });
    element.addEventListener("keydown", () => {
      this.isTouch = false;
      this.isByKey = true;
      this.stir();
    });
    element.addEventListener("focusin", () => this.isTouch || this.stir());
  }

  wirePicture() {
    const { media } = this.player;
    media.addEventListener("click", (event) => (this.isTouch ? this.tap(event) : this.player.playPause()));
    media.addEventListener("dblclick", () => this.isTouch || this.player.fullscreen());
  }

  /** After a click the focus is in the player, where shortcuts work, and not on a control that Space would press. */
  keepFocus() {
    const focus = ({ target }) => {
      if (!this.isByKey && !target.closest(".player-menu, .player-captions"))
        this.element.focus({ preventScroll: true });
    };
    this.element.addEventListener("click", (event) => event.target.matches("select, input") || focus(event));
    this.element.addEventListener("change", focus);
  }

  get isQuiet() {
    const { classList } = this.element;
    return classList.contains("is-quiet") && !classList.contains("is-sound"); // sound alone keeps its controls
  }

  stir() {
    this.element.classList.remove("is-quiet");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), HIDE_AFTER_MS);
  }

  hide() {
    const isUsed = this.element.querySelector(".player-bar :focus-visible, .player-menu:not([hidden])");
    if (!this.player.media.paused && !isUsed) this.element.classList.add("is-quiet");
  }

  /** One tap shows or hides the controls, or plays what is paused. Two jump at the sides, or fill the screen. */
  tap(event) {
    const { media } = this.player;
    const box = media.getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width;
    const isSecond = event.timeStamp - this.lastTap < DOUBLE_TAP_MS;
    this.lastTap = event.timeStamp;
    clearTimeout(this.tapTimer);
    if (isSecond) return this.doubleTap(place);
    if (this.isQuiet) return this.stir();
    this.tapTimer = setTimeout(() => (media.paused ? this.player.playPause() : this.hide()), DOUBLE_TAP_MS);
  }

  doubleTap(place) {
    this.stir();
    if (place >= SIDE && place <= 1 - SIDE) return this.player.fullscreen();
    const isBack = place < SIDE;
    this.player.jump(isBack ? -STEP_S : STEP_S);
    this.player.say(isBack ? _("10 seconds back") : _("10 seconds forward"));
  }
}
