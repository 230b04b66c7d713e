"""What runbooks see of incidents: those that are not over, with the alerts that fire in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts import alert_store, incident_store
from alerts.alert_state import Alert, AlertState
from database import Database, Mark
from runbooks import lease_store
from runbooks.matching import fits
from runbooks.runbook import Runbook


@dataclass(frozen=True, slots=True)
class Trouble:
    """One unresolved incident and its firing alerts; an alert in state unknown starts nothing."""

    incident_id: int
    firing: tuple[Alert, ...]


class IncidentReader(Protocol):
    """Where the run loop learns of incidents."""

    def unresolved(self) -> Sequence[Trouble]:
        """Incidents that are not over, oldest first, also those without a firing alert."""


class IncidentsInDatabase:
    """The alerts room's own rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._none_at: Mark | None = None

    def unresolved(self) -> Sequence[Trouble]:
        """Incidents that are not over, oldest first.

        An alert that came up behind a held lever is an effect of what is being done already: while a lever is
        held it starts nothing.
        """
        mark = self._database.mark()
        if mark is not None and mark == self._none_at:
            return ()
        with self._database.reading() as connection:
            incidents = incident_store.unresolved(connection)
            alerts = alert_store.active(connection) if incidents else ()
            held = bool(lease_store.held(connection))
        self._none_at = None if incidents else mark
        firing = [
            alert for alert in alerts if alert.state is AlertState.FIRING and not (alert.expected and held)
        ]
        return [
            Trouble(incident.id, tuple(alert for alert in firing if alert.incident_id == incident.id))
            for incident in incidents
        ]


def concerns(runbook: Runbook, trouble: Trouble) -> bool:
    """Whether one of the firing alerts is what the runbook is for."""
    return any(fits(matchers, alert) for matchers in runbook.when for alert in trouble.firing)
