"""A database with a history, and jobs whose work a test decides."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import upkeep  # noqa: F401 - declares every table that housekeeping may touch
from alerts import alert_store, incident_store, timeline_store
from alerts.alert_state import Alert, AlertState
from alerts.incident import Incident, IncidentState
from alerts.timeline import NewTimelineRow, TimelineKind
from database import Database
from housekeeping import job_store
from housekeeping.job import Job, JobState, Stop
from housekeeping.keeper import Housekeeping
from housekeeping.schedule import DailyAt, Schedule
from metrics.values import labels_of
from runbooks import intent_store, lease_store, run_store
from runbooks.intent import Intent, IntentState, Purpose
from runbooks.lease import Lease, LeasePhase
from runbooks.plan import Plan
from runbooks.run import Run, RunState
from settings.schema import RunbookMode

NOW = 1_790_000_000.0
DAY = 86_400.0
NIGHTLY = DailyAt("03:30", "UTC")


@dataclass
class House:
    """The database of a Showcall and what is put into it."""

    database: Database
    file: Path
    clock: list[float] = field(default_factory=lambda: [NOW])

    def incident(self, opened: float, resolved: float | None) -> int:
        state = IncidentState.OPEN if resolved is None else IncidentState.RESOLVED
        new = Incident(
            id=0, title="Pool exhausted", state=state, cause="pool", severity="critical", opened_at=opened,
            resolved_at=resolved,
        )  # fmt: skip
        with self.database.transaction() as tx:
            return incident_store.add(tx, new)

    def rows(self, at: float, incident_id: int | None = None, count: int = 1) -> None:
        row = NewTimelineRow(at, TimelineKind.NOTE, "by_user", "something", incident_id)
        with self.database.transaction() as tx:
            timeline_store.append_all(tx, [row] * count)

    def run(
        self,
        incident_id: int,
        at: float,
        state: RunState = RunState.SUCCEEDED,
        *,
        over: bool = True,
        undone: float | None = None,
    ) -> str:
        plan = Plan("throttle_queue", incident_id, "cap", (), (), "", "", "hash")
        with self.database.transaction() as tx:
            key = run_store.next_key(tx, "throttle_queue", incident_id)
            run = Run(
                key=key, runbook="throttle_queue", incident_id=incident_id, lever="cap", state=state,
                reason="done", mode=RunbookMode.AUTO, plan=plan, created_at=at, started_at=at,
                ended_at=at + 60 if over else None, undone_at=undone,
            )  # fmt: skip
            run_store.add(tx, run)
        return key

    def intents(self, run_key: str, at: float, purpose: Purpose, count: int = 1) -> None:
        with self.database.transaction() as tx:
            for number in range(count):
                intent = Intent(
                    request_id=f"{run_key}-{purpose}-{number}-{at}", run_key=run_key, lever="cap",
                    purpose=purpose, value=8.0, if_version=1, lease_seconds=60.0, put_back_excess=False,
                    reason="renewal", text="", after="{}", created_at=at,
                )  # fmt: skip
                intent_store.add(tx, intent)
                intent_store.resolve(tx, intent, IntentState.APPLIED, "", at)

    def alert(self, incident_id: int | None, at: float, state: AlertState) -> None:
        alert = Alert(
            rule="PoolExhausted", rule_key="g/PoolExhausted", labels=labels_of({"at": str(at)}),
            annotations={}, state=state, held=state, active_at=at, fired_at=at,
            resolved_at=at if state is AlertState.INACTIVE else None, value=1.0, component="pool",
            severity="critical", incident_id=incident_id,
        )  # fmt: skip
        with self.database.transaction() as tx:
            alert_store.add_all(tx, [alert])

    def lease(self, incident_id: int, run_key: str) -> None:
        lease = Lease(
            lever=f"cap{incident_id}", run_key=run_key, runbook="throttle_queue", component="queue",
            incident_id=incident_id, value=8.0, baseline=1000.0, unit="users", since=NOW, until=NOW + 60,
            phase=LeasePhase.HELD, doing="holds", next_at=None,
        )  # fmt: skip
        with self.database.transaction() as tx:
            lease_store.save(tx, lease)

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        with self.database.reading() as connection:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {
                name: int(connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one())
                for name in names.scalars()
                if not name.startswith("sqlite_")
            }

    def keeper(self, *jobs: Job, held: Callable[[], bool] = lambda: False) -> Housekeeping:
        return Housekeeping(self.database, jobs, held=held, patience=6 * 3600.0, clock=lambda: self.clock[0])

    def state(self, name: str) -> JobState:
        """What SQL knows of a job."""
        with self.database.reading() as connection:
            return job_store.known(connection)[name]


@dataclass
class Labour:
    """The work of a job, as a test wants it."""

    text: str = "did it"
    error: Exception | None = None
    hold: bool = False
    began: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    times: list[float] = field(default_factory=list)

    def __call__(self, now: float, stop: Stop) -> str:
        self.times.append(now)
        self.began.set()
        while self.hold and not self.let_go.is_set():
            stop.pause(0.01)
        if self.error is not None:
            raise self.error
        return self.text

    def job(self, name: str = "backup", schedule: Schedule = NIGHTLY, *, heavy: bool = True) -> Job:
        return Job(name, name.title(), schedule, self, heavy)


def eventually(condition: Callable[[], object], within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)
