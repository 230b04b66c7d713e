"""Tells what the last day was like: once a day, however often it is tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts import incident_store, timeline_store
from database import Database
from housekeeping import digest_store, job_store
from housekeeping.job import JobOutcome, Stop
from housekeeping.schedule import DailyAt, latest_due, local_day
from reports.digest import DigestFacts, digest_row
from runbooks import run_store

DAY_SECONDS = 86_400.0
LONGEST_SECONDS = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """What fails now: names of rules and targets."""

    rules: Sequence[str] = ()
    targets: Sequence[str] = ()


class DailyDigest:
    """Writes the day's row and the mark that it is written in one transaction.

    It covers what came after the previous one, at most a week, up to the time at which it was due.
    """

    def __init__(
        self, database: Database, schedule: DailyAt, backup_job: str, standing: Callable[[], Standing]
    ) -> None:
        self._database, self._schedule, self._backup_job = database, schedule, backup_job
        self._standing = standing

    def run(self, now: float, stop: Stop) -> str:
        """Tell it, if it was not told; one line about that."""
        stop.check()
        until = latest_due(self._schedule, now)
        facts = self._facts(local_day(self._schedule.timezone, until).isoformat(), until)
        with self._database.transaction() as tx:
            if not digest_store.claim(tx, facts.day, until):
                return f"the digest of {facts.day} was told already"
            timeline_store.append(tx, digest_row(facts, now))
        return f"told the digest of {facts.day}"

    def _facts(self, day: str, until: float) -> DigestFacts:
        standing = self._standing()
        with self._database.reading() as connection:
            told = digest_store.told_until(connection, until)
            since = until - DAY_SECONDS if told is None else max(told, until - LONGEST_SECONDS)
            backup = job_store.known(connection).get(self._backup_job)
            return DigestFacts(
                day=day,
                since=since,
                until=until,
                incidents=incident_store.between(connection, since, until),
                runs=run_store.between(connection, since, until),
                failing_rules=standing.rules,
                failing_targets=standing.targets,
                backup_at=backup.succeeded_at if backup else None,
                backed_up_by_us=self._database.is_sqlite,
                backup_problem=backup.text if backup and backup.outcome is JobOutcome.FAILED else "",
            )
