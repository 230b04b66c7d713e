"""An outbox over a real database, with a clock that tests turn and a Slack of their own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from alerts import incident_store, outbox_channel_store, outbox_store, timeline_store
from alerts.delivery import Delivery
from alerts.incident import Incident, IncidentState, Peak
from alerts.outbox import Moment, Outcome
from alerts.outbox_channel_store import ChannelStatus
from alerts.outbox_worker import OutboxWorker
from alerts.running_action import RunningAction
from alerts.slack import credentials
from alerts.slack.channel import SlackChannel
from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind
from database import Database
from tests.outbox.fake_slack import CHANNEL, FakeSlack

START = 1_790_000_000.0
CONSOLE = "http://console.test"


@dataclass
class Rig:
    """Everything that a test of the outbox turns."""

    database: Database
    slack: FakeSlack
    token_file: Path
    worker: OutboxWorker
    clock: list[float]
    actions: list[RunningAction]

    @property
    def now(self) -> float:
        return self.clock[0]

    def pass_time(self, seconds: float) -> None:
        self.clock[0] += seconds

    def turn_for(self, seconds: float, step: float = 0.5) -> None:
        """Let the worker turn while time goes by."""
        end = self.now + seconds
        while self.now < end:
            self.worker.turn()
            self.pass_time(step)

    def settle(self, limit: float = 400.0) -> None:
        """Until nothing is owed."""
        end = self.now + limit
        while self.now < end:
            self.worker.turn()
            if self.status().pending == 0:
                return
            self.pass_time(0.5)
        raise AssertionError(f"still pending: {self.status()}")

    def status(self) -> ChannelStatus:
        with self.database.reading() as connection:
            return outbox_channel_store.statuses(connection)[0]

    def delivery(self, incident: int = 1) -> Delivery:
        with self.database.reading() as connection:
            found = outbox_store.of_subject(connection, "slack", f"incident:{incident}")
        assert found is not None
        return found

    def open(self, title: str = "Connection pool exhausted", severity: str = "critical") -> int:
        incident = Incident(
            0, title, IncidentState.OPEN, "pool", severity, self.now,
            peak={"pool.waiting": Peak("waiting", 27.0, "requests", "27 requests", self.now)},
        )  # fmt: skip
        with self.database.transaction() as tx:
            number = incident_store.add(tx, incident)
            self._append(tx, number, TimelineKind.INCIDENT_OPENED, f"Incident opened: {title}")
        return number

    def tell(self, number: int | None, text: str, kind: TimelineKind = TimelineKind.NOTE) -> None:
        with self.database.transaction() as tx:
            self._append(tx, number, kind, text)

    def tell_many(
        self, number: int, texts: list[str], kind: TimelineKind = TimelineKind.ALERT_FIRING
    ) -> None:
        rows = [NewTimelineRow(self.now, kind, "test", text, number) for text in texts]
        with self.database.transaction() as tx:
            timeline_store.append_all(tx, rows)

    def resolve(self, number: int) -> None:
        with self.database.transaction() as tx:
            incident = incident_store.get(tx, number)
            assert incident is not None
            incident_store.change(tx, replace(incident, state=IncidentState.RESOLVED, resolved_at=self.now))
            details: dict[str, JsonValue] = {
                "duration": self.now - incident.opened_at,
                "now": {"pool.waiting": {"text": "0 requests"}},
                "fixed_by": {"actor": "showcall", "run_key": "r1", "text": "active_users_cap set to 8 users"},
            }  # fmt: skip
            row = NewTimelineRow(
                self.now, TimelineKind.INCIDENT_RESOLVED, "quiet", "Resolved", number, details=details
            )
            timeline_store.append(tx, row)

    def restarted(self, at_moment: Callable[[Moment], None] = lambda _: None) -> None:
        """A new worker on the same database, as after a restart."""
        self.worker = worker(
            self.database, self.slack, self.token_file, self.clock, self.actions, at_moment=at_moment
        )

    def told(self) -> str:
        """Everything that stands in Slack."""
        return "\n".join(message.shown for message in self.slack.messages)

    def count(self, outcome: Outcome) -> int:
        return self.worker.counts[outcome]

    def _append(self, tx: object, number: int | None, kind: TimelineKind, text: str) -> None:
        row = NewTimelineRow(self.now, kind, "test", text, number)
        timeline_store.append(tx, row)  # type: ignore[arg-type]


def worker(
    database: Database,
    slack: FakeSlack,
    token_file: Path,
    clock: list[float],
    actions: list[RunningAction],
    *,
    at_moment: Callable[[Moment], None] = lambda _: None,
) -> OutboxWorker:
    """A registered worker."""
    channel = SlackChannel(CHANNEL, credentials.token(token_file, {}), slack.address, 1.0, CONSOLE)
    made = OutboxWorker(
        database,
        channel,
        actions=lambda: tuple(actions),
        clock=lambda: clock[0],
        jitter=lambda: 0.5,
        at_moment=at_moment,
    )
    made.register()
    return made


def an_action(number: int, until: float) -> RunningAction:
    return RunningAction(
        "active_users_cap", "Cap on active users", "throttle_queue", number, "8 users", "1,000 users",
        START, until, "holding until the backlog is gone",
    )  # fmt: skip
