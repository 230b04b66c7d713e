"""Samples for asking two engines the same: regular and ragged series, resets, gaps, extremes, histograms.

Times are whole milliseconds with an odd offset, so that no sample lies on the edge of a window: an engine
whose windows are closed on both sides then agrees with one whose windows are open on the left.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence

from metrics.values import Labels, label, labels_of

BEGIN_MS = 1_700_006_400_000
"""On the hour, so that one block holds everything."""
OFF_EDGE_MS = 137
STEP_MS = 15_000
LONG = 240
END_MS = BEGIN_MS + LONG * STEP_MS

Samples = Sequence[tuple[int, float]]
"""Times in milliseconds, ascending, and values."""


def every_series() -> dict[Labels, Samples]:
    """All series by their labels."""
    source = random.Random(4)
    return dict((*_counters(source), *_gauges(source), *_histograms(source), *_special(), *_ragged(source)))


def openmetrics(series: Mapping[Labels, Samples]) -> str:
    """The series as an OpenMetrics page with timestamps."""
    lines = [
        f"{_series(labels)} {_number(value)} {at // 1000}.{at % 1000:03d}"
        for labels, samples in series.items()
        for at, value in samples
    ]
    return "\n".join([*lines, "# EOF", ""])


def _series(labels: Labels) -> str:
    inner = ",".join(f'{key}="{value}"' for key, value in labels if key != "__name__")
    return f"{label(labels, '__name__')}{{{inner}}}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


def _metric(name: str, /, **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


def _at(place: int) -> int:
    return BEGIN_MS + OFF_EDGE_MS + place * STEP_MS


def _counters(source: random.Random) -> Iterator[tuple[Labels, Samples]]:
    """Counters: resets now and then, one with a gap, one that ends, one that begins late."""
    for job in ("api", "web"):
        for instance in ("a:1", "b:1", "c:1"):
            for code in ("200", "500"):
                value, samples = source.uniform(0, 50), []
                for place in range(LONG):
                    value += source.expovariate(0.3)
                    value = source.uniform(0, 3) if source.random() < 0.02 else value
                    samples.append((_at(place), value))
                kept = _thinned(samples, job, instance)
                yield _metric("http_requests_total", job=job, instance=instance, code=code), kept
    for instance in ("a:1", "b:1"):
        whole = [(_at(place), float(place * 7 % 900)) for place in range(LONG)]
        yield _metric("events", job="api", instance=instance), whole


def _thinned(samples: Samples, job: str, instance: str) -> Samples:
    match job, instance:
        case "api", "c:1":
            return [*samples[:60], *samples[95:]]
        case "web", "b:1":
            return samples[:120]
        case "web", "c:1":
            return samples[100:]
    return samples


def _gauges(source: random.Random) -> Iterator[tuple[Labels, Samples]]:
    for job in ("api", "web"):
        for instance in ("a:1", "b:1", "c:1"):
            walk, samples = source.uniform(-5e8, 5e8), []
            for place in range(LONG):
                walk += source.gauss(0, 1e7)
                samples.append((_at(place), walk))
            yield _metric("memory_bytes", job=job, instance=instance), samples
            version = "2.1" if instance == "a:1" else "2.2"
            ones = [(_at(place), 1.0) for place in range(LONG)]
            yield _metric("build_info", job=job, instance=instance, version=version), ones
        limit = [(_at(place), 3e8 + place) for place in range(LONG)]
        yield _metric("limit_bytes", job=job), limit
    for depth, queue in enumerate(("mail", "sms", "push")):
        kept = [(_at(place), float((place * (depth + 3)) // 5 % 11 - 2)) for place in range(LONG)]
        yield _metric("queue_depth", queue=queue, shard=str(depth % 2)), kept


def _histograms(source: random.Random) -> Iterator[tuple[Labels, Samples]]:
    """Cumulative buckets; one histogram falls from bucket to bucket, one lacks +Inf, one has bad bounds."""
    bounds = ("0.1", "0.5", "1.0", "2.5", "+Inf")
    for instance in ("a:1", "b:1"):
        rows: list[list[tuple[int, float]]] = [[] for _ in bounds]
        counts = [0.0] * len(bounds)
        for place in range(LONG):
            for bucket in range(len(bounds)):
                counts[bucket] += source.randrange(6)
                rows[bucket].append((_at(place), sum(counts[: bucket + 1])))
        for bound, row in zip(bounds, rows, strict=True):
            yield _metric("latency_seconds_bucket", job="api", instance=instance, le=bound), row
        yield _metric("latency_seconds_count", job="api", instance=instance), rows[-1]
    for bound, value in (("1.0", 4.0), ("2.0", 3.0), ("4.0", 9.0), ("+Inf", 9.0)):
        yield _metric("falling_bucket", le=bound), [(_at(place), value * place) for place in range(LONG)]
    for bound, value in (("-1.0", 4.0), ("0.0", 7.0), ("5.0", 9.0)):
        yield _metric("topless_bucket", le=bound), [(_at(place), value) for place in range(LONG)]
    for bound, value in (("-3.0", 1.0), ("-1.0", 4.0), ("0.0", 7.0), ("5.0", 9.0), ("+Inf", 12.0)):
        yield _metric("signed_bucket", le=bound), [(_at(place), value) for place in range(LONG)]
    for bound, value in (("1.0", 4.0), ("many", 7.0), ("", 8.0), ("+Inf", 9.0)):
        yield _metric("bad_bucket", le=bound), [(_at(place), value) for place in range(LONG)]


def _special() -> Iterator[tuple[Labels, Samples]]:
    """NaN, infinities, terms that cancel, sums that overflow, dates."""
    odd = (1.0, math.nan, -2.5, math.inf, 0.0, -math.inf, 7.0, -0.0)
    for shift, name in enumerate(("first", "second", "third")):
        kept = [(_at(place), odd[(place + 3 * shift) % len(odd)]) for place in range(LONG)]
        yield _metric("odd", name=name), kept
    nothing = [(_at(place), math.nan) for place in range(LONG)]
    yield _metric("odd", name="nan"), nothing
    for row, value in (("0", 1e16), ("1", 1.0), ("2", -1e16), ("3", 3.5)):
        yield _metric("cancelling", row=row), [(_at(place), value) for place in range(LONG)]
    turns = (1e16, 2.0, -1e16, -1.0)
    yield _metric("cancelling_in_time"), [(_at(place), turns[place % 4]) for place in range(LONG)]
    for row in ("0", "1", "2"):
        yield _metric("huge", row=row), [(_at(place), 1.5e308 - place) for place in range(LONG)]
    yield _metric("date_seconds"), [(_at(place), 86_400.0 * 31 * (place - 60) + 5) for place in range(LONG)]
    yield _metric("angle"), [(_at(place), (place - 120) / 40) for place in range(LONG)]


def _ragged(source: random.Random) -> Iterator[tuple[Labels, Samples]]:
    """Times of their own, and series of one or few samples."""
    for name in ("x", "y"):
        at, value, samples = BEGIN_MS + 61, 0.0, []
        while at < END_MS:
            value += source.choice((0.0, 0.0, 1.0, 5.0))
            samples.append((at, value))
            at += source.randrange(3_001, 41_003, 2)
        yield _metric("ragged_total", name=name), samples
    yield _metric("once"), [(_at(100), 42.0)]
    yield _metric("twice_total"), [(_at(100), 5.0), (_at(101), 9.0)]
    yield _metric("seldom"), [(_at(place), float(place)) for place in range(0, LONG, 18)]
