"""The targets of the metrics benchmark: one process that serves pages whose values move once a second.

    .venv/bin/python benchmarks/metrics_targets.py --profile mix --targets 20 --series 1000

Prints its port, then serves ``/t/<number>``: every scraper that asks within one second gets the same page.
``/served`` tells how many samples each kind of scraper was given.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np

Draw = Callable[[], list[float]]

BOUNDS = (".005", ".01", ".025", ".05", ".075", ".1", ".25", ".5", ".75", "1", "2.5", "5", "7.5", "10")
METHODS = ("GET", "POST", "PUT", "DELETE")
CHURN_LIFE_SECONDS = 10
CHURN_EACH_SECOND = 100
TYPES = {"counter": "counter", "gauge": "gauge", "bucket": "histogram"}


@dataclass(slots=True)
class Family:
    """Series of one metric: their texts up to the value, and where the next values come from."""

    name: str
    kind: str
    heads: list[str]
    draw: Draw

    def lines(self) -> list[str]:
        """Its part of a page."""
        values = self.draw()
        told = [f"# HELP {self.name} What {self.name} counts.", f"# TYPE {self.name} {TYPES[self.kind]}"]
        return told + [f"{head} {value!r}" for head, value in zip(self.heads, values, strict=True)]


def histogram(name: str, calls: int, bounds: tuple[str, ...], random: np.random.Generator) -> Family:
    """``calls`` histograms with buckets, sum and count: some busy, some idle."""
    heads = []
    for call in range(calls):
        own = f'method="{METHODS[call % 4]}",handler="/api/v1/h{call}"'
        heads += [f'{name}_bucket{{{own},le="{bound}"}}' for bound in (*bounds, "+Inf")]
        heads += [f"{name}_sum{{{own}}}", f"{name}_count{{{own}}}"]
    width = len(bounds) + 1
    rates = random.choice([0.0, 0.2, 3.0, 40.0], size=calls, p=[0.25, 0.25, 0.3, 0.2])
    counts, sums = np.zeros((calls, width)), np.zeros(calls)
    shares = np.diff(np.linspace(0, 1, width + 1) ** 0.6)

    def draw() -> list[float]:
        counts[:] += random.poisson(rates[:, None] * shares)
        sums[:] += np.round(random.poisson(rates) * random.gamma(2.0, 0.04, size=calls), 6)
        cumulated = counts.cumsum(axis=1)
        whole: list[float] = np.column_stack([cumulated, sums, cumulated[:, -1]]).ravel().tolist()
        return whole

    return Family(name, "bucket", heads, draw)


def counters(name: str, size: int, random: np.random.Generator) -> Family:
    """Plain counters: a third stand still, a third count slowly, a third count bytes."""
    values = np.floor(random.uniform(0, 1e6, size))
    rates = random.choice([0.0, 2.0, 40_000.0], size=size)

    def draw() -> list[float]:
        values[:] += random.poisson(rates)
        told: list[float] = values.tolist()
        return told

    return Family(name, "counter", _labelled(name, size), draw)


def gauges(name: str, size: int, random: np.random.Generator) -> Family:
    """Gauges: a third constant, a third small whole numbers, a third wandering with three decimals."""
    values = np.floor(random.uniform(1, 500, size))
    kinds = np.arange(size) % 3

    def draw() -> list[float]:
        moved = np.maximum(values + random.integers(-2, 3, size), 0)
        values[:] = np.where(kinds == 1, moved, values)
        wandered = np.round(values + random.normal(0, 0.8, size), 3)
        values[:] = np.where(kinds == 2, wandered, values)
        told: list[float] = values.tolist()
        return told

    return Family(name, "gauge", _labelled(name, size), draw)


def _labelled(name: str, size: int) -> list[str]:
    return [f'{name}{{pool="p{place % 7}",area="heap",id="part-{place}"}}' for place in range(size)]


def churning(random: np.random.Generator) -> Family:
    """New series every second, each there for a few seconds."""
    born, seconds = count(), count()
    alive: list[tuple[int, int]] = []
    family = Family("session_bytes", "gauge", [], list)

    def draw() -> list[float]:
        now = next(seconds)
        alive[:] = [(at, one) for at, one in alive if now - at < CHURN_LIFE_SECONDS]
        alive.extend((now, next(born)) for _ in range(CHURN_EACH_SECOND))
        family.heads = [f'session_bytes{{session="s{one:08d}"}}' for _, one in alive]
        told: list[float] = np.floor(random.uniform(0, 1e5, len(alive))).tolist()
        return told

    family.draw = draw
    return family


def families(profile: str, series: int, number: int) -> list[Family]:
    """The page of one target, with about so many series."""
    random = np.random.default_rng(number)
    if (
        profile == "buckets"
    ):  # the queries go over the buckets: 18 bounds and +Inf, sum and count are 21 lines
        bounds = tuple(f"{0.001 * 1.6**place:.4g}" for place in range(19))
        found = histogram("request_seconds", -(-series // 20), bounds, random)
        return [_buckets_alone(found)]
    if profile == "churn":
        return [churning(random)]
    calls = int(series * 0.5) // (len(BOUNDS) + 3)
    left = series - calls * (len(BOUNDS) + 3)
    return [
        histogram("http_server_requests_seconds", calls, BOUNDS, random),
        counters("jobs_done_total", left // 3, random),
        gauges("part_level", left - left // 3, random),
    ]


def _buckets_alone(found: Family) -> Family:
    kept = [place for place, head in enumerate(found.heads) if "_bucket{" in head]
    draw = found.draw

    def picked() -> list[float]:
        values = draw()
        return [values[place] for place in kept]

    return Family(found.name, found.kind, [found.heads[place] for place in kept], picked)


@dataclass(slots=True)
class Target:
    """One target's page, made at most once a second."""

    families: list[Family]
    second: int = -1
    body: bytes = b""
    samples: int = 0

    def page(self, second: int) -> bytes:
        """The page of this second."""
        if second != self.second:
            lines = [line for family in self.families for line in family.lines()]
            self.samples = sum(len(family.heads) for family in self.families)
            self.body, self.second = ("\n".join(lines) + "\n").encode(), second
        return self.body


@dataclass(slots=True)
class Site:
    """All targets, and what was served to whom."""

    targets: list[Target]
    served: Counter[str] = field(default_factory=Counter)

    def answer(self, path: str, agent: str, now: float) -> bytes:
        """The body of an answer."""
        if path == "/served":
            return json.dumps(self.served).encode()
        target = self.targets[int(path.removeprefix("/t/"))]
        body = target.page(int(now))
        self.served[agent] += target.samples
        return body


class Connection(asyncio.Protocol):
    """One scraper's kept connection."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asked = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            head, _, self._asked = self._asked.partition(b"\r\n\r\n")
            self._reply(head.decode("latin-1"))

    def _reply(self, head: str) -> None:
        first, *rest = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        agent = headers.get("user-agent", "?").partition("/")[0]
        now = time.time()  # noqa: TID251 - a benchmark has no other clock
        body = self._site.answer(first.split(" ")[1], agent, now)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        told = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        assert self._transport is not None
        self._transport.write(told.encode() + body)


async def serve(site: Site) -> None:
    """Until the process ends."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main(arguments: list[str]) -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("mix", "buckets", "churn"), default="mix")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--series", type=int, default=1000)
    given = parser.parse_args(arguments)
    targets = [Target(families(given.profile, given.series, number)) for number in range(given.targets)]
    asyncio.run(serve(Site(targets)))


if __name__ == "__main__":
    main(sys.argv[1:])
