"""From what was seen to what it means: instants, figures before, during and after, levers."""

from dataclasses import dataclass

from stack.drills.figures import Figures, Window, figures
from stack.drills.instants import Instants, find_instants, numeric_values, reversals
from stack.drills.plan import TAIL
from stack.drills.result import DrillResult, LeverValue, LogMark

BEFORE, DURING, AFTER = "before", "during", "after"


@dataclass(frozen=True, slots=True)
class LeverStory:
    """Where a lever was: at the start, at its lowest and highest while away, and at the end.

    Attributes:
        lowest: None where its values are words or it never left its baseline; likewise ``highest``.
        visited: its different values in order, a repeated one once.
    """

    name: str
    baseline: LeverValue
    lowest: float | None
    highest: float | None
    visited: tuple[LeverValue, ...]
    last: LeverValue
    back: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything computed of one drill.

    Attributes:
        before: the healthy start.
        during: from the surge's start to recovery; to its end if there was none.
        after: from some seconds after recovery to the surge's end; None without a recovery in it.
        tail: from the surge's end.
        pool_timeouts: by counter or by log, whichever says more.
        cap_reversals: after recovery and before release; None without recovery.
        release_pending: most requests waiting while the levers ramped back; None if they never did.
    """

    instants: Instants
    before: Figures
    during: Figures
    after: Figures | None
    tail: Figures
    levers: tuple[LeverStory, ...]
    pool_timeouts: int
    cap_reversals: int | None
    release_pending: float | None

    @property
    def columns(self) -> tuple[Figures, ...]:
        """The windows in order of time, those that exist."""
        return tuple(part for part in (self.before, self.during, self.after, self.tail) if part is not None)


def compute_outcome(result: DrillResult) -> Outcome:
    """All figures of one drill, from its raw observations alone."""
    instants = find_instants(result)
    surge_until = result.surge_until
    recovered = instants.recovered if instants.recovered is not None else surge_until
    settled = recovered + result.plan.settle
    after = Window(AFTER, settled, surge_until) if settled < surge_until else None
    return Outcome(
        instants=instants,
        before=figures(result, Window(BEFORE, result.started_at, result.surge_from)),
        during=figures(result, Window(DURING, result.surge_from, min(recovered, surge_until))),
        after=figures(result, after) if after else None,
        tail=figures(result, Window(TAIL, surge_until, result.ended_at)),
        levers=tuple(story for lever in result.plan.levers if (story := lever_story(result, lever.name))),
        pool_timeouts=_pool_timeouts(result),
        cap_reversals=_cap_reversals(result, instants),
        release_pending=_release_pending(result, instants),
    )


def lever_story(result: DrillResult, name: str) -> LeverStory | None:
    """One lever over the whole drill; None if it could never be read."""
    seen = [lever for sample in result.samples if (lever := sample.lever(name))]
    if not seen:
        return None
    away = [lever.value for lever in seen if lever.value != lever.baseline]
    numbers = [value for value in away if not isinstance(value, str)]
    return LeverStory(
        name=name,
        baseline=seen[-1].baseline,
        lowest=min(numbers, default=None),
        highest=max(numbers, default=None),
        visited=_without_repeats([lever.value for lever in seen]),
        last=seen[-1].value,
        back=seen[-1].at_baseline,
    )


def _without_repeats(values: list[LeverValue]) -> tuple[LeverValue, ...]:
    return tuple(value for index, value in enumerate(values) if index == 0 or value != values[index - 1])


def _pool_timeouts(result: DrillResult) -> int:
    counted = [sample.pool_timeouts for sample in result.samples]
    logged = sum(1 for line in result.log if line.mark is LogMark.POOL_TIMEOUT)
    return max(logged, int(counted[-1] - counted[0]) if counted else 0)


def _cap_reversals(result: DrillResult, instants: Instants) -> int | None:
    if instants.recovered is None:
        return None
    until = instants.release_began if instants.release_began is not None else result.ended_at
    return reversals(numeric_values(result.samples, result.plan.cap_lever, instants.recovered, until))


def _release_pending(result: DrillResult, instants: Instants) -> float | None:
    began = instants.release_began
    if began is None:
        return None
    until = instants.levers_back if instants.levers_back is not None else result.ended_at
    return max((s.pool_pending for s in result.samples if began <= s.at <= until), default=None)
