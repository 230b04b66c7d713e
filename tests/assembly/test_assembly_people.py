"""What people do: watch only, stop the machine, take the lever back, look at the console."""

import json
from collections.abc import Callable
from typing import Any

from alerts.timeline import TimelineKind
from runbooks.lease import LeasePhase
from runbooks.request import RequestKind, RequestOutcome
from runbooks.run import RunState
from tests.assembly.assembly_rig import InProcess, Process, Story, Visitor, always, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_lever import Write
from tests.assembly.fake_stack import FakeStack


def test_f54_in_observe_mode_it_says_what_it_would_do_and_sends_nothing(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.config["runbooks"]["mode"] = "observe"
    stack.surge()
    story = run_here().story
    observed = eventually(lambda: story.texts(TimelineKind.RUN_OBSERVED), "observed")
    assert "Cap on active users: 64 -> 8 users" in observed[0]
    always(lambda: not stack.ledger, "nothing is sent", seconds=1)
    assert story.runs() == []
    assert len(story.rows(TimelineKind.RUN_OBSERVED)) == 1


def test_f50_the_kill_switch_freezes_a_held_lever_and_letting_go_is_its_own_word(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    on = story.ask(RequestKind.KILL_SWITCH_ON)
    eventually(lambda: outcome(story, on) is RequestOutcome.DONE, "the switch is on")
    eventually(lambda: [lease.phase for lease in story.leases()] == [LeasePhase.FROZEN], "frozen")
    stack.calm()
    sent = len(stack.ledger)
    always(lambda: stack.cap.reading()["value"] == 8, "the value is kept without demand", seconds=4)
    assert all(write.after == 8 for write in later(stack, sent)), story.told()
    assert len(later(stack, sent)) >= 3, "it is renewed"
    release = story.ask(RequestKind.RELEASE)
    eventually(lambda: stack.cap.reading()["value"] == 64, "back at the baseline")
    assert outcome(story, release) is RequestOutcome.DONE
    assert [write.kind for write in later(stack, sent) if write.kind != "set"] == ["release"]
    eventually(lambda: story.runs()[0].state is RunState.STOPPED, "the run is over")
    assert "mina lets active_users_cap go now, by ramp" in story.texts(TimelineKind.RELEASING)


def outcome(story: Story, request_id: int) -> RequestOutcome | None:
    found = story.answer(request_id)
    return None if found is None else found.outcome


def later(stack: FakeStack, sent: int) -> list[Write]:
    return list(stack.ledger)[sent:]


def test_while_the_kill_switch_is_on_nothing_is_begun(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    story = run_here().story
    on = story.ask(RequestKind.KILL_SWITCH_ON)
    eventually(lambda: outcome(story, on) is RequestOutcome.DONE, "the switch is on")
    stack.surge()
    refused = eventually(lambda: story.rows(TimelineKind.RUN_REFUSED), "told")
    assert refused[0].reason == "kill_switch"
    always(lambda: not stack.ledger, "nothing is sent", seconds=1)
    story.ask(RequestKind.KILL_SWITCH_OFF)
    eventually(lambda: stack.cuts, "the cut, once the switch is off")


def test_a_breaker_is_opened_on_a_persons_yes_only_and_goes_back_when_nobody_waits(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.journey.serves, stack.journey.failing = 10.0, 0.9
    stack.surge(users=15)
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.RUN_ASKED), "asked")
    always(lambda: not stack.ledger, "nothing is sent before the yes", seconds=1)
    asked = story.runs()[0]
    yes = story.ask(RequestKind.APPROVE, asked)
    eventually(lambda: stack.breaker.value == "FORCED_OPEN", "the breaker is open")
    eventually(lambda: outcome(story, yes) is RequestOutcome.DONE, "the yes is answered")
    again = story.ask(RequestKind.APPROVE, asked)
    eventually(
        lambda: outcome(story, again) is RequestOutcome.ALREADY_DECIDED, "a second yes changes nothing"
    )
    stack.calm()
    eventually(lambda: stack.breaker.value == "METRICS_ONLY", "back at the baseline")
    eventually(lambda: story.runs()[0].state is RunState.SUCCEEDED, "the run is over")
    set_to = [write.after for write in stack.ledger if write.applied and write.before != write.after]
    assert set_to == ["FORCED_OPEN", "METRICS_ONLY"]
    assert [run.key for run in story.runs()] == [asked.key]


def test_the_health_of_the_running_process_is_told_to_machines(
    stack: FakeStack, run_apart: Callable[[], Process]
) -> None:
    console = run_apart().console
    eventually(lambda: console.status("/-/ready") == 200, "ready")
    assert console.status("/-/healthy") == 200
    answer, text = console.get("/health")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/health+json")
    health = json.loads(text)
    assert health["status"] == "pass"
    named = {"database", "rules", "loop:evaluation", "loop:acting", "target:concert"}
    assert named <= health["checks"].keys()
    metrics = console.get("/metrics")[1]
    assert 'showcall_target_up{target="redis"} 1.0' in metrics
    stack.go_down()
    eventually(lambda: told(console)["status"] == "warn", "the target's state is told")
    assert console.status("/health") == 200


def told(console: Visitor) -> Any:
    return json.loads(console.get("/health")[1])
