import { listen, replace } from "./live.js";

const place = document.getElementById("health");
listen("/events?view=health", { health: (event) => replace(place, JSON.parse(event.data).html) });
