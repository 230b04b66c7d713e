"""Incidents and actions as annotations, through the outbox, against a Grafana that fails in every way."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from alerts import incident_store, outbox_channel_store, timeline_store
from alerts.incident import Incident, IncidentState, Peak
from alerts.outbox import Moment
from alerts.outbox_channel_store import ChannelStatus
from alerts.outbox_worker import OutboxWorker
from alerts.timeline import NewTimelineRow, TimelineKind
from dashboards.access import access
from dashboards.annotations import GrafanaChannel
from dashboards.grafana import Grafana, GrafanaHttp
from dashboards.naming import Naming
from database import Database
from settings.schema import GrafanaSettings
from tests.dashboards.fake_grafana import TOKEN, FakeGrafana

START = 1_790_000_000.25
CONSOLE = "https://showcall.test"
KILL_SWITCH_TEXT = "Kill switch engaged by minji"


class Killed(BaseException):
    """As if the process had ended here."""


@dataclass
class Stage:
    database: Database
    grafana: FakeGrafana
    token_file: Path
    now: float = START
    worker: OutboxWorker = field(init=False)

    def __post_init__(self) -> None:
        self.token_file.write_text(TOKEN)
        self.restart()
        self.worker.register()

    def restart(self, kill_at: Moment | None = None) -> None:
        def at_moment(moment: Moment) -> None:
            if moment is kill_at:
                raise Killed

        channel = GrafanaChannel(self.connect, Naming("concert"), CONSOLE, self.token_file)
        self.worker = OutboxWorker(
            self.database,
            channel,
            actions=lambda: (),
            clock=lambda: self.now,
            jitter=lambda: 0.5,
            at_moment=at_moment,
        )

    def connect(self) -> AbstractContextManager[Grafana]:
        settings = GrafanaSettings(url=self.grafana.url, token_file=self.token_file, timeout=1.0)
        return GrafanaHttp(access(settings, {}))

    def settle(self, seconds: float = 600.0, step: float = 0.5) -> None:
        end = self.now + seconds
        while self.now < end:
            self.worker.turn()
            self.now += step
            if self.status().pending == 0:
                return
        raise AssertionError(f"still pending: {self.status()}")

    def status(self) -> ChannelStatus:
        with self.database.reading() as connection:
            return outbox_channel_store.statuses(connection)[0]

    def open(self) -> int:
        peak = {"pool.waiting": Peak("waiting", 27.0, "requests", "27 requests", self.now)}
        incident = Incident(
            0, "Pool <b>exhausted</b>", IncidentState.OPEN, "pool", "critical", self.now, peak=peak
        )
        with self.database.transaction() as tx:
            number = incident_store.add(tx, incident)
        self.row(number, TimelineKind.INCIDENT_OPENED, "Incident opened")
        return number

    def row(self, number: int | None, kind: TimelineKind, text: str, **details: str) -> None:
        with self.database.transaction() as tx:
            timeline_store.append(tx, NewTimelineRow(self.now, kind, "test", text, number, details=details))

    def act(self, number: int, text: str = "active_users_cap set to 8 users") -> None:
        self.row(number, TimelineKind.LEVER_SET, text, lever="active_users_cap", runbook="throttle_queue")

    def resolve(self, number: int) -> None:
        with self.database.transaction() as tx:
            incident = incident_store.get(tx, number)
            assert incident is not None
            incident_store.change(tx, replace(incident, state=IncidentState.RESOLVED, resolved_at=self.now))
        self.row(number, TimelineKind.INCIDENT_RESOLVED, "Resolved")

    def regions(self) -> list[dict[str, Any]]:
        return [each for each in self.grafana.annotations.values() if "incident" in each["tags"]]

    def actions(self) -> list[dict[str, Any]]:
        return [each for each in self.grafana.annotations.values() if "action" in each["tags"]]


@pytest.fixture
def stage(grafana: FakeGrafana, tmp_path: Path) -> Iterator[Stage]:
    database = Database(f"sqlite:///{tmp_path}/some.db")
    database.create_all()
    yield Stage(database, grafana, tmp_path / "token")
    database.close()


def test_an_incident_is_a_region_from_its_opening_to_its_resolution(stage: Stage) -> None:
    number = stage.open()
    stage.settle()
    (region,) = stage.regions()
    assert region["time"] == region["timeEnd"] == 1_790_000_000_250
    assert region["tags"] == [
        "showcall", "stack:concert", "incident", f"incident:{number}", "severity:critical", "cause:pool",
    ]  # fmt: skip
    assert region["text"].startswith("Pool &lt;b&gt;exhausted&lt;/b&gt;\ncritical, open; cause: pool\n")
    assert f'<a href="{CONSOLE}/incidents/{number}">Incident {number}</a>' in region["text"]
    stage.now = START + 90.0
    stage.resolve(number)
    stage.settle()
    (region,) = stage.regions()
    assert region["timeEnd"] - region["time"] == 90_000
    assert "resolved; cause: pool; waiting at most 27 requests" in region["text"]


def test_every_action_is_a_point_with_the_timelines_own_words(stage: Stage) -> None:
    number = stage.open()
    stage.now += 1
    stage.act(number)
    stage.now += 1
    stage.row(number, TimelineKind.LEASE_ENDED, "back at 1000", lever="active_users_cap")
    stage.row(number, TimelineKind.NOTE, "not worth a mark")
    stage.now += 1
    stage.row(None, TimelineKind.KILL_SWITCH, KILL_SWITCH_TEXT)
    stage.settle()
    set_to, back, switch = sorted(stage.actions(), key=lambda each: (each["time"], each["id"]))
    assert set_to["tags"] == [
        "showcall", "stack:concert", "action", "kind:lever_set", "lever:active_users_cap",
        "runbook:throttle_queue", f"incident:{number}",
    ]  # fmt: skip
    assert (set_to["time"], set_to["timeEnd"]) == (1_790_000_001_250, 1_790_000_001_250)
    assert set_to["text"].startswith("active_users_cap set to 8 users\nby showcall\n")
    assert back["time"] == 1_790_000_002_250
    assert switch["text"].startswith(f"{KILL_SWITCH_TEXT}\n")
    assert len(stage.regions()) == 1


def test_nothing_is_written_twice_when_nothing_changes(stage: Stage) -> None:
    stage.act(stage.open())
    stage.settle()
    before = len(stage.grafana.writes())
    stage.restart()
    for _ in range(20):
        stage.now += 30
        stage.worker.turn()
    assert len(stage.grafana.writes()) == before == 2


@pytest.mark.parametrize("how", [{"cut": True}, {"hang": True}, {"status": 502}])
@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_is_looked_for_before_it_is_posted_again(
    stage: Stage, how: dict[str, Any], applied: bool
) -> None:
    stage.grafana.fail("POST", "/api/annotations", applied=applied, **how)
    number = stage.open()
    stage.settle()
    assert len(stage.regions()) == 1
    stage.grafana.fail("POST", "/api/annotations", applied=applied, **how)
    stage.act(number)
    stage.act(number, "another at the same moment")
    stage.settle()
    assert sorted(each["text"].split("\n")[0] for each in stage.actions()) == [
        "active_users_cap set to 8 users", "another at the same moment",
    ]  # fmt: skip
    searches = [call for call in stage.grafana.calls if call.tags]
    assert f"incident:{number}" in searches[0].tags
    assert "action" in searches[1].tags


@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_around_a_send_loses_nothing_and_doubles_nothing(stage: Stage, moment: Moment) -> None:
    number = stage.open()
    stage.act(number)
    stage.now += 60
    stage.resolve(number)
    for _ in range(4):
        stage.restart(kill_at=moment)
        stage.now += 5
        with pytest.raises(Killed):
            stage.worker.turn()
    stage.restart()
    stage.settle()
    assert (len(stage.regions()), len(stage.actions())) == (1, 1)
    assert stage.regions()[0]["timeEnd"] == 1_790_000_060_250


def test_an_older_installations_incident_of_the_same_number_is_not_taken_for_ours(stage: Stage) -> None:
    older = {"id": 900, "time": 5, "timeEnd": 9, "text": "old", "tags": ["showcall", "stack:concert",
             "incident", "incident:1"]}  # fmt: skip
    stage.grafana.annotations[900] = older
    stage.grafana.fail("POST", "/api/annotations", cut=True)
    assert stage.open() == 1
    stage.settle()
    assert len(stage.regions()) == 2
    assert stage.grafana.annotations[900]["text"] == "old"


def test_grafana_away_for_hours_loses_nothing(stage: Stage) -> None:
    stage.grafana.fail("POST", "/api/annotations", 503, times=40)
    number = stage.open()
    stage.act(number)
    stage.now += 90
    stage.resolve(number)
    stage.settle(6 * 3600.0, step=20.0)
    assert (len(stage.regions()), len(stage.actions())) == (1, 1)


def test_a_revoked_token_stops_the_channel_until_its_file_is_replaced(stage: Stage) -> None:
    stage.token_file.write_text("glsa_revoked")
    number = stage.open()
    for _ in range(50):
        stage.worker.turn()
        stage.now += 5
    assert len(stage.grafana.calls) == 1
    assert "401" in stage.status().channel.blocked_reason
    assert "glsa_revoked" not in stage.status().channel.blocked_reason
    stage.token_file.write_text(TOKEN)
    stage.act(number)
    stage.settle()
    assert (len(stage.regions()), len(stage.actions())) == (1, 1)


def test_a_missing_permission_is_named_and_tried_again_slowly(stage: Stage) -> None:
    stage.grafana.fail("POST", "/api/annotations", 403, message="Access denied", times=3)
    stage.open()
    stage.worker.turn()
    assert "annotations:create" in stage.status().channel.wait_reason
    stage.settle(3600.0, step=20.0)
    assert len(stage.regions()) == 1
    assert stage.now - START > 3 * 300.0


def test_an_annotation_that_grafana_does_not_take_stops_no_other(stage: Stage) -> None:
    stage.grafana.fail("POST", "/api/annotations", 400, message="bad data")
    stage.open()
    stage.now += 1
    stage.open()
    stage.settle()
    assert (len(stage.regions()), stage.status().dead) == (1, 1)


def test_a_region_that_somebody_removed_stays_removed(stage: Stage) -> None:
    number = stage.open()
    stage.settle()
    stage.grafana.annotations.clear()
    stage.now += 60
    stage.resolve(number)
    stage.settle()
    assert stage.regions() == []
    assert [call.method for call in stage.grafana.writes()] == ["POST", "PUT"]
