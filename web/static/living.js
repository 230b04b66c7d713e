// A page whose pieces live: the event stream sends them anew, and a chart is drawn where there is one.
import { listen, replace } from "./live.js";
import { Charts } from "./charts.js";

const REDRAWN_EVERY = 10_000;

const place = document.querySelector("[data-view]");
const { view, subject = "", charts } = place.dataset;

listen(`/events?view=${view}&subject=${encodeURIComponent(subject)}`, {
  [view]: (event) => replace(place, JSON.parse(event.data).html),
});
if (charts) new Charts(document.getElementById("charts"), charts).keepDrawn(REDRAWN_EVERY);
