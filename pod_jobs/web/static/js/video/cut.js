// Cutting in the player: the buttons "from here" and "to here", and a strip of the recording's pictures on which a
// person draws the parts to keep. The parts are stored only in the text field of the form.
import { byId, copyTemplate, make } from "../shared/dom.js";
import { shownTask } from "../shared/state.js";
import { _, clock } from "../shared/words.js";
import { percentAt, secondsAt } from "../player/rail.js";
import { showTile } from "../player/storyboard.js";
import { joinParts, keepFrom, keepTo, parseParts, Showing, writeMoment, writeParts } from "./parts.js";

const TILE_WIDTH_PX = 96;
const GRIP_PX = 12; // a press so near to an edge of a part moves the edge
const CLICK_PX = 4; // a shorter drag counts as a click, which goes to that moment

export class Cut {
  whole = 0; // seconds of the recording
  showing = new Showing();
  isOpen = false;

  /** `field`: the input with the parts as text. */
  constructor(field, player) {
    this.field = field;
    this.player = player;
    this.strip = byId("cut-strip");
    byId("cut-from").addEventListener("click", () => this.put(keepFrom(this.parts, this.here, this.whole)));
    byId("cut-to").addEventListener("click", () => this.put(keepTo(this.parts, this.here)));
    field.addEventListener("input", () => this.draw());
    player.media.addEventListener("timeupdate", () => this.isOpen && this.drawHead());
    this.strip.addEventListener("pointerdown", (event) => this.press(event));
    new ResizeObserver(() => this.drawTiles()).observe(this.strip);
  }

  /** Adapt the strip to `video`: its length, and the parts that its player shows. */
  fit(video) {
    const shown = shownTask(video);
    this.whole = video.facts?.duration_s || video.duration_s || 0;
    this.showing = new Showing(shown?.options.keep, shown?.infos?.opening_s);
    byId("cut").hidden = !(this.whole > 0 && video.playable);
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.draw();
    this.drawTiles();
  }

  /** The parts in the field; none if its text is invalid. */
  get parts() {
    return joinParts(parseParts(this.field.value) ?? []);
  }

  /** The moment of the recording that the player shows. */
  get here() {
    return Math.min(this.whole, Math.round(this.showing.toRecording(this.player.media.currentTime) * 10) / 10);
  }

  put(parts) {
    this.field.value = writeParts(parts);
    this.field.dispatchEvent(new Event("input"));
  }

  // drawing

  draw() {
    const { parts } = this;
    this.drawParts(parts);
    byId("cut-list").replaceChildren(...parts.map((part, index) => this.line(part, index)));
    this.player.timeline.markParts(this.isOpen ? parts.flatMap((part) => this.showing.toPlayer(part)) : []);
    this.drawHead();
  }

  drawParts(parts) {
    const boxes = parts.map(([from, to]) => {
      const box = make("i", { className: "cut-part" });
      box.style.left = `${percentAt(from, this.whole)}%`;
      box.style.width = `${percentAt(to, this.whole) - percentAt(from, this.whole)}%`;
      return box;
    });
    byId("cut-parts").replaceChildren(...boxes);
    this.strip.classList.toggle("has-parts", parts.length > 0);
  }

  drawHead() {
    byId("cut-head").style.left = `${percentAt(this.here, this.whole)}%`;
    byId("cut-now").textContent = writeMoment(this.here);
  }

  drawTiles() {
    const { cues } = this.player.timeline;
    const count = this.isOpen && cues.length && this.whole ? Math.ceil(this.strip.clientWidth / TILE_WIDTH_PX) : 0;
    const tiles = Array.from({ length: count }, (_unused, index) => {
      const tile = make("span", { className: "cut-tile" });
      const time = secondsAt((index + 0.5) * TILE_WIDTH_PX, { left: 0, width: this.strip.clientWidth }, this.whole);
      const [piece] = this.showing.toPlayer([time, this.whole]);
      const isShown = this.showing.toPlayer([time, time + 0.1]).length > 0;
      showTile(tile, isShown ? cues : [], piece?.[0] ?? 0, TILE_WIDTH_PX);
      tile.hidden = false; // parts that are cut out have no picture, but keep their place
      return tile;
    });
    byId("cut-tiles").replaceChildren(...tiles);
  }

  line(part, index) {
    const line = copyTemplate("cut-line");
    const [from, to] = part.map(writeMoment);
    line.querySelector("span").textContent = `${from} – ${to} (${clock(part[1] - part[0])})`;
    const remove = line.querySelector("button");
    remove.setAttribute("aria-label", _("Leave out {from} to {to}", { from, to }));
    remove.addEventListener("click", () => {
      this.put(this.parts.filter((_part, other) => other !== index));
      byId("cut-from").focus();
    });
    return line;
  }

  // drawing parts with mouse or finger

  /** Dragging an edge moves it; dragging elsewhere makes a new part. A click goes to that moment. */
  press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const rail = this.strip.getBoundingClientRect();
    const at = ({ clientX }) => Math.round(secondsAt(clientX, rail, this.whole) * 10) / 10;
    const others = this.parts;
    const held = this.grip(others, at(event), (GRIP_PX / rail.width) * this.whole);
    const fixed = held ? held.fixed : at(event);
    if (held) others.splice(held.index, 1);
    const drawn = (moment) => joinParts([...others, [Math.min(fixed, at(moment)), Math.max(fixed, at(moment))]]);
    const move = (moment) => this.drawParts(drawn(moment));
    const end = (moment) => {
      this.strip.removeEventListener("pointermove", move);
      if (moment.type === "pointercancel") return this.draw();
      if (Math.abs(moment.clientX - event.clientX) >= CLICK_PX) return this.put(drawn(moment));
      this.draw();
      this.goTo(at(moment));
    };
    this.strip.setPointerCapture(event.pointerId);
    this.strip.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) {
      this.strip.addEventListener(name, end, { once: true });
    }
  }

  /** The part with an edge within `reach` seconds of `time`, and its other edge; undefined if there is none. */
  grip(parts, time, reach) {
    for (const [index, [from, to]] of parts.entries()) {
      if (Math.abs(time - from) <= reach) return { index, fixed: to };
      if (Math.abs(time - to) <= reach) return { index, fixed: from };
    }
    return undefined;
  }

  goTo(time) {
    const [piece] = this.showing.toPlayer([time, this.whole]);
    if (piece) this.player.seek(piece[0]);
  }
}
