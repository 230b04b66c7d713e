"""Keeps every connection of a pool busy with the date query, as the service does under overload.

Run as its own process on the service's CPU, ``python -m stack.local.capacity_probe SERVICE_JSON [CPU]``; the
result is one JSON line. It stands in for the service, through the same libraries: SQLAlchemy, one thread for
each connection, a transaction for each query, rows fetched. Going through the service's HTTP API instead
would need users admitted by the queue, and would leave its requests in the metrics that a drill starts from.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, text

from stack.local.capacity_estimate import Estimate, estimate, is_steady
from stack.local.cpu import CpuUse, cpu_times, cpu_use, lower_autogroups
from stack.local.dataset_store import CONCERTS
from stack.queries import DATE_QUERY

_LOOK_EVERY = 0.25
_GIVE_UP_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Connection:
    """What one busy connection got: its answers' times, and the server process behind it."""

    answers: list[float] = field(default_factory=list)
    server_pids: set[int] = field(default_factory=set)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; exit code 1 when there was no whole turn in a minute."""
    service, cpu = json.loads(Path(arguments[0]).read_text(encoding="utf-8")), 0
    if len(arguments) > 1:
        cpu = int(arguments[1])
        os.sched_setaffinity(0, {cpu})
    found = measure(service["databaseUrl"], service["poolSize"], cpu)
    if found is None:
        return 1
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def measure(url: str, connections: int, cpu: int) -> dict[str, float | None] | None:
    """The steady rate of that many busy connections, and where the CPU's time went.

    None when the database is too slow to tell.
    """
    engine = create_engine(url, pool_size=connections)
    stop = threading.Event()
    asking = [Connection() for _ in range(connections)]
    threads = [threading.Thread(target=_ask, args=(engine, each, stop), daemon=True) for each in asking]
    before, own = cpu_times(cpu), time.process_time()
    for thread in threads:
        thread.start()
    try:
        found = _watch(asking)
        own_seconds = time.process_time() - own + sum(map(_cpu_seconds, _servers(asking)))
        use = cpu_use(before, cpu_times(cpu), own_seconds)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        engine.dispose()
    return _result(found, use) if found else None


def _result(found: Estimate, use: CpuUse | None) -> dict[str, float | None]:
    return {
        "queriesPerSecond": found.queries_per_second,
        "stealPercent": use.steal if use else None,
        "othersPercent": use.others if use else None,
    }


def _cpu_seconds(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


def _watch(asking: Sequence[Connection]) -> Estimate | None:
    started = time.monotonic()
    found, lowered = None, frozenset[int]()
    while not is_steady(found, time.monotonic() - started):
        if time.monotonic() - started > _GIVE_UP_AFTER:
            return None
        time.sleep(_LOOK_EVERY)
        # As the supervisor does for the service's connections.
        lowered |= lower_autogroups(_servers(asking) - lowered)
        found = estimate([tuple(each.answers) for each in asking])
    return found


def _servers(asking: Sequence[Connection]) -> frozenset[int]:
    return frozenset().union(*(tuple(each.server_pids) for each in asking))


def _ask(engine: Engine, asking: Connection, stop: threading.Event) -> None:
    query = text(DATE_QUERY)
    while not stop.is_set():
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            asking.server_pids.add(driver.info.backend_pid)
            connection.execute(query, {"concert_id": random.randint(1, CONCERTS)}).all()
        asking.answers.append(time.monotonic())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
