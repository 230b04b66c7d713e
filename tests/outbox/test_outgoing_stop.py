"""Stopping while channels hang: all of them together take the time of one."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alerts import timeline_store
from alerts.notification import Decision, whenever_new
from alerts.outbox import Attempt, Notice, delivered
from alerts.timeline import NewTimelineRow, TimelineKind, TimelineRow
from database import Database
from outgoing import Outgoing

NOW = 1_790_000_000.0


@dataclass
class HangingChannel:
    """Begins to tell, and does not come back before the test is over."""

    name: str
    spacing: float = 0.0
    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def wants(self, row: TimelineRow) -> bool:
        return True

    def decide(self, notice: Notice, now: float) -> Decision:
        return whenever_new(notice.rows)

    def deliver(self, notice: Notice, now: float) -> Attempt:
        self.begun.set()
        self.over.wait(30)
        return delivered(notice.receipt, notice.newest)

    def credentials_stamp(self) -> str:
        return ""


@pytest.fixture
def channels() -> Iterator[list[HangingChannel]]:
    hanging = [HangingChannel(f"channel{number}") for number in range(4)]
    yield hanging
    for channel in hanging:
        channel.over.set()


def test_f66_channels_that_hang_are_waited_for_together(
    tmp_path: Path, channels: list[HangingChannel]
) -> None:
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.create_all()
    outgoing = Outgoing(database, channels, actions=tuple, clock=lambda: NOW)
    with database.transaction() as tx:
        timeline_store.append(tx, NewTimelineRow(NOW, TimelineKind.KILL_SWITCH, "on", "Kill switch on"))
    outgoing.start()
    assert all(channel.begun.wait(20) for channel in channels)
    before = time.monotonic()
    outgoing.stop(within=2.0)
    assert time.monotonic() - before < 5.0
    for channel in channels:
        channel.over.set()
    outgoing.stop(within=20.0)
    assert not any(report.running for report in outgoing.reports())
    database.close()
