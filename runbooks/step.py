"""One step of a run: what a law of control wants done with the lever now, and why."""

from dataclasses import dataclass
from enum import StrEnum

from runbooks.lever import LeverValue


class Action(StrEnum):
    """What to do with the lever."""

    HOLD = "hold"
    SET = "set"
    END = "end"  # set the baseline and give the lease back


class StepReason(StrEnum):
    """Why a run does what it does; also the ``reason`` of its timeline rows."""

    CUT = "cut"
    DRAINING = "draining"
    DRAINED = "drained"
    LATE_LOOP = "late_loop"
    STALE_FACTS = "stale_facts"
    MISSING_FACTS = "missing_facts"
    BETWEEN_DECISIONS = "between_decisions"
    TOO_FEW_REQUESTS = "too_few_requests"
    ROOM = "room"
    CAP_NOT_BINDING = "cap_not_binding"
    AT_CEILING = "at_ceiling"
    AT_FLOOR = "at_floor"
    DEAD_BAND = "dead_band"
    TOO_SLOW = "too_slow"
    POOL_WAITS = "pool_waits"
    BACKLOG_AGAIN = "backlog_again"
    RELEASE_CONDITION = "release_condition"
    RAMP = "ramp"
    RAMP_PAUSED = "ramp_paused"
    BOUND_AGAIN = "bound_again"
    AT_BASELINE = "at_baseline"
    NOT_YET = "not_yet"
    FROZEN = "kill_switch"


class Direction(StrEnum):
    """Whether a run holds on or lets go."""

    HOLDING = "holding"
    RELEASING = "releasing"


@dataclass(frozen=True, slots=True)
class Unusable:
    """Facts that must not move anything: missing, stale, or our own loop was late."""

    reason: StepReason
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a law wants: the action, the value for SET, the reason and a sentence with numbers.

    Attributes:
        put_back_excess: users above the new value return to the head of the waiting queue.
        direction: which way the run goes from here.
        next_at: when the next decision falls (Unix seconds), None when it waits for a condition.
    """

    action: Action
    reason: StepReason
    text: str
    value: LeverValue | None = None
    put_back_excess: bool = False
    direction: Direction = Direction.HOLDING
    next_at: float | None = None
