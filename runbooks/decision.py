"""What to do about an alert that a runbook matches: RUN, WAIT, REFUSE, ASK or HOLD, with the reason.

The questions are asked in a fixed order, the cheapest "no" first, and everything that is not known is a "no".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from runbooks.guards import GuardReason, GuardResult, first_refusal
from runbooks.kill_switch import KillSwitch
from runbooks.lever import LeverReading, LeverValue, ReadResult, worded
from runbooks.limits import Limited, LimitReason
from runbooks.ownership import free, held_by
from runbooks.run import ACTIVE, Run, RunState
from settings.schema import RunbookMode


class DecisionVerdict(StrEnum):
    """What follows."""

    RUN = "run"
    WAIT = "wait"
    REFUSE = "refuse"
    ASK = "ask"
    HOLD = "hold"


class DecisionReason(StrEnum):
    """Why."""

    GUARDS_PASSED = "guards_passed"
    IN_PROGRESS = "in_progress"
    LEVER_BUSY = "lever_busy"
    KILL_SWITCH = "kill_switch"
    LEVER_UNREADABLE = "lever_unreadable"
    HELD_BY_ANOTHER = "held_by_another"
    COOLDOWN = "cooldown"
    PER_HOUR = "per_hour"
    GUARD_SAYS_NO = "guard_says_no"
    GUARD_FACTS = "guard_facts"
    ALREADY_THERE = "already_there"
    OBSERVE_MODE = "observe_mode"
    ASK_MODE = "ask_mode"
    LAST_RUN_FAILED = "last_run_failed"
    PERSON_DECIDED = "person_decided"
    WAITS_FOR_PERSON = "waits_for_person"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason and a sentence."""

    verdict: DecisionVerdict
    reason: DecisionReason
    text: str


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision looks at.

    Attributes:
        mode: the stricter of the runbook's and the configuration's.
        busy: an active run that holds one of the levers, if any.
        earlier: runs of this runbook in this incident, oldest first.
        reading: what the lever says of itself.
        target: what the lever would be set to.
        protects: which way the runbook protects (``down``, ``up``), None when it is not for protection.
        guards: judged just now.
    """

    runbook: str
    mode: RunbookMode
    kill_switch: KillSwitch
    busy: Run | None
    earlier: Sequence[Run]
    limited: Limited | None
    reading: ReadResult
    baseline: LeverValue
    target: LeverValue
    unit: str
    guards: Sequence[GuardResult]
    protects: str | None = None


FACTS = frozenset({GuardReason.MISSING, GuardReason.STALE, GuardReason.ERROR, GuardReason.LATE_LOOP})
"""Guard reasons that speak of facts, not of the stack: they pass by themselves, or a person must look."""

_FAILED = frozenset({RunState.FAILED, RunState.UNDONE, RunState.NEEDS_PERSON})
_PERSON = frozenset({RunState.STOPPED, RunState.DECLINED})


def decide(seen: Situation) -> Decision:
    """The verdict; the first question that says no wins."""
    return _before_reading(seen) or _of_lever(seen) or _of_limits(seen) or _of_guards(seen) or _of_mode(seen)


def _before_reading(seen: Situation) -> Decision | None:
    last = seen.earlier[-1] if seen.earlier else None
    if seen.busy is not None:
        mine = last is not None and last.state in ACTIVE
        reason = DecisionReason.IN_PROGRESS if mine else DecisionReason.LEVER_BUSY
        return Decision(DecisionVerdict.WAIT, reason, f"run {seen.busy.key} holds {seen.busy.lever}")
    if seen.kill_switch.engaged:
        text = f"the kill switch is on ({seen.kill_switch.who}: {seen.kill_switch.why})"
        return Decision(DecisionVerdict.REFUSE, DecisionReason.KILL_SWITCH, text)
    if last is not None and last.state is RunState.ASKED:
        return Decision(
            DecisionVerdict.WAIT, DecisionReason.WAITS_FOR_PERSON, f"run {last.key} waits for a yes"
        )
    if last is not None and last.state in _PERSON:
        text = f"{last.decided_by or 'a person'} ended run {last.key} of this incident ({last.state})"
        return Decision(DecisionVerdict.REFUSE, DecisionReason.PERSON_DECIDED, text)
    return None


def _of_lever(seen: Situation) -> Decision | None:
    reading = seen.reading
    if not isinstance(reading, LeverReading):
        return Decision(DecisionVerdict.WAIT, DecisionReason.LEVER_UNREADABLE, reading.text)
    if not free(reading, seen.baseline):
        at = worded(reading.value, seen.unit)
        text = f"the lever is at {at}, held by {held_by(reading)}; it is left alone"
        return Decision(DecisionVerdict.HOLD, DecisionReason.HELD_BY_ANOTHER, text)
    if reading.value == seen.target:
        text = f"the lever stands at {worded(reading.value, seen.unit)} already"
        return Decision(DecisionVerdict.REFUSE, DecisionReason.ALREADY_THERE, text)
    if _is_safer(reading.value, seen):
        text = f"the lever stands at {worded(reading.value, seen.unit)}, safer than {worded(seen.target)}"
        return Decision(DecisionVerdict.REFUSE, DecisionReason.ALREADY_THERE, text)
    return None


def _is_safer(value: LeverValue, seen: Situation) -> bool:
    if isinstance(value, str) or isinstance(seen.target, str):
        return False
    return (seen.protects == "down" and value < seen.target) or (
        seen.protects == "up" and value > seen.target
    )


def _of_limits(seen: Situation) -> Decision | None:
    limit = seen.limited
    if limit is None:
        return None
    if limit.reason is LimitReason.COOLDOWN:
        return Decision(DecisionVerdict.WAIT, DecisionReason.COOLDOWN, limit.text)
    return Decision(DecisionVerdict.REFUSE, DecisionReason.PER_HOUR, limit.text)


def _of_guards(seen: Situation) -> Decision | None:
    refusal = first_refusal(seen.guards)
    if refusal is None:
        return None
    if refusal.reason in FACTS:
        text = f"guard {refusal.name}: {refusal.text}"
        return Decision(DecisionVerdict.REFUSE, DecisionReason.GUARD_FACTS, text)
    text = f"guard {refusal.name} says no: {refusal.text}. {refusal.why}"
    return Decision(DecisionVerdict.REFUSE, DecisionReason.GUARD_SAYS_NO, text)


def _of_mode(seen: Situation) -> Decision:
    if seen.mode is RunbookMode.OBSERVE:
        return Decision(DecisionVerdict.REFUSE, DecisionReason.OBSERVE_MODE, "observe mode: nothing is sent")
    last = seen.earlier[-1] if seen.earlier else None
    if last is not None and last.state in _FAILED:
        text = f"run {last.key} ended {last.state} ({last.reason}); a person decides about the next"
        return Decision(DecisionVerdict.ASK, DecisionReason.LAST_RUN_FAILED, text)
    if seen.mode is RunbookMode.ASK:
        return Decision(DecisionVerdict.ASK, DecisionReason.ASK_MODE, "ask mode: a person decides")
    count = len(seen.guards)
    return Decision(DecisionVerdict.RUN, DecisionReason.GUARDS_PASSED, f"all {count} guards passed")
