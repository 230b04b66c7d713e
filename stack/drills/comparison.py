"""The same drill twice: the stack left alone, then with the platform acting, in the same windows.

All windows are counted from the surge's start and are the same for both runs, whatever happened in them; what
a run shows later (the way back of an acting one) is not compared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stack.drills.fates import Fates, fates
from stack.drills.figures import Figures, Window, figures, timeouts_in
from stack.drills.instants import Instants, find_instants
from stack.drills.observer import EventKind, ObservedEvent
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult, LogMark, LogStamp
from stack.drills.served_rate import ServedRate, served_rate, throughput

BEFORE, FIRST_HALF, SECOND_HALF, AFTERWARDS = "before", "first half", "second half", "afterwards"
SURGE_SECONDS = 120.0
WATCH_AFTER_SECONDS = 40.0
PUBLISHED_TEXT = re.compile(
    r"^\S+ - Connection is not available, request timed out after \d+ms "
    r"\(total=\d+, active=\d+, idle=\d+, waiting=\d+\)$"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one drill on one stack.

    Attributes:
        left_alone: the platform only said what it would have done.
        acting: the platform acted.
        too_fast: queries a second from which no pool timeout can appear: the request threads that do not fit
            the pool, over the pool's patience.
    """

    left_alone: DrillResult
    acting: DrillResult
    too_fast: float

    @property
    def watch_after(self) -> float:
        """Seconds after the surge up to which both are compared: as long as the first run was watched."""
        known = self.left_alone.plan.watch_after
        return WATCH_AFTER_SECONDS if known is None else known


@dataclass(frozen=True, slots=True)
class Side:
    """One run in the windows that both share. ``first_timeout`` is in seconds since the surge began.

    Attributes:
        windows: the healthy start, the two halves of the surge, and the time watched after it.
        surge: the whole surge.
        users: fates of those who arrived in the surge, at the end of the time watched.
        timeouts: pool timeouts from the surge's start to the end of the time watched, by the counter or the
            log, whichever says more; ``timeout_lines``: the log's lines of the published text.
        rate: what the stack served while saturated; ``throughput``: in the surge's second half, saturated
            or not, in queries a second.
        would: what the platform says it would have done.
    """

    windows: tuple[Figures, ...]
    surge: Figures
    users: Fates
    instants: Instants
    timeouts: int
    timeout_lines: tuple[LogStamp, ...]
    first_timeout: float | None
    most_pending: float | None
    rate: ServedRate
    throughput: float | None
    would: tuple[ObservedEvent, ...]
    levers_moved: tuple[str, ...]

    @property
    def second_half(self) -> Figures:
        """The surge's second half: whatever was going to happen has happened by then."""
        return next(each for each in self.windows if each.window.name == SECOND_HALF)


def compared_plan(plan: DrillPlan) -> DrillPlan:
    """The drill of an acting run, its surge long enough for the published failure to appear without it."""
    return replace(plan, surge_seconds=SURGE_SECONDS)


def left_alone_plan(plan: DrillPlan) -> DrillPlan:
    """The same drill for a stack that nobody helps: watched for a while, then everybody is sent home."""
    return replace(compared_plan(plan), watch_after=WATCH_AFTER_SECONDS)


def too_fast(request_threads: int, pool_size: int, pool_timeout: float) -> float:
    """Queries a second from which on the threads themselves keep every wait under the pool's patience."""
    return (request_threads - pool_size) / pool_timeout


def side_of(result: DrillResult, watch_after: float) -> Side:
    """One run in the common windows; ``watch_after`` in seconds after the surge."""
    judged_at = result.surge_until + watch_after
    watched = Window("watched", result.surge_from, judged_at)
    lines = tuple(published_lines(result, watched))
    pending = [sample.pool_pending for sample in result.samples if watched.holds(sample.at)]
    return Side(
        windows=tuple(figures(result, window) for window in _windows(result, watch_after)),
        surge=figures(result, Window("surge", result.surge_from, result.surge_until)),
        users=fates(result, judged_at),
        instants=find_instants(result),
        timeouts=max(len(lines), int(timeouts_in(result, watched))),
        timeout_lines=lines,
        first_timeout=_first_timeout(result, watched, lines),
        most_pending=max(pending, default=None),
        rate=served_rate(result.samples, result.surge_from, judged_at),
        throughput=throughput(result.samples, *_second_half(result)),
        would=tuple(s.event for s in result.events if s.event.kind == EventKind.RUN_OBSERVED),
        levers_moved=tuple(_levers_moved(result)),
    )


def published_lines(result: DrillResult, window: Window) -> Iterator[LogStamp]:
    """The pool timeouts of the log in a window, where their text is the published one."""
    for line in result.log:
        if line.mark is LogMark.POOL_TIMEOUT and window.holds(line.at) and PUBLISHED_TEXT.match(line.text):
            yield line


def _windows(result: DrillResult, watch_after: float) -> Iterator[Window]:
    half, end = _second_half(result)
    yield Window(BEFORE, result.started_at, result.surge_from)
    yield Window(FIRST_HALF, result.surge_from, half)
    yield Window(SECOND_HALF, half, end)
    yield Window(AFTERWARDS, result.surge_until, result.surge_until + watch_after)


def _second_half(result: DrillResult) -> tuple[float, float]:
    half = result.surge_from + result.plan.surge_seconds / 2
    return min(half, result.surge_until), result.surge_until


def _first_timeout(result: DrillResult, watched: Window, lines: tuple[LogStamp, ...]) -> float | None:
    counted = [sample for sample in result.samples if watched.holds(sample.at)]
    grown = (s.at for s in counted if s.pool_timeouts > counted[0].pool_timeouts)
    first = min((line.at for line in lines), default=None)
    first = min(grown, default=None) if first is None else first
    return None if first is None else first - result.surge_from


def _levers_moved(result: DrillResult) -> Iterator[str]:
    for lever in result.plan.levers:
        seen = (sample.lever(lever.name) for sample in result.samples)
        if any(each is not None and not each.at_baseline for each in seen):
            yield lever.name
