// The results of a search in captions: passages with the searched words, by recording. A click plays there.
import { call, root } from "../shared/api.js";
import { byId, copyTemplate, make, put } from "../shared/dom.js";
import { cutAt, findPassages, fold } from "../shared/passages.js";
import { _, clock, languageName } from "../shared/words.js";

const LEAST_LETTERS = 2; // a single letter occurs in every recording
const LEAST_PREFIX = 3; // shorter words are whole words, as in catalog/store/caption_search.py
const AT_ONCE = 3; // passages of one recording that are shown; the others are collapsed

let latest = 0;

/** Show where the words of `text` are said. Returns the number of passages; null if a later search has begun. */
export async function showSaid(text) {
  const own = ++latest;
  const isEnough = fold(text).text.trim().length >= LEAST_LETTERS;
  const { found } = isEnough
    ? await call("GET", `${root}api/v1/search?${new URLSearchParams({ q: text })}`)
    : { found: [] };
  if (own !== latest) return null;
  byId("said").hidden = !found.length;
  put(byId("said-count"), found.length ? _("Places: {count}", { count: found.length }) : "");
  const recordings = Map.groupBy(found, ({ video }) => video.id);
  byId("said-list").replaceChildren(...[...recordings.values()].map((places) => recording(places, text)));
  return found.length;
}

function recording(places, text) {
  const item = copyTemplate("said-recording");
  const [list, rest] = item.querySelectorAll("ol");
  const title = item.querySelector(".said-title");
  put(title, places[0].video.title);
  title.href = `${root}videos/${places[0].video.id}`;
  const isInOneLanguage = new Set(places.map(({ language }) => language)).size === 1;
  const lines = places.map((place) => line(place, text, isInOneLanguage));
  list.append(...lines.slice(0, AT_ONCE));
  rest.append(...lines.slice(AT_ONCE));
  item.querySelector("details").hidden = lines.length <= AT_ONCE;
  put(item.querySelector("summary"), _("Further places: {count}", { count: lines.length - AT_ONCE }));
  return item;
}

function line({ at_s: at, snippet, language, page_url: url }, text, isInOneLanguage) {
  const href = new URL(url, location.href);
  const time = make("span", { className: "line-time", textContent: clock(at) });
  const said = make("span", { className: "line-text", lang: language }, ...marked(snippet, text));
  const parts = [time, said];
  if (!isInOneLanguage) parts.push(make("span", { className: "line-language" }, languageName(language)));
  return make("li", {}, make("a", { className: "line", href: href.pathname + href.search }, ...parts));
}

/** `snippet` with marks on the searched words. */
function marked(snippet, text) {
  const passages = fold(text)
    .text.split(" ")
    .flatMap((word) => findPassages([snippet], word, word.length < LEAST_PREFIX));
  const marks = passages.flat().map(({ from, to }) => [from, to]);
  const inOrder = marks.sort(([one], [other]) => one - other);
  return cutAt(snippet, inOrder).map(([piece, isMarked]) => (isMarked ? make("mark", {}, piece) : piece));
}
