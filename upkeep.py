"""Housekeeping wired to the rest: what it may touch, and what the console and /metrics show of it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from alerts.rule_outcome import RuleStatus
from collector.round import TargetReport
from dashboards import plan, push
from dashboards.access import access
from dashboards.grafana import GrafanaHttp
from dashboards.trouble import GrafanaError
from database import Database, DataDirectoryInUseError, DataDirectoryLock
from housekeeping import backup_store, job_store, jobs, storage
from housekeeping.backup_store import BackupError
from housekeeping.daily_digest import Standing
from housekeeping.job import JobError, JobOutcome, Stop, begun, ended
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
        store_bytes: of the store's files.
        store_troubles: why samples are not written, a line each.
    """

    rules: Callable[[], Sequence[RuleStatus]]
    targets: Callable[[], Sequence[TargetReport]]
    series: Callable[[], int]
    store_bytes: Callable[[], int]
    store_troubles: Callable[[], tuple[str, ...]]


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
        hooks = jobs.Hooks(self._standing, shelves(), dashboards_sync(settings))
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

    def look(self) -> None:
        """Look now, without waiting for the next turn."""
        self._housekeeping.look()

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
            troubles=(*found.troubles, *self._watched.store_troubles()),
            store_bytes=self._watched.store_bytes(),
            server="" if self._database.is_sqlite else self._database.place,
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


def backup_now(settings: Settings, database: Database, database_file: Path, now: float) -> str:
    """Make a backup, note it as a run of the job, and say which it is.

    Raises:
        BackupError: says what is in the way.
    """
    folder = jobs.backup_folder(settings)
    began = time.monotonic()
    text = jobs.backup_work(database_file, folder, settings.housekeeping.backup_keep)(now, Stop())
    with database.transaction() as tx:
        state = job_store.known(tx).get(jobs.BACKUP)
        if state is not None:
            took = time.monotonic() - began
            done = ended(
                begun(state, now), JobOutcome.DONE, text, due_at=state.due_at, now=now + took, seconds=took
            )
            job_store.save(tx, [done], now)
    return text


def restore(backup: Path, database_file: Path, now: float) -> str:
    """Put a backup in the place of the database of a Showcall that does not run, and say what was done.

    Raises:
        BackupError: a Showcall runs there, or the backup is damaged; the database is as it was.
    """
    try:
        lock = DataDirectoryLock(database_file.parent)
    except DataDirectoryInUseError as error:
        raise BackupError(str(error)) from None
    try:
        aside = backup_store.put_back(backup, database_file, now, Stop())
    finally:
        lock.release()
    kept = f"; the one before is {aside}" if aside is not None else ""
    return f"{database_file} is {backup.name} now{kept}"


def dashboards_sync(settings: Settings) -> Callable[[], str] | None:
    """What brings our folder, data source and dashboard in Grafana up to date; None without a Grafana."""
    if settings.grafana.url is None:
        return None

    def sync() -> str:
        try:
            with GrafanaHttp(access(settings.grafana, os.environ)) as grafana:
                wanted = push.wanted(settings)
                steps = list(push.carry_out(plan.plan(wanted, push.found(wanted, grafana)), grafana))
        except GrafanaError as error:
            raise JobError(str(error)) from None
        return "; ".join(line for step in steps for line in push.lines(step, done=True))

    return sync


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
