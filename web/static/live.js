// The one event stream of a page, local times, countdowns and forms that ask before they act.
const shown = new WeakMap();
const pad = (value) => String(value).padStart(2, "0");

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const today = at.toDateString() === new Date().toDateString();
    const day = today ? "" : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} `;
    time.textContent = `${day}${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  }
}

function countdowns() {
  for (const place of document.querySelectorAll("[data-countdown]")) {
    const left = Math.max(0, Math.round((new Date(place.dataset.countdown) - Date.now()) / 1000));
    place.textContent = left >= 60 ? `in ${Math.floor(left / 60)} min ${pad(left % 60)} s` : `in ${left} s`;
  }
}

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

// Server-rendered markup that came over the stream: forms get this session's token.
export function dress(root) {
  for (const field of root.querySelectorAll('input[name="csrf_token"]')) field.value = csrfToken();
  localTimes(root);
}

// Puts new markup into the living pieces of a place, each into the one of the same name, without losing the
// keyboard focus or what a person has unfolded.
export function replace(place, markup) {
  const fresh = new DOMParser().parseFromString(markup, "text/html").body;
  dress(fresh);
  for (const piece of fresh.querySelectorAll("[data-live]")) {
    const old = place.querySelector(`[data-live="${piece.dataset.live}"]`);
    if (!old || shown.get(old) === piece.innerHTML) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const unfolded = new Set();
    old.querySelectorAll("details").forEach((each, index) => each.open && unfolded.add(each.dataset.key ?? index));
    piece.querySelectorAll("details").forEach((each, index) => { each.open = unfolded.has(each.dataset.key ?? index); });
    shown.set(old, piece.innerHTML);
    old.replaceChildren(...piece.childNodes);
    if (focused) document.getElementById(focused)?.focus();
  }
  countdowns();
}

export function listen(path, handlers) {
  const light = document.getElementById("live");
  const say = (state, text) => { light.dataset.state = state; light.textContent = text; };
  const stream = new EventSource(path);
  let last = 0;
  const heard = () => { last = Date.now(); say("live", "live"); };
  stream.onopen = heard;
  stream.onerror = () => say("lost", "connection lost");
  stream.addEventListener("beat", heard);
  for (const [name, handler] of Object.entries(handlers)) {
    stream.addEventListener(name, (event) => { heard(); handler(event); });
  }
  setInterval(() => {
    if (last && Date.now() - last > 5000) say("lost", `no news for ${Math.round((Date.now() - last) / 1000)} s`);
  }, 1000);
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

localTimes(document);
countdowns();
setInterval(countdowns, 1000);
