"""What the demo tells a person while it runs, and what the drill sees of Showcall."""

from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Console

from alerts import incident_store, timeline_store
from alerts.incident import Incident
from alerts.timeline import TimelineRow
from database import Database
from stack.drills.observer import ObservedEvent, ObservedIncident
from stack.drills.progress import DrillProgress, ProgressKind

LOAD_LINE_EVERY_SECONDS = 5.0


COLOURS: Mapping[str, str] = {
    "alert_firing": "bold red",
    "incident_opened": "bold red",
    "lever_set": "bold magenta",
    "lever_stepped": "magenta",
    "releasing": "magenta",
    "verified": "bold green",
    "incident_mitigated": "green",
    "incident_resolved": "bold green",
}


class Narrator:
    """Prints what happens: phases, every timeline row, the load now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_load = float("-inf")

    def tell(self, progress: DrillProgress) -> None:
        """One line of progress."""
        clock = datetime.fromtimestamp(progress.at, UTC).strftime("%H:%M:%S")
        if progress.kind is ProgressKind.LOAD:
            if progress.at - self._last_load >= LOAD_LINE_EVERY_SECONDS:
                self._last_load = progress.at
                self._print(clock, progress.text, "dim")
        elif progress.kind is ProgressKind.PHASE:
            self._print(clock, progress.text, "bold cyan")
        else:
            kind = progress.event.kind if progress.event else ""
            self._print(clock, f"● {progress.text}", COLOURS.get(kind, ""))

    def _print(self, clock: str, text: str, style: str) -> None:
        self._console.print(f"{clock}  {text}", style=style, markup=False, highlight=False, soft_wrap=True)


class TimelineObserver:
    """What the drill sees of Showcall: its database, read only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = 0

    def events(self) -> list[ObservedEvent]:
        """Timeline rows since the last call."""
        with self._database.reading() as connection:
            rows = timeline_store.since(connection, self._seen)
        self._seen = rows[-1].id if rows else self._seen
        return [observed_event(row) for row in rows]

    def incidents(self) -> list[ObservedIncident]:
        """The newest incidents, resolved ones too."""
        with self._database.reading() as connection:
            return [observed_incident(found) for found in incident_store.recent(connection, 20)]


def observed_event(row: TimelineRow) -> ObservedEvent:
    """A timeline row in the drill's words."""
    return ObservedEvent(
        row.id, row.at, row.incident_id, row.kind.value, row.reason, row.text, dict(row.details)
    )


def observed_incident(incident: Incident) -> ObservedIncident:
    """An incident in the drill's words."""
    return ObservedIncident(
        incident.id,
        incident.state.value,
        incident.opened_at,
        incident.mitigated_at,
        incident.resolved_at,
    )
