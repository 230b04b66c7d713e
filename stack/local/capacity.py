"""Measuring how many date queries a second the stack serves, and sizing the data by it.

The drill's story needs the capacity in a narrow band (above it the pool never times out, below it no cap
keeps the objective), and the speed of a rented machine drifts by a third. So the figure is measured at every
start and the number of seats follows it.

What is measured: as many connections as the service's pool has, all busy with the service's own statement,
asked by a process of the same libraries pinned to the service's CPU while the service is idle. Under overload
the service takes a little of that CPU for itself (parsing, metrics, scrapes, polls of those who wait), so the
figure is what the probe got, less that share.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from stack.config import StackConfig
from stack.local import dataset_store
from stack.local.capacity_search import Band, NextStep, Round, Verdict, next_step, trusted
from stack.local.child import ChildSpec, environment, spawn
from stack.local.dataset_store import Dataset
from stack.local.errors import Fault, StackError
from stack.local.progress import Progress, Step
from stack.local.state import Capacity, iso

_PROBE_SECONDS = 120.0
# The probe's own start is part of what the CPU's counters call others: about 1 %.
_DISTURBED_PERCENT = 6.0
# No round begins later than this: a disturbed one takes some 20 s, and a start shall end within about 75 s.
_LAST_ROUND_BEGINS_SECONDS = 55.0
# What the service left to the database with 10 busy connections, a scrape a second and 150 to 400 users who
# poll the queue every 3 s: it used 3.3 to 5.2 % of the CPU.
_LEFT_BY_SERVICE = 0.96


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of the probe.

    Attributes:
        queries_per_second: date queries served.
        steal_percent: share of the service's CPU that the hypervisor took; None if unknown.
        others_percent: share of it that processes outside the stack used; None if unknown.
    """

    queries_per_second: float
    steal_percent: float | None
    others_percent: float | None

    def __str__(self) -> str:
        rate = f"{self.queries_per_second:.2f} date queries/s"
        return f"{rate} (steal {_percent(self.steal_percent)}, others {_percent(self.others_percent)})"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1f} %"


Probe = Callable[[], Measurement]


def probe(service_config: Path, cpu: int | None, log: Path, cwd: Path) -> Measurement:
    """Run the probe once in its own process, with the database and the pool size of the service's config.

    Raises:
        StackError: it failed; the text has its log.
    """
    argv = [sys.executable, "-m", "stack.local.capacity_probe", str(service_config)]
    if cpu is not None:
        argv.append(str(cpu))
    process = spawn(ChildSpec(argv, log, cwd, environment(), piped=True))
    try:
        output, _ = process.communicate(timeout=_PROBE_SECONDS)
    finally:
        process.kill()
    if process.returncode != 0:
        found = f"the probe ended with exit code {process.returncode}"
        raise StackError(Fault("capacity", found, "a measured rate", f"Its log: {log}"))
    body = json.loads(output)
    rate = body["queriesPerSecond"] * _LEFT_BY_SERVICE
    return Measurement(rate, body["stealPercent"], body["othersPercent"])


def calibrate(
    engine: Engine, config: StackConfig, measure: Probe, clock: Callable[[], datetime], progress: Progress
) -> Capacity:
    """Measure, and change the number of seats until the capacity lies in the band.

    Profile ``improved`` is only measured: its index makes the date query fast whatever the number of seats.
    """
    band = Band(config.capacity_low, config.capacity_high)
    found = _found(engine)
    seats, sized_before = found.seats, found.seats != found.requested
    began = clock()
    rounds: list[tuple[Round, Measurement]] = []
    while True:
        measured = _calm(measure, progress)
        calm = not is_disturbed(measured.others_percent)
        rounds.append((Round(seats, measured.queries_per_second, calm), measured))
        time_left = (clock() - began).total_seconds() < _LAST_ROUND_BEGINS_SECONDS
        step = next_step([each for each, _ in rounds], band, sized_before=sized_before, time_left=time_left)
        progress(Step("capacity", f"{measured} with {seats:,} seats: {step.reason.value}"))
        if config.profile == "improved" or step.verdict in {Verdict.ACCEPT, Verdict.GIVE_UP}:
            return _judged(engine, config, _believed(rounds), step, iso(clock()))
        if step.verdict is Verdict.RESIZE:
            progress(Step("capacity", f"changing to {step.seats:,} seats"))
            _resize(engine, seats, step.seats)
            seats = step.seats


def _believed(rounds: Sequence[tuple[Round, Measurement]]) -> Measurement:
    """The newest measurement that counted."""
    counted = trusted([each for each, _ in rounds])
    return next(measured for each, measured in reversed(rounds) if each in counted)


def _calm(measure: Probe, progress: Progress) -> Measurement:
    """A measurement; when other processes disturbed it, the calmer of two."""
    first = measure()
    if not is_disturbed(first.others_percent):
        return first
    progress(Step("capacity", f"{first}: disturbed, measuring again"))
    return min(first, measure(), key=lambda each: each.others_percent or 0)


def is_disturbed(others_percent: float | None) -> bool:
    """Whether others used so much of the service's CPU that the capacity holds only while they do."""
    return others_percent is not None and others_percent > _DISTURBED_PERCENT


def _found(engine: Engine) -> Dataset:
    with engine.connect() as connection:
        return dataset_store.find(connection) or Dataset(dataset_store.VERSION, 0, 0)


def _resize(engine: Engine, present: int, wanted: int) -> None:
    with engine.begin() as tx:
        dataset_store.resize(tx, present, wanted)
    settle(engine, rewrite=wanted < present)


def settle(engine: Engine, *, rewrite: bool = False) -> None:
    """After a change of data: clean, counted, and in memory again."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        dataset_store.vacuum(connection, rewrite=rewrite)
        dataset_store.warm(connection)


def _judged(engine: Engine, config: StackConfig, measured: Measurement, step: NextStep, at: str) -> Capacity:
    improved = config.profile == "improved"
    reason = None if improved else _reason(engine, config, step)
    rate = measured.queries_per_second if improved else step.queries_per_second
    return Capacity(
        queries_per_second=round(rate, 3),
        seats=step.seats,
        measured_at=at,
        steal_percent=_rounded(measured.steal_percent),
        ok=reason is None,
        reason=reason,
        others_percent=_rounded(measured.others_percent),
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 2)


def _reason(engine: Engine, config: StackConfig, step: NextStep) -> str | None:
    if step.verdict is Verdict.GIVE_UP:
        return f"not within {config.capacity_low} to {config.capacity_high} queries/s: {step.reason.value}"
    with engine.connect() as connection:
        plan = dataset_store.date_plan(connection)
    if "Hash" in plan and "Seq Scan on seats" in plan:
        return None
    return f"the date query is not a hash join over all seats, but: {' '.join(plan.split())}"
