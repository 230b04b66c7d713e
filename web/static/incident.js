import { dress, listen, replace } from "./live.js";
import { Charts } from "./charts.js";

const place = document.getElementById("incident");
const timeline = document.getElementById("timeline");
const charts = new Charts(document.getElementById("charts"), place.dataset.charts);

function addRow(event) {
  const message = JSON.parse(event.data);
  if (timeline.querySelector(`[data-row="${message.id}"]`)) return;
  const fresh = new DOMParser().parseFromString(message.html, "text/html").body;
  dress(fresh);
  timeline.append(...fresh.childNodes);
}

listen(`/events?view=incident&incident=${place.dataset.incident}&after=${place.dataset.after}`, {
  incident: (event) => replace(place, JSON.parse(event.data).html),
  evidence: (event) => replace(place, JSON.parse(event.data).html),
  row: addRow,
});
charts.keepDrawn();
