// The caption editor: cues, undo, the draft, and saving. People can save in spite of warnings.
import { call, Problem, problem, root } from "../shared/api.js";
import { all, answerOf, byId, make, put, whenConfirmed } from "../shared/dom.js";
import { say, showConnection, toast, toastProblem } from "../shared/notices.js";
import { _ } from "../shared/words.js";
import { conflictRow } from "./conflict.js";
import { Drafts } from "./drafts.js";
import { actOf } from "./keys.js";
import * as model from "./model.js";
import { Rows } from "./rows.js";
import { Waveform } from "./waveform.js";
import { nextDoubt, replacedWords, trusted } from "./words.js";

const DRAFT_AFTER_MS = 3_000;
const NOTE_AFTER_MS = 300; // the copy in the browser
const SAY_AFTER_MS = 1_000; // without a key, until a screen reader tells what is wrong with the caption

export class Editor {
  past = new model.Past();
  present = 0; // index of the caption that is being edited
  dirty = false;
  isSaving = false;

  hasEnded = false; // the session

  /**
   * `media` plays the recording; `address` is the address of the track in the API; `rules` come from the settings;
   * `person` is the id of who edits.
   */
  constructor(media, { address, rules, person }) {
    this.media = media;
    this.address = address;
    this.drafts = new Drafts(address, person, () => localStorage);
    this.onSaved = (_track) => {};
    this.showing = null; // converts times of player and recording; null: they are the same
    this.rows = new Rows(byId("captions"), rules, {
      text: (index, text) => {
        this.edit((cues) => model.retext(cues, index, text), `text ${index}`);
        this.tellLater(index);
      },
      time: (index, which, at) => this.setTime(index, which, at),
      speaker: (index, speaker) => this.edit((cues) => model.change(cues, index, { speaker })),
      focus: (index) => (this.present = index),
      seek: (index) => this.seek(this.cues[index].start, this.cues[index].end),
    });
    this.waveform = new Waveform(byId("waveform"), {
      now: () => this.now,
      seek: (at) => this.seek(at),
    });
    this.wire();
  }

  /** Begin with the answer of the API, and with the draft of this person if there is one. */
  open(track) {
    this.version = this.base = track.version;
    this.cues = this.saved = model.fromDocuments(track.cues);
    const draft = this.drafts.open(track.draft);
    const isOther = draft && JSON.stringify(draft.cues) !== JSON.stringify(track.cues);
    if (isOther) {
      this.base = draft.base;
      this.cues = model.fromDocuments(draft.cues);
      toast(_("Your unsaved changes are here again."));
    }
    this.setDirty(Boolean(isOther));
    this.show();
    this.openPeaks();
  }

  async openPeaks() {
    const response = await fetch(`${this.address}/peaks`, { signal: AbortSignal.timeout(20_000) }).catch(() => null);
    if (response?.ok) this.waveform.peaks = new Uint8Array(await response.arrayBuffer());
    byId("waveform").hidden = !this.waveform.peaks.length;
    this.draw();
  }

  show() {
    this.rows.show(this.cues);
    put(byId("caption-count"), _("Captions: {count}", { count: this.cues.length }));
    byId("no-captions").hidden = this.cues.length > 0;
    this.draw();
  }

  draw() {
    const index = model.cueAt(this.cues, this.now);
    this.waveform.draw(this.cues, index);
    this.rows.mark(index, !this.media.paused && !byId("captions").contains(document.activeElement));
  }

  edit(act, place = "") {
    const changed = act(this.cues);
    if (changed === this.cues) return;
    this.past.keep(this.cues, place);
    this.become(changed);
  }

  become(cues) {
    this.cues = cues;
    this.setDirty(true);
    this.show();
  }

  setDirty(dirty) {
    this.dirty = dirty;
    byId("save").disabled = byId("discard").disabled = !dirty;
    put(byId("saved"), dirty ? _("Not saved yet") : _("Saved"));
    if (dirty) return this.keepDraftSoon();
    this.keepNoDraft();
    this.drafts.forget();
  }

  setTime(index, which, at) {
    const cue = this.cues[index];
    if (!cue) return;
    const wrong = at === null || (which === "start" ? at >= cue.end : at <= cue.start);
    if (wrong) {
      toast(_("A caption must end after it begins; write times as 1:15.5."), { error: true });
      return this.rows.fill(this.rows.rows[index]);
    }
    const changed = { ...cue, [which]: at };
    this.edit((cues) => cues.with(index, changed).sort((a, b) => a.start - b.start));
    const moved = this.cues.indexOf(changed);
    if (moved !== index) this.rows.enter(moved); // the row of before shows another caption now
  }

  /** The moment of the recording that the player shows. Captions have times of the recording, also when it is cut. */
  get now() {
    const time = this.media.currentTime;
    return this.showing ? this.showing.toRecording(time) : time;
  }

