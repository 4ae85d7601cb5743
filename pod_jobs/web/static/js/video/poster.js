// The choice of a video's poster among its thumbnails.
import { call } from "../shared/api.js";
import { byId, copyTemplate, fillOnce, whileBusy } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { _ } from "../shared/words.js";

const folderOf = (url) => url?.replace(/\/[^/]*$/, "");

/** `path` is the path of the video in the API; `show(video)` updates the page. */
export function showPosters(video, path, show) {
  const card = byId("poster-card");
  const thumbnails = video.outputs
    .filter(({ kind, url }) => kind === "thumbnail" && folderOf(url) === folderOf(video.play.poster))
    .map(({ name, url }) => ({ name, url }));
  card.hidden = thumbnails.length < 2 || video.is_video === false;
  if (card.hidden) return;
  fillOnce(byId("posters"), thumbnails, ({ name, url }, index) => {
    const line = copyTemplate("poster");
    const [input, image] = [line.querySelector("input"), line.querySelector("img")];
    input.value = name;
    image.src = url;
    image.alt = _("Picture {number}", { number: index + 1 });
    input.addEventListener("change", () =>
      whileBusy(input, async () => {
        show(await call("PATCH", path, { poster: name }));
        toast(_("The poster is changed."));
      }),
    );
    return line;
  });
  for (const input of byId("posters").querySelectorAll("input")) {
    input.checked = thumbnails.some(({ name, url }) => name === input.value && url === video.play.poster);
  }
}
