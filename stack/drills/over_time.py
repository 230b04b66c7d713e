"""What a run looked like over time: curves in seconds since the surge began."""

from collections.abc import Callable, Iterable, Iterator

from stack.drills.figures import Window, date_latencies, was_cut_off
from stack.drills.journey import DATE
from stack.drills.result import DrillResult, Ending, StackSample
from stack.drills.served_rate import throughput
from stack.load.histogram import percentile

Curve = tuple[tuple[float, float], ...]
"""Points of (seconds since the surge began, value)."""

WINDOW_SECONDS = 5.0


def sampled(result: DrillResult, value: Callable[[StackSample], float | None]) -> Curve:
    """One number of every sample of the run; samples without it are left out."""
    found = ((sample.at, value(sample)) for sample in result.samples if sample.at >= result.started_at)
    return tuple((at - result.surge_from, number) for at, number in found if number is not None)


def lever_value(result: DrillResult, name: str) -> Curve:
    """A numeric lever as the target reported it."""

    def number(sample: StackSample) -> float | None:
        lever = sample.lever(name)
        return None if lever is None or isinstance(lever.value, str) else float(lever.value)

    return sampled(result, number)


def latency(result: DrillResult, percent: float) -> Curve:
    """A percentile of the date requests *issued* in each window of 5 s, at the window's middle.

    It ends before the first window in which a request had no answer yet when the run ended: those had less
    and less time to wait, and the curve would fall although nobody was served.
    """
    points = []
    for window in _windows(result):
        issued = [each for each in result.requests if each.name == DATE and window.holds(each.issued_at)]
        if any(was_cut_off(each, result.plan) for each in issued):
            break
        value = percentile(date_latencies(issued, result.plan), percent)
        if value is not None:
            points.append((window.since + WINDOW_SECONDS / 2 - result.surge_from, value))
    return tuple(points)


def served_per_second(result: DrillResult) -> Curve:
    """Queries a second over each window of 5 s, by the service's own counter."""
    found = ((window, throughput(result.samples, window.since, window.until)) for window in _windows(result))
    return tuple(
        (window.since + WINDOW_SECONDS / 2 - result.surge_from, rate)
        for window, rate in found
        if rate is not None
    )


def pool_timeouts(result: DrillResult) -> Curve:
    """Pool timeouts so far, by the service's counter."""
    start = next((s.pool_timeouts for s in result.samples if s.at >= result.surge_from), 0.0)
    return sampled(result, lambda sample: max(0.0, sample.pool_timeouts - start))


def users_so_far(result: DrillResult, *endings: Ending) -> Curve:
    """How many users had come to one of these endings."""
    return _counted((visit.ended_at for visit in result.visits if visit.ending in endings), result)


def lease_bands(result: DrillResult, name: str) -> tuple[tuple[float, float], ...]:
    """Spans in which a lever was away from its baseline, held or on its way back."""
    bands: list[tuple[float, float]] = []
    since: float | None = None
    for sample in result.samples:
        lever = sample.lever(name)
        if lever is None:
            continue
        if not lever.at_baseline and since is None:
            since = sample.at
        elif lever.at_baseline and since is not None:
            bands.append((since - result.surge_from, sample.at - result.surge_from))
            since = None
    if since is not None:
        bands.append((since - result.surge_from, result.ended_at - result.surge_from))
    return tuple(bands)


def _counted(times: Iterable[float], result: DrillResult) -> Curve:
    start, end = result.started_at - result.surge_from, result.ended_at - result.surge_from
    steps = [(at - result.surge_from, float(count)) for count, at in enumerate(sorted(times), start=1)]
    return ((start, 0.0), *steps, (end, float(len(steps))))


def _windows(result: DrillResult) -> Iterator[Window]:
    since = result.started_at
    while since < result.ended_at:
        yield Window("", since, min(since + WINDOW_SECONDS, result.ended_at))
        since += WINDOW_SECONDS
