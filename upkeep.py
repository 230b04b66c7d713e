"""Housekeeping wired to the rest: what it may touch, and what the console and /metrics show of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from alerts.rule_outcome import RuleStatus
from collector.round import TargetReport
from database import Database
from housekeeping import jobs, storage
from housekeeping.daily_digest import Standing
from housekeeping.keeper import Housekeeping, JobStatus
from housekeeping.numbers import HousekeepingNumbers
from housekeeping.retention import Shelves
from own_loops import LoopReport
from runbooks import lease_store
from settings.schema import Settings
from web import session_store
from web.parts import JobHealth, StorageHealth

LIMIT_SECONDS = 120.0
"""The longest that looking at what is due may take before it counts as dead."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What housekeeping sees of the parts that run.

    Attributes:
        series: how many are in the store.
        sync_dashboards: brings dashboards up to date, None where there is nothing to do.
    """

    rules: Callable[[], Sequence[RuleStatus]]
    targets: Callable[[], Sequence[TargetReport]]
    series: Callable[[], int]
    sync_dashboards: Callable[[], str] | None = None


class Upkeep:
    """The jobs of one Showcall, ready to be started."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        database_file: Path,
        watched: Watched,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._database, self._file = settings, database, database_file
        self._watched = watched
        self._process = psutil.Process()
        hooks = jobs.Hooks(self._standing, shelves(), watched.sync_dashboards)
        self._housekeeping = Housekeeping(
            database,
            jobs.build(settings, database, database_file, hooks),
            held=self._lever_held,
            patience=settings.housekeeping.postpone_at_most,
            clock=clock,
        )
        self._housekeeping.recall()
        self.numbers = HousekeepingNumbers(self._housekeeping.statuses, self._storage)

    def start(self) -> None:
        """Begin to look at what is due."""
        self._housekeeping.start()

    def stop(self, within: float) -> bool:
        """End at the next step of each job; False when one had not after so many seconds."""
        return self._housekeeping.stop(within)

    def report(self) -> LoopReport:
        """How the looking does."""
        return self._housekeeping.report()

    def job_health(self) -> tuple[JobHealth, ...]:
        """Every job, for the console."""
        return tuple(map(shown, self._housekeeping.statuses()))

    def storage_health(self) -> StorageHealth:
        """Memory and disk, for the console."""
        found = self._storage()
        return StorageHealth(
            series=self._watched.series(),
            resident_bytes=self._process.memory_info().rss,
            database_bytes=found.database_bytes,
            disk_free_bytes=found.disk_free_bytes,
            disk_low_bytes=found.low_bytes,
            folder=str(found.folder),
            write_error=found.write_error,
            troubles=found.troubles,
        )

    def _storage(self) -> storage.Storage:
        return storage.look(self._database, self._file, self._settings.housekeeping.disk_low_bytes)

    def _standing(self) -> Standing:
        return Standing(
            rules=tuple(status.rule.name for status in self._watched.rules() if status.error),
            targets=tuple(report.target for report in self._watched.targets() if not report.up),
        )

    def _lever_held(self) -> bool:
        with self._database.reading() as connection:
            return bool(lease_store.held(connection))


def shelves() -> Shelves:
    """What rooms above housekeeping keep and may forget."""
    return Shelves(by_age={"sessions": session_store.forget})


def shown(status: JobStatus) -> JobHealth:
    """A job as the console shows it."""
    state = status.state
    return JobHealth(
        name=state.name,
        title=status.job.title,
        outcome=state.outcome.value,
        text=state.text,
        started_at=state.started_at,
        succeeded_at=state.succeeded_at,
        seconds=state.seconds,
        due_at=status.due_at,
        postponed_since=state.postponed_since,
        runs=state.runs,
        failures=state.failures,
        complaint=status.complaint,
    )
