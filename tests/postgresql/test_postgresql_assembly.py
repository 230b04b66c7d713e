"""F27 seen from outside: a whole Showcall, its stack and its Slack, while PostgreSQL restarts or is taken."""

import json
from collections.abc import Callable, Iterator

import pytest

import assembly
import configuration
from alerts.timeline import TimelineKind
from leader_lock import LeaderLock
from postgresql import server as server_of
from tests.assembly.assembly_rig import InProcess, Visitor, always, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack, wall_clock
from tests.outbox.fake_slack import CHANNEL, TOKEN, FakeSlack, fake_slack
from tests.postgresql.postgresql_rig import PASSWORD, Place

ONCE = (TimelineKind.INCIDENT_OPENED, TimelineKind.RUN_PLANNED, TimelineKind.RUN_STARTED)


@pytest.fixture
def on_postgresql(site: Site, place: Place) -> None:
    (site.folder / "database.url").write_text(place.url, encoding="utf-8")
    site.config["database_url_file"] = "database.url"


@pytest.fixture
def slack(site: Site) -> Iterator[FakeSlack]:
    with fake_slack() as running:
        (site.folder / "slack.token").write_text(TOKEN, encoding="utf-8")
        site.config["slack"] = {
            "channel": CHANNEL, "token_file": "slack.token", "api_url": running.address,
        }  # fmt: skip
        yield running


def health(console: Visitor, check: str) -> tuple[str, str]:
    found = json.loads(console.get("/health")[1])["checks"][check][0]
    return found["status"], found["observedValue"]


def acted_once(running: InProcess, stack: FakeStack) -> None:
    """The cut was made, and everything about it is told once."""
    story = running.story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
    assert [len(story.rows(kind)) for kind in ONCE] == [1, 1, 1], story.told()
    fired = [text for text in story.texts(TimelineKind.ALERT_FIRING) if text.startswith("PoolExhausted")]
    assert len(fired) == 1


def shows_the_alert(running: InProcess) -> bool:
    """In memory, where the page Alerts and the API look."""
    shown = (alert for status in running.showcall.evaluator.rules for alert in status.alerts)
    return any(alert.rule == "PoolExhausted" and alert.state.value == "firing" for alert in shown)


def looks(running: InProcess) -> float:
    """When the concert was looked at last."""
    return max(report.at for report in running.showcall.collector.statuses())


@pytest.mark.usefixtures("on_postgresql")
def test_f27_postgresql_restarts_under_a_running_showcall_and_everything_is_done_once(
    stack: FakeStack,
    slack: FakeSlack,
    place: Place,
    run_here: Callable[[], InProcess],
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    visitor = running.signed_in()
    assert f"postgresql://postgres@127.0.0.1:{place.server.port}/{place.name}" in visitor.get("/status")[1]
    assert health(visitor, "leader") == ("pass", "the database's lock is held")
    place.server.stop()
    try:
        stack.surge()
        eventually(lambda: shows_the_alert(running), "rules go on in memory")
        before = looks(running)
        always(lambda: not stack.ledger, "nothing is sent before its intent is written", seconds=1)
        assert looks(running) > before
        assert health(visitor, "leader")[0] == "fail"
        said = visitor.get("/health")[1] + visitor.get("/metrics")[1]
    finally:
        place.server.start()
    acted_once(running, stack)
    place.restart()
    stack.calm()
    eventually(lambda: running.story.rows(TimelineKind.INCIDENT_RESOLVED), "the end", within=40)
    [root] = slack.roots()
    eventually(lambda: "resolved" in root.shown, "told to the end")
    story = running.story
    assert len({(row.at, row.kind, row.text) for row in story.rows()}) == len(story.rows()), story.told()
    thread = [reply.shown for reply in slack.thread(root)]
    assert len(thread) == len(set(thread))
    assert not story.leases()
    assert health(visitor, "leader")[0] == "pass"
    printed = capsys.readouterr()
    assert PASSWORD not in said + visitor.get("/status")[1] + printed.out + printed.err


@pytest.mark.usefixtures("on_postgresql")
def test_f27_while_another_one_has_the_lock_nothing_is_acted_on_and_health_says_who(
    stack: FakeStack,
    place: Place,
    run_here: Callable[[], InProcess],
    run_second: Callable[[], str],
) -> None:
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    assert f"/{place.name}: already used by another Showcall (concert " in run_second()
    other = LeaderLock(server_of(place.url), "another")
    place.end_sessions()
    eventually(lambda: taken_by(other), "the other one was quicker")
    eventually(lambda: "another Showcall acts on" in health(running.console, "leader")[1], "it says so")
    assert "(another " in health(running.console, "leader")[1]
    rows = running.story.rows()
    stack.surge()
    eventually(lambda: shows_the_alert(running), "rules go on in memory")
    always(lambda: not stack.ledger, "nothing is sent", seconds=1)
    assert running.story.rows() == rows
    other.release()
    acted_once(running, stack)
    assert health(running.console, "leader")[0] == "pass"


def taken_by(other: LeaderLock) -> bool:
    other.look()
    return other.leads


@pytest.fixture
def run_second(site: Site) -> Callable[[], str]:
    """Starts a second Showcall with a data directory of its own; what it says instead of starting."""

    def refused() -> str:
        found = configuration.load(site.config_file, data_dir=site.folder / "second")
        with pytest.raises(assembly.StartError) as told:
            assembly.build(found, wall_clock)
        return str(told.value)

    return refused
