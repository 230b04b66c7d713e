import { listen, replace } from "./live.js";

const place = document.getElementById("now");
listen("/events?view=now", { now: (event) => replace(place, JSON.parse(event.data).html) });
