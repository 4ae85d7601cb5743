// The page of one caption track: the recording, and its captions to be corrected beside it.
import { beginning, inWords } from "../captions/conflict.js";
import { showCorrections, showOffers } from "../captions/corrections.js";
import { addressOf, Editor } from "../captions/editor.js";
import { differences, fromDocuments } from "../captions/model.js";
import { Player } from "../player/player.js";
import { call, root } from "../shared/api.js";
import { answerOf, byId, make, put, whileBusy } from "../shared/dom.js";
import { toastProblem } from "../shared/notices.js";
import { stateWords } from "../shared/tracks.js";
import { _, exactDate } from "../shared/words.js";
import { Showing } from "../video/parts.js";

const page = byId("captions-page");
const { video, track, rules, person } = page.dataset;
const address = addressOf(video, track);
const player = new Player(byId("player"));
const editor = new Editor(player.media, { address, rules: JSON.parse(rules), person });

const NOTES = { recognised: _("recognised"), imported: _("imported"), edited: _("edited") };

/** How a version came about, in words. */
const noteWords = (note) =>
  NOTES[note] ?? note.replace(/^restored (\d+)$/, (_all, number) => _("version {number} restored", { number }));

function showState(found) {
  put(byId("track-state"), stateWords(found));
  byId("needs-check").hidden = !found.needs_check;
  byId("newer").hidden = found.newer_automatic === null;
  byId("newer").dataset.version = String(found.newer_automatic ?? "");
}

async function showVersions() {
  const { versions } = await call("GET", `${address}/versions`);
  byId("versions").replaceChildren(
    ...versions.map(({ number, note, author, created_at }, index) => {
      const words = `${number} · ${noteWords(note)} · ${author ?? _("Automatic")} · ${exactDate(created_at)}`;
      const id = `version-${number}`;
      const buttons = [
        [_("Differences"), showDifferences],
        [_("Restore"), restore],
      ].map(([name, act]) => {
        const button = make("button", { type: "button" }, name);
        button.setAttribute("aria-describedby", id);
        button.addEventListener("click", () => whileBusy(button, () => act(number, button)));
        return button;
      });
      return make("li", {}, make("span", { id }, words), " ", ...(index ? buttons : []));
    }),
  );
}

/** What has changed since version `number`, also what is not saved yet. `button` gets the focus back. */
async function showDifferences(number, button) {
  const before = fromDocuments((await call("GET", `${address}/versions/${number}`)).cues);
  const found = differences(before, before, editor.cues);
  put(byId("differences-title"), _("Changes since version {number}", { number }));
  put(byId("differences-count"), _("Captions: {count}", { count: found.length }));
  byId("differences-rows").replaceChildren(
    ...found.map(({ mine: was, theirs: is }) => {
      const texts = [make("del", {}, inWords(was, is)), " ", make("ins", {}, inWords(is, was))];
      return make("li", {}, beginning(is ?? was), " ", ...texts);
    }),
  );
  byId("differences").onclose = () => button.focus();
  byId("differences").showModal();
}

/** Ask whether what is not saved may go; true if there is nothing. */
function mayGo() {
  const dialog = byId("discard-dialog");
  return new Promise((resolve) => {
    if (!editor.dirty) return resolve(true);
    dialog.onclose = () => resolve(answerOf(dialog) === "discard");
    dialog.showModal();
  });
}

async function restore(number) {
  if (!(await mayGo())) return;
  if (editor.dirty) await editor.forgetChanges();
  try {
    await call("POST", `${address}/restore`, { version: number, base: editor.version });
  } finally {
    await load();
    byId("versions").parentElement.querySelector("summary").focus(); // the button is gone
  }
}

async function load() {
  const found = await call("GET", address);
  showState(found);
  editor.open(found);
  await showVersions();
}

byId("review").addEventListener("click", () =>
  whileBusy(byId("review"), async () => {
    if (editor.dirty) await editor.save();
    if (editor.dirty) return; // somebody else has saved, or the session has ended
    showState(await call("POST", `${address}/review`, { base: editor.version }));
  }),
);
editor.onSaved = (found) => {
  showState(found);
  showOffers(found.offers, found.language, editor.here);
  showVersions().catch(toastProblem);
};
byId("discard").addEventListener("click", async () => {
  if (!(await mayGo())) return;
  await whileBusy(byId("discard"), async () => {
    await editor.forgetChanges();
    await load();
  });
  byId("discard").disabled = !editor.dirty;
});
byId("take-newer").addEventListener("click", () =>
  whileBusy(byId("take-newer"), () => restore(Number(byId("newer").dataset.version))),
);

try {
  await load();
  await showCorrections();
  const found = await call("GET", `${root}api/v1/videos/${video}`);
  if (found.playable) {
    byId("player").hidden = false;
    const { timeline } = found.facts ?? {}; // what was cut out of the recording, and what was put before it
    if (timeline) editor.showing = new Showing(timeline.ranges, timeline.offset_s);
    await player.open(found.play, { isVideo: found.is_video, duration_s: found.duration_s });
  }
} catch (problem) {
  toastProblem(problem);
}
page.removeAttribute("aria-busy");
