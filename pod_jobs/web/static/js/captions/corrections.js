// Words that later transcriptions write right by themselves. They are offered when people have corrected the same
// word in several recordings; nothing is corrected before somebody agrees.
import { call, root } from "../shared/api.js";
import { byId, make, whileBusy } from "../shared/dom.js";
import { say, toast } from "../shared/notices.js";
import { _ } from "../shared/words.js";

const address = `${root}api/v1/captions/corrections`;

/**
 * Ask about `offers`, [{heard, right, recordings, of_all}], of captions in `language`, one after the other. `after` is
 * called when all are answered.
 */
export function showOffers(offers, language, after) {
  const [offer, ...others] = offers;
  byId("offers").replaceChildren();
  if (!offer) return;
  const next = () => {
    showOffers(others, language, after);
    if (others.length)
      byId("offers").querySelector("button").focus(); // what had the focus is gone
    else after();
  };
  byId("offers").append(...question(offer, language, next));
  say(wordsOf(offer));
}

const wordsOf = ({ heard, right, recordings }) =>
  _("“{heard}” was corrected to “{right}” (recordings: {count}).", { heard, right, count: recordings });

function question(offer, language, next) {
  const { heard, right, of_all } = offer;
  const button = (words, act) => {
    const made = make("button", { type: "button" }, words);
    made.addEventListener("click", () => whileBusy(made, act));
    return made;
  };
  const answer = (use) => call("POST", address, { heard, right, language, of_all, use });
  const words = of_all
    ? _("Always write “{right}” in all recordings", { right })
    : _("Always write “{right}” in my recordings", { right });
  const always = button(words, async () => {
    await answer(true);
    next();
    toast(_("Later transcriptions will write “{right}”.", { right }));
    await showCorrections();
  });
  const never = button(_("Do not ask again"), async () => {
    await answer(false);
    next();
  });
  const buttons = [always, button(_("Not now"), async () => next()), never];
  return [make("p", {}, wordsOf(offer)), make("div", { className: "actions" }, ...buttons)];
}

/** List the corrections that count for this person's recordings. */
export async function showCorrections() {
  const { corrections } = await call("GET", address);
  byId("corrections-card").hidden = !corrections.length;
  byId("corrections").replaceChildren(...corrections.map(line));
}

function line({ id, heard, right, language, of_all: isOfAll, removable }) {
  const where = isOfAll ? _("in all recordings") : _("in your recordings");
  const item = make("li", {}, make("span", {}, `${heard} → ${right} (${language}, ${where})`), " ");
  if (!removable) return item;
  const button = make("button", { type: "button" }, _("Remove"));
  button.setAttribute("aria-label", _("Remove: {name}", { name: heard }));
  const remove = async () => {
    await call("DELETE", `${address}/${id}`);
    await showCorrections();
    byId("corrections-card").querySelector("summary").focus();
  };
  button.addEventListener("click", () => whileBusy(button, remove));
  item.append(button);
  return item;
}
