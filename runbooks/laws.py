"""Which law moves a run's lever: the admission law for a controlled lever, hold and release for a set one."""

from dataclasses import replace
from typing import TypeAlias

from runbooks import admission_control, admission_law, hold_and_release
from runbooks.admission_law import Control, Facts, Law
from runbooks.hold_and_release import Hold
from runbooks.lever import LeverValue, number
from runbooks.run_memory import RunMemory
from runbooks.runbook import ControlDo, Runbook, SetDo
from runbooks.step import Action, StepReason, Unusable, Wish
from runbooks.verification import Before
from runbooks.verification import begin as begin_watch

LawFacts: TypeAlias = Facts | bool | Unusable
"""What the admission law looks at, or whether the release condition holds, or why neither can be said."""


def first_value(runbook: Runbook) -> LeverValue:
    """What a run sets the lever to first."""
    return runbook.do.law.cut if isinstance(runbook.do, ControlDo) else runbook.do.value


def first_memory(runbook: Runbook, baseline: LeverValue, before: Before) -> RunMemory:
    """The memory of a run whose first change is about to be sent."""
    value, now = first_value(runbook), before.at
    controlled = isinstance(runbook.do, ControlDo)
    return RunMemory(
        value=value,
        baseline=baseline,
        since=now,
        until=now,
        renewed_at=now,
        tried_at=now,
        control=admission_law.begin(number(value), now) if controlled else None,
        hold=None if controlled else Hold(value, now),
        watch=begin_watch(before),
    )


def begun(memory: RunMemory, at: float) -> RunMemory:
    """The memory once the lever was really set: all times count from then."""
    control, hold, watch = memory.control, memory.hold, memory.watch
    return replace(
        memory,
        since=at,
        control=None if control is None else admission_law.begin(control.cap, at),
        hold=None if hold is None else replace(hold, changed_at=at),
        watch=None if watch is None else replace(watch, before=replace(watch.before, at=at)),
    )


def next_wish(runbook: Runbook, memory: RunMemory, facts: LawFacts, now: float) -> tuple[Wish, RunMemory]:
    """What the law wants now, and the memory if that is done."""
    match runbook.do:
        case ControlDo(law=law) if memory.control is not None and not isinstance(facts, bool):
            decided = admission_control.decide(_law(law, memory), memory.control, facts, now)
            wish, memory = decided.wish, replace(memory, control=decided.control)
        case SetDo() if memory.hold is not None and not isinstance(facts, Facts):
            held = hold_and_release.decide(runbook.release, memory.baseline, memory.hold, facts, now)
            wish, memory = held.wish, replace(memory, hold=held.hold)
        case _:
            text = f"the catalog's {runbook.name} is another kind of runbook than the one that began this run"
            return Wish(Action.HOLD, StepReason.MISSING_FACTS, text), memory
    return wish, memory if wish.value is None else replace(memory, value=wish.value)


def retaken(
    runbook: Runbook, memory: RunMemory, facts: LawFacts, now: float
) -> tuple[Wish, RunMemory] | None:
    """The cut once more, when the backlog is back after the target took the lever back by itself."""
    if not isinstance(runbook.do, ControlDo) or memory.control is None or not isinstance(facts, Facts):
        return None
    if not admission_law.must_cut(facts):
        return None
    law = _law(runbook.do.law, memory)
    decided = admission_law.cut(law, memory.control, facts, StepReason.BACKLOG_AGAIN, now)
    return decided.wish, replace(
        memory, control=decided.control, value=law.cut, ending=None, ending_reason=""
    )


def watched(memory: RunMemory, before: Before) -> RunMemory:
    """The memory of a run that cuts once more: its effect is verified anew."""
    return replace(memory, watch=begin_watch(before))


def forced(memory: RunMemory) -> RunMemory:
    """Let go by our own ramp, whatever the demand is."""
    control, hold = memory.control, memory.hold
    return replace(
        memory,
        control=None if control is None else admission_law.let_go(control),
        hold=None if hold is None else replace(hold, releasing=True, forced=True),
    )


def is_forced(memory: RunMemory) -> bool:
    """Whether the run lets go because somebody said so."""
    control: Control | None = memory.control
    return bool((control and control.forced) or (memory.hold and memory.hold.forced))


def adopted(memory: RunMemory, value: LeverValue, now: float) -> RunMemory:
    """The memory of a run that goes on with a lever standing at ``value``: it begins by holding."""
    control, hold = memory.control, memory.hold
    return replace(
        memory,
        value=value,
        renewed_at=now,
        control=None if control is None else admission_law.begin(number(value), now),
        hold=None if hold is None else Hold(value, now),
        watch=None,
        ending=None,
        ending_reason="",
    )


def _law(law: Law, memory: RunMemory) -> Law:
    """The law with the baseline that the target named when the run began."""
    return replace(law, baseline=number(memory.baseline))
