"""Which jobs there are."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from database import Database
from housekeeping import backup_store, digest_store
from housekeeping.daily_digest import DailyDigest, Standing
from housekeeping.job import Job, Stop, Work
from housekeeping.retention import OWN_SHELVES, Retention, Shelves
from housekeeping.schedule import DailyAt, Every
from settings.schema import HousekeepingSettings, Settings

BACKUP, RETENTION, DIGEST, DASHBOARDS = "backup", "retention", "digest", "dashboards"
DASHBOARDS_EVERY_SECONDS = 6 * 3600.0
_DIGESTS = Shelves(by_age={"digests": digest_store.forget})


@dataclass(frozen=True, slots=True)
class Hooks:
    """What jobs need of the rest.

    Attributes:
        standing: what fails now.
        shelves: what other rooms keep and may forget.
        sync_dashboards: brings dashboards up to date and says what it did, None where there are none.
    """

    standing: Callable[[], Standing] = Standing
    shelves: Shelves = field(default_factory=Shelves)
    sync_dashboards: Callable[[], str] | None = None


def build(settings: Settings, database: Database, database_file: Path, hooks: Hooks) -> tuple[Job, ...]:
    """The jobs of a configuration."""
    return tuple(_jobs(settings, database, database_file, hooks))


def _jobs(settings: Settings, database: Database, database_file: Path, hooks: Hooks) -> Iterator[Job]:
    keeping = settings.housekeeping
    nightly = DailyAt(keeping.at, keeping.timezone)
    if database.is_sqlite:
        backup = backup_work(database_file, backup_folder(settings), keeping.backup_keep)
        yield Job(BACKUP, "Backup of the database", nightly, backup, heavy=True)
    shelves = OWN_SHELVES.with_more(_DIGESTS).with_more(hooks.shelves)
    yield Job(
        RETENTION, "Retention", nightly, Retention(database, shelves, keeping.retention).run, heavy=True
    )
    if keeping.digest:
        yield _digest(keeping, database, hooks)
    if hooks.sync_dashboards is not None:
        every = Every(DASHBOARDS_EVERY_SECONDS)
        yield Job(DASHBOARDS, "Dashboards", every, _without_stop(hooks.sync_dashboards))


def _digest(keeping: HousekeepingSettings, database: Database, hooks: Hooks) -> Job:
    schedule = DailyAt(keeping.digest_at, keeping.timezone)
    digest = DailyDigest(database, schedule, BACKUP, hooks.standing)
    return Job(DIGEST, "Daily digest", schedule, digest.run)


def backup_folder(settings: Settings) -> Path:
    """Where backups go."""
    return settings.housekeeping.backup_dir or settings.data_dir / "backups"


def backup_work(database_file: Path, folder: Path, keep: int) -> Work:
    """What makes a backup, and says which."""

    def work(now: float, stop: Stop) -> str:
        made = backup_store.make(database_file, folder, keep=keep, now=now, stop=stop)
        kept = len(backup_store.listed(folder))
        free = shutil.disk_usage(folder).free
        return (
            f"{made.path.name}, {made.bytes / 1e6:.1f} MB, checked; "
            f"{kept} of at most {keep} kept in {folder}, {free / 1e9:.1f} GB free there"
        )

    return work


def _without_stop(sync: Callable[[], str]) -> Work:
    return lambda _now, _stop: sync()
