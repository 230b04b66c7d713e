"""Facts that stop: the page hangs, answers HTML or an error, or nothing listens any more."""

import html
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from alerts.alert_state import AlertState
from alerts.incident import IncidentState
from alerts.timeline import TimelineKind
from collector.round import ErrorKind, TargetReport
from runbooks.run import RunState
from tests.assembly.assembly_rig import InProcess, Story, always, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack, PageMode


@dataclass(frozen=True, slots=True)
class Trouble:
    """How the page goes away, and what the target's report then says."""

    begin: Callable[[FakeStack], None]
    kind: ErrorKind
    text: str


def mode(wanted: PageMode) -> Callable[[FakeStack], None]:
    return lambda stack: setattr(stack, "page_mode", wanted)


TROUBLES = {
    "hangs": Trouble(mode(PageMode.HANG), ErrorKind.TIMEOUT, "0.4 s"),
    "answers_html": Trouble(mode(PageMode.HTML), ErrorKind.BAD_CONTENT_TYPE, "text/html"),
    "answers_500": Trouble(mode(PageMode.ERROR), ErrorKind.HTTP_STATUS, "500"),
    "refuses": Trouble(FakeStack.go_down, ErrorKind.REFUSED, "nothing listens on 127.0.0.1:"),
}


def status(running: InProcess, target: str) -> TargetReport:
    return next(found for found in running.showcall.collector.statuses() if found.target == target)


@pytest.mark.parametrize("name", TROUBLES)
def test_a_target_that_goes_away_is_down_its_alerts_are_unknown_and_nothing_resolves(
    name: str, stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.config["runbooks"]["mode"] = "observe"
    stack.surge()
    running = run_here()
    story = running.story
    eventually(lambda: firing(story), "the alert fires")
    stack.calm()
    TROUBLES[name].begin(stack)
    eventually(lambda: state(story) is AlertState.UNKNOWN, "the alert is unknown")
    report = status(running, "concert")
    assert (report.up, report.error_kind) == (False, TROUBLES[name].kind)
    assert TROUBLES[name].text in (report.error or "")
    assert html.escape(report.error or "-") in running.signed_in().get("/")[1]
    redis = status(running, "redis")
    eventually(lambda: status(running, "redis").at > redis.at + 0.8, "the other target is looked at")
    assert status(running, "redis").up
    assert state(story) is AlertState.UNKNOWN
    assert [incident.state for incident in story.incidents()] == [IncidentState.OPEN]
    assert story.rows(TimelineKind.ALERT_RESOLVED) == []


def firing(story: Story) -> bool:
    return state(story) is AlertState.FIRING


def state(story: Story) -> AlertState | None:
    alert = story.alert("PoolExhausted")
    return None if alert is None else alert.state


def test_f48_stale_facts_hold_the_value_end_the_renewals_and_leave_the_way_back_to_the_target(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.lever("active_users_cap")["lease"] = "3s"
    stack.cap.ramp_every = 1.0  # several looks long, as a target's ramp is
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    stack.calm()
    stack.page_mode = PageMode.HANG
    eventually(lambda: "stale_facts" in story.reasons(TimelineKind.LEVER_HELD), "told that facts are stale")
    sent = len(stack.ledger)
    lost = eventually(lambda: story.rows(TimelineKind.LEASE_LOST), "the lease runs out")
    assert (lost[0].reason, lost[0].actor) == ("expired", "target")
    eventually(lambda: story.runs()[0].state is RunState.LET_GO, "the run is over")
    assert stack.cap.reading()["value"] == 64
    assert len(stack.ledger) == sent, story.told()
    assert "the target put it back" in story.texts(TimelineKind.LEASE_ENDED)[0]
    assert [incident.state for incident in story.incidents()] == [IncidentState.OPEN]


def test_f48_nothing_is_begun_on_facts_that_are_missing(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.catalog["throttle_queue"]["guards"].append(
        {"name": "never_scraped", "expr": "nobody_has_this_metric > 0", "why": "It is not there."}
    )
    stack.surge()
    story = run_here().story
    refused = eventually(lambda: story.rows(TimelineKind.RUN_REFUSED), "told")
    assert refused[0].reason == "guard_facts"
    assert "never_scraped" in refused[0].text
    always(lambda: not stack.ledger, "nothing is sent", seconds=1)


def test_f13_redis_down_alerts_and_moves_no_lever(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    site.redis.go_down()
    story = running.story
    eventually(lambda: alert_fires(story, "RedisDown"), "RedisDown fires")
    assert status(running, "redis").error_kind is ErrorKind.REFUSED
    assert [incident.cause for incident in story.incidents()] == ["redis"]
    always(lambda: not stack.ledger, "nothing is sent", seconds=1)
    assert story.runs() == []


def alert_fires(story: Story, rule: str) -> bool:
    alert = story.alert(rule)
    return alert is not None and alert.state is AlertState.FIRING


def test_f16_a_database_that_is_down_alerts_and_the_rest_is_watched_and_throttled_as_before(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.target("database", "postgresql", component="database", port="1", user="showcall")
    running = run_here()
    story = running.story
    eventually(lambda: alert_fires(story, "TargetDown"), "TargetDown fires")
    assert status(running, "database").error_kind is ErrorKind.REFUSED
    assert status(running, "concert").up
    assert stack.ledger == []
    stack.surge()
    eventually(lambda: stack.cuts, "the cut")
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
