// What mouse and fingers do on the picture, and when the controls fade.
import { _ } from "../shared/words.js";

const HIDE_AFTER_MS = 2_500;
const DOUBLE_TAP_MS = 300;
const STEP_S = 10; // of a double tap
const SIDE = 1 / 3; // the share of the width, left and right, where a double tap jumps

export class Pointer {
  isTouch = false; // true: the latest press was by a finger
  isByKey = false; // true: the latest press was on a key
  lastTap = -Infinity; // instant of an event, in ms

  constructor(player) {
    this.player = player;
    this.element = player.element;
    this.wireStirring();
    this.wirePicture();
    this.keepFocus();
  }

  /** Let the controls fade while the picture plays and nothing moves. With a finger, a tap brings them back (`tap`). */
  wireStirring() {
    const { element } = this;
    element.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.stir());
    element.addEventListener("pointerdown", (event) => {
      this.isTouch = event.pointerType === "touch";
      this.isByKey = false;
      // not when a finger presses: the controls would appear under it and take the tap
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

  /**
   * After a click, move the focus to the player, where shortcuts work. On a control, Space would press it again. A
   * control that hides itself leaves the focus to the player, too, also when a key pressed it.
   */
  keepFocus() {
    const focus = ({ target }) => {
      if (!this.isByKey && !target.closest(".player-menu, .player-captions"))
        this.element.focus({ preventScroll: true });
    };
    this.element.addEventListener("click", (event) => event.target.matches("select, input") || focus(event));
    this.element.addEventListener("change", focus);
    const attributeFilter = ["class", "hidden"];
    new MutationObserver(() => this.catchFocus()).observe(this.element, {
      attributes: true,
      attributeFilter,
      subtree: true,
    });
  }

  catchFocus() {
    const { activeElement: active } = document;
    const isLost = active && this.element.contains(active) && active.getClientRects().length === 0;
    if (isLost) this.element.focus({ preventScroll: true });
  }

  get isQuiet() {
    const { classList } = this.element;
    return classList.contains("is-quiet") && !classList.contains("is-sound"); // without a picture, the controls stay
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

  /** One tap shows or hides the controls, or starts a paused player. Two taps jump at the sides, or fill the screen. */
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
