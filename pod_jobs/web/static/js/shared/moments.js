// Moments that the server wrote in its own time zone.
import { exactDate, moment } from "./words.js";

/** Minutes by which an ISO time is ahead of UTC: "…T14:05:00+02:00" -> 120. */
function offsetIn(iso) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(iso) ?? [];
  return sign ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) : 0;
}

/** Show the moments in `root` in the time zone of the browser, and those that come later too. */
export function showInOwnZone(root) {
  const show = () => {
    for (const time of root.querySelectorAll("time.moment")) {
      const at = new Date(time.dateTime);
      time.classList.remove("moment"); // it is done
      if (-at.getTimezoneOffset() === offsetIn(time.dateTime)) continue;
      time.textContent = moment(at);
      time.title = exactDate(at);
    }
  };
  show();
  new MutationObserver(show).observe(root, { childList: true, subtree: true, attributeFilter: ["class"] });
}
