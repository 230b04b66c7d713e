"""Held levers as messages tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.running_action import RunningAction
from database import Database
from runbooks import lease_store
from runbooks.lease import Lease
from runbooks.lever import worded
from settings.schema import LeverSettings


@dataclass(frozen=True, slots=True)
class ActionsInDatabase:
    """The ``RunningActions`` that the alerts room asks for."""

    database: Database
    levers: Sequence[LeverSettings]

    def __call__(self) -> tuple[RunningAction, ...]:
        """Every held lever."""
        titles = {lever.name: lever.title for lever in self.levers}
        with self.database.reading() as connection:
            held = lease_store.held(connection)
        return tuple(running_action(lease, titles.get(lease.lever, lease.lever)) for lease in held)


def running_action(lease: Lease, title: str) -> RunningAction:
    """One lease in words."""
    return RunningAction(
        lever=lease.lever,
        title=title,
        runbook=lease.runbook,
        incident_id=lease.incident_id,
        value=worded(lease.value, lease.unit),
        baseline=worded(lease.baseline, lease.unit),
        since=lease.since,
        until=lease.until,
        doing=lease.doing,
    )
