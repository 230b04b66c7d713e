"""The figures of a comparison in words, row by row: the terminal and the report show the same ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stack.drills.comparison import Comparison, Side
from stack.drills.expectation import between
from stack.drills.figures import Figures
from stack.drills.result import DrillResult

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both runs, in words; ``part`` marks a figure that is part of the one above it."""

    title: str
    left_alone: str
    acting: str
    part: bool = False


def user_rows(alone: Side, acting: Side, objective: float) -> Iterator[Row]:
    """What became of those who arrived in the surge."""

    def row(title: str, count: Callable[[Side], int], *, part: bool = False) -> Row:
        return Row(title, str(count(alone)), str(count(acting)), part)

    yield row("users who arrived in the surge", lambda s: s.users.arrived)
    yield row("served", lambda s: s.users.served)
    yield row(f"every page within {objective:g} s", lambda s: s.users.within_objective, part=True)
    yield row("gave up waiting in the queue", lambda s: s.users.gave_up)
    yield row("failed", lambda s: s.users.failed)
    yield row("still without an answer when the watch ended", lambda s: s.users.still_waiting, part=True)
    yield row("saw at least one error or timeout", lambda s: s.users.saw_error)
    yield row("waited over 30 s for one page", lambda s: s.users.waited_long)
    yield row("times put back in the queue", lambda s: s.users.put_back)


def latency_rows(alone: Side, acting: Side) -> Iterator[Row]:
    """p50, p90 and p95 of the dates asked for in each window."""
    for title, mine, other in zip(_WINDOW_TITLES, alone.windows, acting.windows, strict=True):
        length = f"{round(mine.window.seconds)} s"
        yield Row(f"{title} ({length})", percentiles(mine), percentiles(other))
        yield Row("dates asked for", str(mine.dates), str(other.dates), part=True)


_WINDOW_TITLES = (
    "before the surge",
    "first half of the surge",
    "second half of the surge",
    "after the surge",
)


def percentiles(figures: Figures) -> str:
    """p50 / p90 / p95 in seconds; ``≥`` where requests that had no answer yet make them lower bounds."""
    if figures.p50 is None or figures.p90 is None or figures.p95 is None:
        return NOTHING
    bound = "≥ " if figures.cut_off else ""
    return f"{bound}{figures.p50:.2f} / {figures.p90:.2f} / {figures.p95:.2f} s"


def pool_rows(alone: Side, acting: Side) -> Iterator[Row]:
    """The pool in both runs."""

    def row(title: str, text: Callable[[Side], str]) -> Row:
        return Row(title, text(alone), text(acting))

    yield row("pool timeouts", lambda s: str(s.timeouts))
    yield row("first pool timeout after the surge began", lambda s: seconds(s.first_timeout))
    yield row("most requests waiting for a connection", lambda s: whole(s.most_pending))


def timing_rows(comparison: Comparison, alone: Side, acting: Side) -> Iterator[Row]:
    """When what happened, in seconds after the surge began."""

    def row(title: str, at: Callable[[Side], float | None]) -> Row:
        return Row(
            title,
            since_surge(comparison.left_alone, at(alone)),
            since_surge(comparison.acting, at(acting)),
        )

    yield row("first request waits for a connection", lambda s: s.instants.first_waiting)
    yield row("alert fires", lambda s: s.instants.alert_firing)
    yield Row(
        "acts",
        _would_have(comparison.left_alone, alone),
        since_surge(comparison.acting, acting.instants.first_cut),
    )
    yield Row("from the alert to the action", NOTHING, seconds(_to_act(acting)), part=True)
    yield row("backlog gone", lambda s: s.instants.backlog_gone)
    yield row("recovered: a whole period without waiting", lambda s: s.instants.recovered)
    yield row("levers begin their way back", lambda s: s.instants.release_began)
    yield row("levers at their baseline", lambda s: s.instants.levers_back)
    yield row("incident resolved", lambda s: s.instants.resolved)
    yield Row("incidents", str(len(comparison.left_alone.incidents)), str(len(comparison.acting.incidents)))


def machine_rows(comparison: Comparison, alone: Side, acting: Side) -> Iterator[Row]:
    """What the runs were made on, without which the figures say little."""

    def row(title: str, text: Callable[[DrillResult], str]) -> Row:
        return Row(title, text(comparison.left_alone), text(comparison.acting))

    yield row("capacity measured before", lambda r: f"{r.capacity.queries_per_second:.2f} queries/s")
    yield Row("served while saturated", rate(alone), rate(acting))
    yield Row(
        "served in the second half of the surge", a_second(alone.throughput), a_second(acting.throughput)
    )
    yield row(
        "machine busy", lambda r: f"{r.machine.busy_percent:.0f} % of {r.machine.processors} processors"
    )
    yield row("stolen by its host", lambda r: f"{r.machine.steal_percent:.1f} %")
    yield row("99 % of requests sent late by at most", lambda r: f"{r.generator.lag_p99 * 1000:.0f} ms")
    yield row("arrivals the generator dropped", lambda r: str(r.generator.dropped))


def rate(side: Side) -> str:
    """The served rate and for how long it was measured."""
    found, length = side.rate.per_second, f"{side.rate.seconds:.0f} s"
    return f"saturated for {length} only" if found is None else f"{found:.2f} queries/s over {length}"


def a_second(value: float | None) -> str:
    """A rate of queries."""
    return NOTHING if value is None else f"{value:.2f} queries/s"


def since_surge(result: DrillResult, at: float | None) -> str:
    """An instant in seconds after the surge began."""
    return seconds(between(result.surge_from, at))


def seconds(value: float | None) -> str:
    """Seconds with one decimal."""
    return NOTHING if value is None else f"{value:.1f} s"


def whole(value: float | None) -> str:
    """A count."""
    return NOTHING if value is None else f"{value:.0f}"


def _to_act(side: Side) -> float | None:
    return between(side.instants.alert_firing, side.instants.first_cut)


def _would_have(result: DrillResult, side: Side) -> str:
    said = min((event.at for event in side.would), default=None)
    return NOTHING if said is None else f"would have at {since_surge(result, said)}"
