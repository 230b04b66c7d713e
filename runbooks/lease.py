"""A lease: a lever held away from its baseline. Who, why, until when."""

from dataclasses import dataclass
from enum import StrEnum

from runbooks.lever import LeverValue


class LeasePhase(StrEnum):
    """Who moves the lever, and which way."""

    HELD = "held"
    FROZEN = "frozen"  # kill switch: the value is kept and renewed, never changed
    UNRENEWED = "unrenewed"  # facts are stale: the value is kept, the target's clock runs
    RELEASING = "releasing"  # our ramp
    TARGET_RAMP = "target_ramp"  # the target's own ramp


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lever.

    Attributes:
        since: when it was first moved; ``until``: when the target lets go unless we renew (Unix seconds).
        doing: one line for a person: what happens now and what it waits for.
        next_at: when the next decision falls, for a countdown; None when nothing is scheduled.
    """

    lever: str
    run_key: str
    runbook: str
    component: str
    incident_id: int | None
    value: LeverValue
    baseline: LeverValue
    unit: str
    since: float
    until: float
    phase: LeasePhase
    doing: str
    next_at: float | None = None
