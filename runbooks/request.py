"""What a person asks of the run loop: the console writes a row, the loop acts and writes the outcome."""

from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """What is asked for."""

    APPROVE = "approve"
    REFUSE = "refuse"
    RELEASE = "release"  # let the lever go now, by ramp
    KILL_SWITCH_ON = "kill_switch_on"
    KILL_SWITCH_OFF = "kill_switch_off"
    STOP = "stop"  # take no further step in this run; the lever is let go by ramp


class RequestOutcome(StrEnum):
    """What became of it."""

    OPEN = "open"
    DONE = "done"
    NO_SUCH_RUN = "no_such_run"
    ALREADY_DECIDED = "already_decided"  # what HTTP calls 409
    EXPIRED = "expired"  # what HTTP calls 410
    PLAN_CHANGED = "plan_changed"  # the approval was for another plan
    GUARDS_REFUSE = "guards_refuse"  # approved, but a guard says no by now
    KILL_SWITCH = "kill_switch"
    NOTHING_TO_DO = "nothing_to_do"
    LEVER_UNCLEAR = "lever_unclear"  # no clear answer from the target (a release is tried for 30 s first)
    NO_SUCH_LEVER = "no_such_lever"  # the run's lever left the configuration
    FAILED = "failed"  # an error of our own; nothing more is tried


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to be written.

    Attributes:
        who: the person's name, without ``user:``.
        run_key: which run (approve, refuse, release, stop); release without one means every lease.
        plan_hash: which plan was approved.
        note: the person's own words, if any.
    """

    kind: RequestKind
    who: str
    at: float
    run_key: str | None = None
    plan_hash: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Request(NewRequest):
    """A request as stored, with its outcome."""

    id: int = 0
    outcome: RequestOutcome = RequestOutcome.OPEN
    outcome_text: str = ""
    answered_at: float | None = None