  /** Go to the first moment from `at` to `until` that the player shows. */
  seek(at, until = at + 0.1) {
    const [piece] = this.showing ? this.showing.toPlayer([at, until]) : [[at]];
    if (!piece) return toast(_("This part was cut out of what the player shows."));
    this.media.currentTime = piece[0];
    this.draw();
  }

  // what buttons and keys do

  undo = () => this.go(this.past.back(this.cues));
  redo = () => this.go(this.past.forth(this.cues));

  go(cues) {
    if (cues) this.become(cues);
  }

  split = () => {
    const { text } = this.rows.rows[this.present]?.fields ?? {};
    if (!text) return;
    const made = model.split(this.cues, this.present, text.selectionStart);
    if (made === this.cues) return toast(_("Put the cursor between two words first."));
    this.edit(() => made);
    this.rows.enter(this.present + 1, 0);
  };

  merge = () => {
    const made = model.merge(this.cues, this.present);
    if (made === this.cues) return toast(_("No caption follows this one closely."));
    this.edit(() => made);
    this.rows.enter(this.present);
  };

  insert = () => {
    const at = this.now;
    this.edit((cues) => model.insert(cues, at));
    this.rows.enter(model.cueAt(this.cues, at));
  };

  remove = () => {
    this.edit((cues) => cues.filter((_cue, index) => index !== this.present));
    this.rows.enter(Math.min(this.present, this.cues.length - 1));
  };

  fromHere = () => this.setTime(this.present, "start", this.now);
  toHere = () => this.setTime(this.present, "end", this.now);
  here = () => this.rows.enter(this.present);
  toButtons = () => all(":is(#offers, #edit) button:enabled")[0].focus();
  before = () => this.rows.enter(Math.max(this.present - 1, 0));
  after = () => this.rows.enter(Math.min(this.present + 1, this.cues.length - 1));
  hear = () => {
    const { start = 0, end } = this.cues[this.present] ?? {};
    this.seek(start, end);
    this.media.play();
  };
  playPause = () => (this.media.paused ? this.media.play() : this.media.pause());

  nextDoubt = () => {
    const { text } = this.rows.rows[this.present]?.fields ?? {};
    const found = nextDoubt(this.cues, this.present, text?.selectionEnd ?? 0);
    if (!found) return toast(_("No word is in doubt."));
    this.rows.enter(found.index, found.from, found.to);
    this.seek(this.cues[found.index].start, this.cues[found.index].end);
  };

  /** The chosen words, or the one at the cursor, are right as they stand. */
  trust = () => {
    const { text } = this.rows.rows[this.present]?.fields ?? {};
    if (!text) return;
    const words = trusted(this.cues[this.present], text.selectionStart, text.selectionEnd);
    this.edit((cues) => model.change(cues, this.present, { words }));
  };

  help = () => /** @type {any} */ (byId("shortcuts")).showModal();

