"""What a run shows: its timeline rows and its lease, built from values."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind
from runbooks.lease import Lease, LeasePhase
from runbooks.run import Run
from runbooks.run_memory import RunMemory
from settings.schema import LeverSettings

TARGET = "target"
"""Actor of what the target did by itself."""


def row(
    run: Run,
    at: float,
    kind: TimelineKind,
    reason: str,
    text: str,
    *,
    actor: str = "showcall",
    details: Mapping[str, JsonValue] | None = None,
) -> NewTimelineRow:
    """A timeline row of a run."""
    return NewTimelineRow(
        at=at,
        kind=kind,
        reason=reason,
        text=text,
        incident_id=run.incident_id,
        actor=actor,
        run_key=run.key,
        details={"runbook": run.runbook, "lever": run.lever, **(details or {})},
    )


@dataclass(frozen=True, slots=True)
class Doing:
    """Who moves the lever, one line about it, and when the next decision falls."""

    phase: LeasePhase
    text: str
    next_at: float | None = None


def lease_of(run: Run, memory: RunMemory, settings: LeverSettings, doing: Doing) -> Lease:
    """The run's lease as people and incidents see it."""
    return Lease(
        lever=run.lever,
        run_key=run.key,
        runbook=run.runbook,
        component=settings.component,
        incident_id=run.incident_id,
        value=memory.value,
        baseline=memory.baseline,
        unit=settings.unit,
        since=memory.since,
        until=memory.until,
        phase=doing.phase,
        doing=doing.text,
        next_at=doing.next_at,
    )
