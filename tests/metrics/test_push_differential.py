"""Samples with their own times, into a real Prometheus and into ours: what is taken, and what is answered."""

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

import cramjam
import numpy as np
import pytest

from metrics import Store
from metrics.remote.wire import Group, encoded_labels, write_request
from metrics.track import STALE_BITS
from metrics.values import Labels, Pushed, labels_of
from tests.metrics.agreement import Ours, difference
from tests.metrics.real_prometheus import Prometheus, missing, running

BEGIN_MS = 1_700_000_000_137
SETTINGS = "storage:\n  tsdb:\n    out_of_order_time_window: 10m\n"
CLOCK = labels_of({"__name__": "clock"})
SERIES = tuple(labels_of({"__name__": "pushed", "n": str(number)}) for number in range(6))
MARKER = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])
REFUSED = re.compile("too old sample|out of bounds|duplicate sample")

STRETCHED = ("rate(pushed[2m])", "increase(pushed[10m])")
QUERIES = (
    "pushed",
    *STRETCHED,
    "count_over_time(pushed[5m])",
    "timestamp(pushed)",
    "sum by (n) (max_over_time(pushed[3m:17s]))",
    "pushed * on () group_left () clock",
    "quantile(0.5, last_over_time(pushed[20m]))",
    "changes(pushed[10m] offset 90s)",
    "absent_over_time(pushed[30s])",
)


class Told(NamedTuple):
    """One sample on its way: when it is pushed (ms), series, time, value."""

    received: int
    labels: Labels
    at: int
    value: float


def ago(chance: random.Random, least: int, most: int) -> int:
    """Milliseconds, so that no sample lies on the edge of a window: 2.42 takes samples on both edges in."""
    return 1000 * chance.randint(least, most) + chance.randint(1, 136)


def samples() -> Iterator[Told]:
    """In order, late, far too late, again, again with another value, ended.

    Only the newest sample of a series is brought again with another value: with a late one Prometheus keeps
    silent, and does not say which it shows.
    """
    chance = random.Random(11)
    known: set[tuple[Labels, int]] = set()
    last: dict[Labels, tuple[int, float]] = {}
    for second in range(0, 1800, 3):
        now = BEGIN_MS + 1000 * second
        # The newest sample of all is that of the clock: Prometheus judges by it.
        yield Told(now, CLOCK, now, float(second))
        for labels in SERIES:
            at, value = last.get(labels, (now, 0.0))
            kind = chance.choice("iiiiillosdxe_")
            match kind:
                case "i":
                    at, value = now - ago(chance, 0, 3), float(second + chance.randint(0, 9))
                case "l":
                    at, value = now - ago(chance, 0, 590), -float(second)
                case "o":
                    at, value = now - ago(chance, 610, 1_000), -1.0
                case "d":
                    value += 0.5
                case "x":
                    at = now - 4_000_000
                case "e":
                    at, value = now - 23, MARKER
            if kind == "_" or (kind not in "sd" and (labels, at) in known):
                continue
            known.add((labels, at))
            yield Told(now, labels, at, value)
            if at > last.get(labels, (0, 0.0))[0]:
                last[labels] = at, value


def taken_here(store: Store, told: Told) -> bool:
    times, values = np.array([told.at / 1000]), np.array([told.value])
    found = store.push(Pushed("app", told.received / 1000, (told.labels,), times, values))
    return not (found.duplicates or found.out_of_order or found.out_of_bounds or found.claimed_elsewhere)


def taken_there(server: Prometheus, told: Told) -> bool:
    group = Group([encoded_labels(told.labels)], [told.at], [np.array([told.value])])
    try:
        server.write(bytes(cramjam.snappy.compress_raw(write_request([group]))))
    except RuntimeError as refused:
        if REFUSED.search(str(refused)) is None:
            raise
        return False
    return True


class Both(NamedTuple):
    """Both sides after all pushes, and the samples on which they did not agree."""

    which: str
    ours: Ours
    theirs: Prometheus
    apart: list[Told]


@pytest.fixture(scope="module", params=["3.5", "stable"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    reason = missing(request.param)
    if reason is not None:
        pytest.skip(reason)
    store = Store(keep=1e9)
    with running(request.param, tmp_path_factory.mktemp("pushed") / "server", None, SETTINGS) as server:
        every = list(samples())
        apart = [told for told in every if taken_here(store, told) is not taken_there(server, told)]
        yield Both(request.param, Ours(store), server, apart)


def test_the_same_samples_are_taken(both: Both) -> None:
    assert both.apart == []


@pytest.mark.parametrize("query", QUERIES)
def test_pushed_samples_are_answered_alike(both: Both, query: str) -> None:
    if both.which == "stable" and query in STRETCHED:
        # 2.42 asks where a counter was 0 before it asks whether a gap is too long to be stretched over.
        return
    found = []
    for second in (1, 100, 599, 600, 1000, 1799, 1900, 2098, 2101):
        at = BEGIN_MS + 1000 * second + 174
        found.append(difference(both.ours.instant(query, at), both.theirs.instant(query, at), told=False))
    steps = (query, BEGIN_MS - 600_000 + 174, BEGIN_MS + 2_200_000, 7_000)
    found.append(difference(both.ours.over_range(*steps), both.theirs.over_range(*steps), told=False))
    assert set(found) == {None}
