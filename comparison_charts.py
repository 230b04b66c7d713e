"""The charts of a comparison: both runs over the same time, in seconds since the surge began."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from reports.document import Band, Chart, Limit, Mark, Paint, Series
from stack.drills import over_time
from stack.drills.comparison import Comparison, Side
from stack.drills.over_time import Curve
from stack.drills.result import DrillResult, Ending

LEFT_ALONE, ACTING = "left alone", "acting"
LOST = (Ending.GAVE_UP, Ending.FAILED, Ending.PLACE_LOST, Ending.UNFINISHED)
FIRST_TIMEOUT, ALERT, ACTS, RECOVERED, RELEASES = "T", "A", "B", "C", "D"


def charts(comparison: Comparison, alone: Side, acting: Side) -> tuple[Chart, ...]:
    """All of them, with the same bands and marks."""
    shared = marks(comparison, alone, acting)
    spans = bands(comparison)
    return tuple(replace(chart, marks=shared, bands=spans) for chart in _bare(comparison))


def marks(comparison: Comparison, alone: Side, acting: Side) -> tuple[Mark, ...]:
    """What happened when, in order of time."""
    began, seen = comparison.acting.surge_from, acting.instants
    found = [
        (FIRST_TIMEOUT, Paint.FIRST, alone.first_timeout),
        *(
            (letter, Paint.SECOND, None if at is None else at - began)
            for letter, at in (
                (ALERT, seen.alert_firing),
                (ACTS, seen.first_cut),
                (RECOVERED, seen.recovered),
                (RELEASES, seen.release_began),
            )
        ),
    ]
    known = [Mark(letter, paint, at) for letter, paint, at in found if at is not None]
    return tuple(sorted(known, key=lambda mark: mark.at))


def legend(shown: tuple[Mark, ...]) -> str:
    """The letters in words, those that stand in the charts."""
    words = {
        FIRST_TIMEOUT: "first pool timeout, left alone",
        ALERT: "alert fires, acting",
        ACTS: "the cap is cut",
        RECOVERED: "recovered",
        RELEASES: "the cap begins its way back",
    }
    return "; ".join(f"{mark.letter} {words[mark.letter]} ({mark.at:.1f} s)" for mark in shown)


def bands(comparison: Comparison) -> tuple[Band, ...]:
    """The surge, and the time in which the acting run held its lever."""
    acting = comparison.acting
    held = over_time.lease_bands(acting, acting.plan.cap_lever)
    surge = Band("surge", Paint.NEUTRAL, 0.0, acting.surge_until - acting.surge_from)
    return (surge, *(Band("lever held", Paint.SECOND, since, until) for since, until in held))


def _bare(comparison: Comparison) -> Iterator[Chart]:
    plan = comparison.acting.plan
    yield _chart(
        comparison,
        "Requests waiting for a connection",
        "requests",
        *_both(comparison, lambda run: over_time.sampled(run, lambda sample: sample.pool_pending)),
    )
    yield replace(
        _chart(
            comparison,
            "Date latency, 95 % within",
            "s, by when it was asked for, in windows of 5 s",
            *_both(comparison, lambda run: over_time.latency(run, 95)),
        ),
        limits=(Limit(f"objective {plan.wanted.objective:g} s", plan.wanted.objective),),
        note=(
            f"A failed request counts as at least the user's own timeout of {plan.patience.timeout:g} s. "
            "A line ends where requests had no answer yet when the run ended."
        ),
    )
    yield _chart(
        comparison,
        "Pool timeouts so far",
        "timeouts",
        *_both(comparison, over_time.pool_timeouts, steps=True),
    )
    yield replace(
        _chart(
            comparison,
            "Cap on active users",
            "users, logarithmic",
            *_both(comparison, lambda run: over_time.lever_value(run, plan.cap_lever), steps=True),
        ),
        logarithmic=True,
    )
    yield _chart(
        comparison,
        "Users served so far",
        "simulated users",
        *_both(comparison, lambda run: over_time.users_so_far(run, Ending.SERVED), steps=True),
    )
    yield _chart(
        comparison,
        "Users who gave up, failed or got no answer",
        "simulated users",
        *_both(comparison, lambda run: over_time.users_so_far(run, *LOST), steps=True),
    )
    yield _chart(
        comparison,
        "Connections in use",
        "of the pool",
        *_both(comparison, lambda run: over_time.sampled(run, lambda sample: sample.pool_active)),
    )
    capacity = comparison.acting.capacity.queries_per_second
    yield replace(
        _chart(
            comparison,
            "Queries served a second",
            "queries/s, in windows of 5 s",
            *_both(comparison, over_time.served_per_second),
        ),
        limits=(Limit(f"measured before: {capacity:.2f}", capacity),),
    )


def _chart(comparison: Comparison, title: str, unit: str, *series: Series) -> Chart:
    since = max(run.started_at - run.surge_from for run in _runs(comparison))
    until = max(run.ended_at - run.surge_from for run in _runs(comparison))
    return Chart(title, unit, since, until, series)


def _both(
    comparison: Comparison, curve: Callable[[DrillResult], Curve], *, steps: bool = False
) -> tuple[Series, Series]:
    names = ((LEFT_ALONE, Paint.FIRST), (ACTING, Paint.SECOND))
    first, second = (
        Series(name, paint, curve(run), steps)
        for (name, paint), run in zip(names, _runs(comparison), strict=True)
    )
    return first, second


def _runs(comparison: Comparison) -> tuple[DrillResult, DrillResult]:
    return comparison.left_alone, comparison.acting
