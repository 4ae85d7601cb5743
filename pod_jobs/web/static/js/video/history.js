// The table of attempts, for the team: who ran what, when, and how it ended.
import { call, root } from "../shared/api.js";
import { byId, make } from "../shared/dom.js";
import { toastProblem } from "../shared/notices.js";
import { LABELS, workerName } from "../shared/state.js";
import { _, clock, exactDate, kindWords } from "../shared/words.js";

const OUTCOMES = {
  ...LABELS,
  retry: _("Will be tried again"),
  interrupted: _("Interrupted"),
  killed: _("Worker died"),
  lost: _("Lost"),
};

const seconds = (from, to) => (from && to ? clock((Date.parse(to) - Date.parse(from)) / 1000) : "");

function rowOf(task, attempt, titles) {
  const ending = [
    attempt.outcome ? (OUTCOMES[attempt.outcome] ?? attempt.outcome) : kindWords(task).running,
    attempt.exit_code != null && _("exit code {code}", { code: attempt.exit_code }),
    attempt.signal != null && _("signal {number}", { number: attempt.signal }),
  ];
  const cells = [
    [`${task.words.name} ${task.id}`, titles[task.template] ?? task.template].filter(Boolean).join(" · "),
    String(attempt.number),
    exactDate(attempt.started_at),
    seconds(attempt.started_at, attempt.ended_at),
    workerName(attempt),
    ending.filter(Boolean).join(", "),
    attempt.error?.reason ?? "",
  ];
  const row = make("tr", {}, ...cells.map((textContent) => make("td", { textContent })));
  row.lastElementChild.className = "reason";
  return row;
}

/** Fill `body` (a tbody) with the attempts of `tasks`, newest first; `titles` of templates by their names. */
export async function fillHistory(body, tasks, titles) {
  try {
    const full = await Promise.all(tasks.map(({ id }) => call("GET", `${root}api/v1/tasks/${id}`)));
    const rows = full.flatMap((task) => task.attempts.toReversed().map((attempt) => rowOf(task, attempt, titles)));
    body.replaceChildren(...rows);
    body.closest("table").hidden = rows.length === 0;
    byId("no-history").hidden = rows.length > 0;
  } catch (problem) {
    toastProblem(problem);
  }
}
