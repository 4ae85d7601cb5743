// On every page of the team: asks for the moving part again, and says when the server cannot be reached.
import { byId } from "../shared/dom.js";
import { showInOwnZone } from "../shared/moments.js";
import { showConnection } from "../shared/notices.js";
import { _ } from "../shared/words.js";

const EVERY_S = 5;
const HIDDEN_S = 30;
const live = byId("live");
let timer;

for (const offer of document.querySelectorAll("form[data-seconds]"))
  if (offer instanceof HTMLElement) setTimeout(() => offer.remove(), Number(offer.dataset.seconds) * 1000);

function again() {
  clearTimeout(timer);
  timer = setTimeout(refresh, (document.hidden ? HIDDEN_S : EVERY_S) * 1000);
}

function refresh() {
  live.dispatchEvent(new CustomEvent("team-refresh"));
  again(); // also when no answer comes
}

function tell(status) {
  if (status === 401) showConnection({ status, message: _("Your session has ended. Please sign in again.") });
  else if (status >= 500)
    showConnection({ status, message: _("The server answered with an error ({status}).", { status }) });
  else showConnection(null);
}

for (const part of [live, byId("notices")]) if (part) showInOwnZone(part);
if (live) {
  live.addEventListener("htmx:after:request", (event) => tell(event.detail.ctx.response?.status ?? 0));
  live.addEventListener("htmx:error", () => showConnection({ status: 0, message: _("The server cannot be reached.") }));
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  again();
}
