"""What may be forgotten, in slices small enough that nobody waits long for the writer.

An incident goes with everything that belongs to it, the incident itself last: a cut in between leaves one
that is taken up again. It stays, whatever its age, while it is unresolved or anything still needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Connection

from alerts import (
    alert_store,
    evidence_store,
    incident_store,
    outbox_channel_store,
    outbox_store,
    timeline_store,
)
from database import Database
from housekeeping.job import Stop
from runbooks import decision_store, intent_store, kill_switch_store, lease_store, request_store, run_store

SLICE = 500
"""Rows that one transaction takes away at most."""

PAUSE_SECONDS = 0.02
PAGES_AT_ONCE = 256
RENEWALS_KEPT_SECONDS = 86_400.0

Forget: TypeAlias = Callable[[Connection, float, int], int]
"""Drops up to so many rows older than a time (Unix seconds) that nothing needs; returns how many."""
ForgetIncident: TypeAlias = Callable[[Connection, int, int], int]
"""Drops up to so many rows of an incident; returns how many."""
Pins: TypeAlias = Callable[[Connection, float], frozenset[int]]
"""Incidents that something needs, or needed after a time (Unix seconds)."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """Who keeps what, by the name under which it is told.

    Attributes:
        of_incident: in the order of going; children before their parents.
        by_age: rows that stand for themselves.
        pins: who may need an incident.
    """

    of_incident: Mapping[str, ForgetIncident] = field(default_factory=dict)
    by_age: Mapping[str, Forget] = field(default_factory=dict)
    pins: Sequence[Pins] = ()

    def with_more(self, more: "Shelves") -> "Shelves":
        """These and others; the others' part of an incident goes first."""
        return Shelves(
            {**more.of_incident, **self.of_incident}, {**self.by_age, **more.by_age}, (*self.pins, *more.pins)
        )


OWN_SHELVES = Shelves(
    of_incident={
        "timeline rows": timeline_store.forget_incident,
        "evidence": evidence_store.forget_incident,
        "decisions": decision_store.forget_incident,
        "lever writes": intent_store.forget_incident,
        "runs": run_store.forget_incident,
        "alerts": alert_store.forget_incident,
    },
    by_age={
        "timeline rows": timeline_store.forget,
        "alerts": alert_store.forget,
        "requests": request_store.forget,
        "messages": outbox_store.forget,
        "kill switch turns": kill_switch_store.forget,
    },
    pins=(
        lambda connection, _: alert_store.with_active(connection),
        lambda connection, _: lease_store.of_incidents(connection),
        lambda connection, _: outbox_channel_store.owing(connection),
        run_store.with_unfinished,
    ),
)


class Retention:
    """Forgets, one slice after the other.

    Args:
        keep: seconds that everything is kept after it is over.
        on_slice: called after every transaction.
    """

    def __init__(
        self,
        database: Database,
        shelves: Shelves,
        keep: float,
        on_slice: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._shelves, self._keep, self._on_slice = database, shelves, keep, on_slice

    def run(self, now: float, stop: Stop) -> str:
        """Forget what is old; one line about it.

        Raises:
            StoppedError: between two slices.
        """
        before = now - self._keep
        gone: dict[str, int] = {}
        for incident_id in self._forgettable(before):
            self._forget_incident(incident_id, before, gone, stop)
        for name, forget in self._shelves.by_age.items():
            self._sliced(name, forget, before, gone, stop)
        self._sliced(
            "lease renewals", intent_store.forget_renewals, now - RENEWALS_KEPT_SECONDS, gone, stop
        )  # fmt: skip
        while self._database.give_back(PAGES_AT_ONCE):
            stop.pause(PAUSE_SECONDS)
        told = ", ".join(f"{count:,} {name}" for name, count in gone.items() if count)
        return f"forgot {told}" if told else "nothing was old enough"

    def _forgettable(self, before: float) -> list[int]:
        with self._database.reading() as connection:
            pinned = self._pinned(connection, before)
            found = incident_store.resolved_before(connection, before)
        return [incident_id for incident_id in found if incident_id not in pinned]

    def _pinned(self, connection: Connection, before: float) -> frozenset[int]:
        return frozenset().union(*(pins(connection, before) for pins in self._shelves.pins))

    def _forget_incident(self, incident_id: int, before: float, gone: dict[str, int], stop: Stop) -> None:
        while self._slice_of_incident(incident_id, before, gone):
            self._on_slice()
            stop.pause(PAUSE_SECONDS)
        self._on_slice()
        stop.pause(PAUSE_SECONDS)

    def _slice_of_incident(self, incident_id: int, before: float, gone: dict[str, int]) -> bool:
        """Whether there is more of it."""
        left = SLICE
        counted: dict[str, int] = {}
        with self._database.transaction() as tx:
            if incident_id in self._pinned(tx, before):
                return False
            for name, forget in self._shelves.of_incident.items():
                counted[name] = forget(tx, incident_id, left)
                left -= counted[name]
                if left <= 0:
                    break
            else:
                counted["incidents"] = int(incident_store.forget(tx, incident_id, before))
        for name, count in counted.items():
            gone[name] = gone.get(name, 0) + count
        return left <= 0

    def _sliced(self, name: str, forget: Forget, before: float, gone: dict[str, int], stop: Stop) -> None:
        while True:
            with self._database.transaction() as tx:
                count = forget(tx, before, SLICE)
            gone[name] = gone.get(name, 0) + count
            self._on_slice()
            stop.pause(PAUSE_SECONDS)
            if count < SLICE:
                return