  wire() {
    this.wireFind();
    for (const button of all("[data-act]")) button.addEventListener("click", () => this[button.dataset.act]());
    byId("save").addEventListener("click", () => this.save());
    for (const name of ["timeupdate", "seeked", "play", "pause"]) this.media.addEventListener(name, () => this.draw());
    addEventListener("resize", () => this.draw());
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeunload", (event) => {
      const isSafe = this.hasEnded && this.drafts.isKept; // who signs in again finds the changes here
      if (this.dirty && !isSafe) event.preventDefault();
    });
    addEventListener("pagehide", () => {
      if (!this.dirty) return;
      this.drafts.note(this.changes);
      this.drafts.sendAtTheEnd(this.changes);
    });
    whenConfirmed(byId("shift-dialog"), "shift", () => this.shift());
    byId("shift").addEventListener("click", () => {
      byId("shift-dialog").showModal();
      byId("shift-by").select();
    });
    byId("speakers").addEventListener("click", () => this.askSpeaker());
    whenConfirmed(byId("speakers-dialog"), "name", () => this.nameSpeaker());
  }

  key(event) {
    const act = actOf(event);
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.rows.takeField();
    this[act]();
  }

  /** Let a screen reader tell what is wrong with a caption when its writer pauses, if that is something new. */
  tellLater(index) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const words = this.rows.faultsOf(index);
      if (words !== this.told) say(words);
      this.told = words;
    }, SAY_AFTER_MS);
  }

  wireFind() {
    const [dialog, wanted, replacement] = [byId("find-dialog"), byId("find-text"), byId("find-replacement")];
    const preview = () => {
      const found = model.findAll(this.cues, wanted.value, replacement.value);
      put(byId("find-count"), _("Captions: {count}", { count: found.length }));
      byId("find-preview").replaceChildren(
        ...found
          .slice(0, 20)
          .map(({ before, after }) => make("li", {}, make("del", {}, before), " ", make("ins", {}, after))),
      );
    };
    for (const field of [wanted, replacement]) field.addEventListener("input", preview);
    this.find = () => {
      const replaced = this.replacedHere(); // who has corrected a word may want it corrected everywhere
      if (replaced) [wanted.value, replacement.value] = [replaced.from, replaced.to];
      preview();
      dialog.showModal();
      wanted.select();
    };
    whenConfirmed(dialog, "replace", () => {
      const found = model.findAll(this.cues, wanted.value, replacement.value);
      this.edit((cues) => found.reduce((all_, { index, after }) => model.retext(all_, index, after), cues));
      say(_("Captions: {count}", { count: found.length }));
    });
  }

  /** The words that were replaced in the present caption since it was saved, {from, to}, or null. */
  replacedHere() {
    const cue = this.cues[this.present];
    const before = cue && this.saved.find(({ start }) => start === cue.start);
    return before ? replacedWords(before.text, cue.text) : null;
  }

  shift() {
    const by = Number(byId("shift-by").value.replace(",", "."));
    if (!Number.isFinite(by)) return toast(_("Write seconds, for instance 0.5 or -2."), { error: true });
    const from = byId("shift-from").value === "here" ? this.present : 0;
    const seconds = model.possibleShift(this.cues, from, by);
    if (seconds !== by)
      toast(_("No caption can begin before 0: shifted by {seconds} s.", { seconds: seconds.toFixed(3) }));
    if (seconds) this.edit((cues) => model.shift(cues, from, by));
  }

  askSpeaker() {
    byId("speakers-name").value = this.cues[this.present]?.speaker ?? "";
    byId("speakers-from").value = byId("speakers-to").value = String(this.present + 1);
    for (const name of ["from", "to"]) byId(`speakers-${name}`).max = String(this.cues.length);
    byId("speakers-dialog").showModal();
  }

  nameSpeaker() {
    const [from, to] = ["from", "to"].map((name) => Number(byId(`speakers-${name}`).value) - 1);
    const speaker = byId("speakers-name").value.trim();
    this.edit((cues) => model.nameSpeaker(cues, Math.min(from, to), Math.max(from, to), speaker));
  }

  // saving

  async save() {
    if (!this.dirty || this.isSaving) return; // the key works also while the button is disabled
    this.isSaving = true;
    const hadFocus = document.activeElement === byId("save");
    byId("save").disabled = true;
    const { cues, changes } = this;
    this.keepNoDraft(); // none may reach the server after what is saved
    await this.drafts.settled();
    try {
      const track = await call("PUT", this.address, changes);
      this.version = this.base = track.version;
      this.saved = cues;
      this.setDirty(this.cues !== cues); // somebody may have gone on writing
      if (this.hasEnded) showConnection(null);
      this.hasEnded = false;
      say(_("Saved"));
      this.onSaved(track);
    } catch (fault) {
      this.setDirty(true);
      if (!(fault instanceof Problem)) throw fault;
      if (fault.status === 409) return this.settle();
      if (fault.status === 401) this.endSession(fault);
      else toastProblem(fault);
    } finally {
      this.isSaving = false;
      if (hadFocus && document.activeElement === document.body) byId("edit").querySelector("button:enabled").focus();
    }
  }

  /** What is not saved yet, as the API takes it. */
  get changes() {
    return { base: this.base, cues: model.toDocuments(this.cues) };
  }

  endSession(fault) {
    this.hasEnded = true;
    this.drafts.note(this.changes);
    showConnection(fault);
  }

  /** Give up what is not saved. `undo` still brings it back. */
  async forgetChanges() {
    this.keepNoDraft();
    await this.drafts.settled();
    await call("DELETE", this.drafts.address);
    this.past.keep(this.cues);
    this.setDirty(false);
  }

  /** Somebody else has saved: show both versions, and let the person decide. */
  async settle() {
    const [theirs, base] = await Promise.all([
      call("GET", this.address),
      call("GET", `${this.address}/versions/${this.base}`),
    ]);
    const other = model.fromDocuments(theirs.cues);
    const found = model.differences(model.fromDocuments(base.cues), this.cues, other);
    byId("conflict-rows").replaceChildren(...found.map((one) => conflictRow(one)));
    const dialog = byId("conflict");
    dialog.onclose = () => {
      byId("save").disabled = false;
      if (answerOf(dialog) !== "merge") return;
      this.past.keep(this.cues);
      this.base = theirs.version;
      this.become(model.merged(this.cues, found));
      this.save();
    };
    dialog.showModal();
  }

  /** The browser's copy follows each change within a moment, the server's within seconds. */
  keepDraftSoon() {
    this.noting ||= setTimeout(() => {
      this.noting = 0;
      this.drafts.note(this.changes);
    }, NOTE_AFTER_MS);
    this.sending ||= setTimeout(() => this.sendDraft(), DRAFT_AFTER_MS);
  }

  keepNoDraft() {
    clearTimeout(this.noting);
    clearTimeout(this.sending);
    this.noting = this.sending = 0;
  }

  async sendDraft() {
    this.sending = 0;
    const status = await this.drafts.send(this.changes);
    if (status === 401 && this.dirty) this.endSession(problem(401, ""));
  }
}

export const addressOf = (video, track) => `${root}api/v1/videos/${video}/captions/${track}`;
