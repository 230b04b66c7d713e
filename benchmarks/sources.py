"""Prints what a look at Redis and PostgreSQL costs: Showcall's CPU ms, the server's, and how long it takes.

    .venv/bin/python benchmarks/sources.py [seconds]

A Valkey and a PostgreSQL of the stack's own wheels run here with a handful of keys and rows; each is looked
at once a second over the connection that its source keeps, as the scrape loop does. The server's CPU is what
all its processes took, less what they took in the same time when nobody asked. PostgreSQL is measured again
with the question for sizes and settings in every look, which is asked once a minute otherwise. The machine's
noise is the spread of a fixed piece of work in CPU time, as a part of its median.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402 - the project is beside, not installed

from benchmarks.machine_noise import noise  # noqa: E402
from collector import postgresql  # noqa: E402
from collector.deadline import Deadline  # noqa: E402
from collector.postgresql import PostgresqlSettings, PostgresqlSource  # noqa: E402
from collector.redis import RedisSettings, RedisSource  # noqa: E402
from collector.resolver import Resolver  # noqa: E402
from collector.source import Source  # noqa: E402
from tests.stack.service_rig import HOST, Postgres, Valkey  # noqa: E402

PERIOD_SECONDS = 1.0
KEYS = 1000
WARM_LOOKS = 3
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one look: CPU ms of ours (median, and the dearest), of the server; ms that it took; series."""

    ours: float
    dearest: float
    server: float
    took: float
    series: int


def main(seconds: int = 30) -> int:
    """Print the figures."""
    spread = noise()
    with redis() as source:
        print_cost("redis", measure(source, seconds))
    with postgres() as source:
        print_cost("postgresql", measure(source, seconds))
        postgresql.SLOW_EVERY_SECONDS = 0.0
        source.close()
        print_cost("postgresql, sizes and settings too", measure(source, seconds))
    spread = max(spread, noise())
    print(f"machine: {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, noise {spread:.0%}")
    return 0


def measure(source: Source, seconds: int) -> Cost:
    """A look a second for so long, on a warm connection."""
    time.sleep(SETTLE_SECONDS)
    idle = server_cpu()
    time.sleep(seconds * PERIOD_SECONDS)
    idle = server_cpu() - idle
    for _ in range(WARM_LOOKS):
        series = len(source.fetch(time.time(), Deadline.within(5.0)).labels)  # noqa: TID251 - it times a run
    busy = server_cpu()
    ours, took = zip(*(one_look(source) for _ in range(seconds)), strict=True)
    server = max(server_cpu() - busy - idle, 0.0) / seconds
    return Cost(statistics.median(ours), max(ours), server, statistics.median(took), series)


def one_look(source: Source) -> tuple[float, float]:
    """CPU ms and ms, a period after the last."""
    time.sleep(PERIOD_SECONDS)
    began, spent = time.perf_counter(), time.thread_time()
    source.fetch(time.time(), Deadline.within(5.0))  # noqa: TID251 - it times a run
    return (time.thread_time() - spent) * 1000, (time.perf_counter() - began) * 1000


def server_cpu() -> float:
    """CPU ms so far of every process that this one has started."""
    return sum(process_cpu(each.pid) for each in psutil.Process().children(recursive=True))


def process_cpu(pid: int) -> float:
    """CPU ms of all threads, to the nanosecond, as the kernel's scheduler counts."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


@contextmanager
def redis() -> Iterator[Source]:
    """A source on a Valkey with some keys."""
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(Path(folder))
        server.start()
        source = RedisSource(RedisSettings(HOST, server.port, None, None), Resolver())
        try:
            with server.client() as client:
                client.mset({f"key:{number}": number for number in range(KEYS)})
            yield source
        finally:
            source.close()
            server.stop()


@contextmanager
def postgres() -> Iterator[Source]:
    """A source on a PostgreSQL with the concerts of the tests."""
    server = Postgres()
    try:
        server.start()
        server.load()
        with server.connect() as connection:
            connection.execute("CHECKPOINT")
        source = PostgresqlSource(
            PostgresqlSettings(HOST, server.port, "postgres", "postgres", None), Resolver()
        )
        yield source
        source.close()
    finally:
        server.remove()


def print_cost(name: str, cost: Cost) -> None:
    """One line for people."""
    ours = f"{cost.ours:.2f} ms CPU a look (dearest {cost.dearest:.2f})"
    print(f"{name}: {ours}, the server {cost.server:.2f} ms, {cost.took:.1f} ms long, {cost.series} series")


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:2])))
