"""Whether heavy questions make rules late: 1 s rules alone, and beside as many callers as the gate lets in.

    python -m benchmarks.bounded_queries [--seconds 20] [--series 5000] [--callers 3]

The store is fed and its rules evaluated each second on one thread, on a grid, as Showcall does; the lateness
of a round is the time from its tick to the last rule's result. The callers ask as fast as they are answered.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.precedence import Precedence
from metrics.store import Store
from metrics.values import Batch, Labels, Terms, labels_of
from web.prometheus_api import encoding
from web.prometheus_api.failure import ApiError
from web.prometheus_api.gate import QueryGate

HISTORY = 600
START = 1_790_000_000.0 - time.monotonic()
"""What the clock of the samples shows more than the monotonic one."""
ORIGINS = 20
RULES = (
    "sum(pool_waiting) > 0 and sum(pool_active) == sum(pool_size)",
    "max(pool_waiting)",
    "sum by (job) (rate(requests_total[10s]))",
    'sum(rate(requests_total{code="500"}[30s])) / sum(rate(requests_total[30s])) > 0.05',
    "histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[30s])))",
    "avg_over_time(pool_active[30s]) > 9",
    "deriv(pool_waiting[20s]) > 0",
    "absent(up)",
    "topk(3, rate(requests_total[10s]))",
    "max_over_time(pool_waiting[1m])",
) * 3
HEAVY = (
    'rate({__name__=~"requests_.+"}[5m])',
    "sum by (instance, code) (rate(requests_total[5m]))"
    " / on (instance) group_left () sum by (instance) (rate(requests_total[5m]))",
    "histogram_quantile(0.99, sum by (le, instance) (rate(latency_seconds_bucket[1m])))",
    '{__name__=~".+"}',
    "quantile by (job) (0.5, latency_seconds_bucket)",
    "max_over_time(sum by (job) (rate(requests_total[30s]))[5m:1s])",
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Lateness of each round, seconds, and how many questions were answered and refused meanwhile."""

    late: tuple[float, ...]
    answered: int = 0
    refused: int = 0

    def at(self, quantile: float) -> float:
        return float(np.quantile(self.late, quantile))


class Feed:
    """Twenty targets whose numbers rise."""

    def __init__(self, series: int) -> None:
        each = series // ORIGINS
        self._sets = [tuple(_sets(number, each)) for number in range(ORIGINS)]
        self._rise = np.arange(1.0, each + 1.0)

    def append(self, store: Store, at: float) -> None:
        for number, sets in enumerate(self._sets):
            store.append(Batch(f"target-{number}", at, sets, (at % 86_400) * self._rise[: len(sets)]))


def _sets(number: int, each: int) -> list[Labels]:
    instance = {"instance": f"host-{number}:80", "job": f"job-{number % 4}"}
    found = [{"__name__": name, **instance} for name in ("pool_waiting", "pool_active", "pool_size", "up")]
    bounds = ("0.1", "0.5", "1", "5", "+Inf")
    paths = range((each - len(found)) // (len(bounds) + 1))
    for path in paths:
        labels = {"path": f"/{path}", "code": "500" if path % 7 == 0 else "200", **instance}
        found.append({"__name__": "requests_total", **labels})
        found += [{"__name__": "latency_seconds_bucket", "le": bound, **labels} for bound in bounds]
    return [labels_of(each) for each in found]


def rounds(
    store: Store, feed: Feed, precedence: Precedence, seconds: int, meanwhile: Callable[[], tuple[int, int]]
) -> Rounds:
    """A round each second."""
    late: list[float] = []
    first = time.monotonic() + 1.0
    base = START + time.monotonic()
    for tick in range(seconds):
        time.sleep(max(0.0, first + tick - time.monotonic()))
        with precedence.taken():
            feed.append(store, base + tick + 1)
            for rule in RULES:
                store.query(rule, base + tick + 1)
        late.append(time.monotonic() - first - tick)
    return Rounds(tuple(late), *meanwhile())


class Callers:
    """Threads that ask heavy range queries, each as its own caller."""

    def __init__(self, store: Store, gate: QueryGate, callers: int, timeout: float) -> None:
        self._store, self._timeout = store, timeout
        self._gate = gate
        self._stop = threading.Event()
        self._answered = self._refused = 0
        self._threads = [threading.Thread(target=self._ask, args=(f"caller-{n}",)) for n in range(callers)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def counts(self) -> tuple[int, int]:
        return self._answered, self._refused

    def _ask(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                self._one(name, HEAVY[number % len(HEAVY)])
                self._answered += 1
            except Exception as error:
                self._refused += 1
                if not isinstance(error, ApiError) and "too many samples" not in str(error):
                    print(f"  {type(error).__name__}: {error}", file=sys.stderr)

    def _one(self, name: str, query: str) -> None:
        end = START + time.monotonic()
        with self._gate.turn(name, self._timeout) as goes_on:
            answer = self._store.ask_range(query, end - 300, end, 5.0, Terms(None, goes_on))
            encoding.result(answer.result, goes_on)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--callers", type=int, default=3)
    parser.add_argument("--switch", type=float, default=0.005, help="seconds of sys.setswitchinterval")
    parser.add_argument("--rules-first", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args(arguments)
    store, feed = Store(keep=HISTORY * 2.0), Feed(given.series)
    now = START + time.monotonic()
    for second in range(HISTORY, 0, -1):
        feed.append(store, now - second)
    precedence = Precedence()
    gate = QueryGate(give_way=precedence.give_way if given.rules_first else lambda: None)
    sys.setswitchinterval(given.switch)
    rounds(store, feed, precedence, 3, lambda: (0, 0))
    alone = rounds(store, feed, precedence, given.seconds, lambda: (0, 0))
    with Callers(store, gate, given.callers, 30.0) as callers:
        beside = rounds(store, feed, precedence, given.seconds, callers.counts)
    print(f"{store.series_count:,} series, {len(RULES)} rules a second, {given.callers} callers")
    print(f"{'':28}{'p50':>9}{'p99':>9}{'max':>9}  milliseconds after the tick")
    for name, found in (("rules alone", alone), ("rules beside heavy queries", beside)):
        print(f"{name:28}" + "".join(f"{1000 * found.at(q):9.1f}" for q in (0.5, 0.99, 1.0)))
    print(f"{'ratio':28}" + "".join(f"{beside.at(q) / alone.at(q):9.1f}" for q in (0.5, 0.99, 1.0)))
    print(f"{beside.answered} questions answered, {beside.refused} refused")


if __name__ == "__main__":
    main(sys.argv[1:])
