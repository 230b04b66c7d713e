"""Loops that break or are late: counted, told to machines, and never the end of watching."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import assembly
from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import InProcess, always, eventually
from tests.assembly.fake_stack import FakeStack


class BrokenError(Exception):
    """Nobody expected this one."""


def broken(*_: object) -> None:
    raise BrokenError("unexpected")


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "EVALUATION_LIMIT_SECONDS", 0.7)
    monkeypatch.setattr(assembly, "ACTING_LIMIT_SECONDS", 1.2)


@pytest.mark.parametrize("loop", ["evaluation", "acting"])
def test_f67_a_loop_whose_turns_raise_goes_on_is_counted_and_makes_the_process_unhealthy_when_it_lasts(
    loop: str, stack: FakeStack, run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run_here()
    console = running.console
    eventually(lambda: counted(running, "turns", "acting") >= 2, "it turns")
    assert console.status("/-/healthy") == 200
    where: Any = running.showcall.evaluator if loop == "evaluation" else running.showcall.run_loop
    with monkeypatch.context() as patch:
        patch.setattr(where, "evaluate" if loop == "evaluation" else "step", broken)
        stack.surge()
        eventually(lambda: console.status("/-/healthy") == 503, "unhealthy")
        assert loop in console.get("/-/healthy")[1]
        assert "BrokenError: unexpected" in console.get("/health")[1]
        assert counted(running, "errors", loop) >= 2
        assert stack.ledger == []
        assert console.status("/-/ready") == 200
    eventually(lambda: stack.cuts, "the cut, once the loop turns again")
    eventually(lambda: console.status("/-/healthy") == 200, "healthy again")


def test_f67_a_collector_whose_thread_ended_makes_the_process_unhealthy(
    run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run_here()
    console = running.console
    eventually(lambda: console.status("/-/ready") == 200, "ready")
    assert console.status("/-/healthy") == 200
    monkeypatch.setattr(running.showcall.collector, "_step", broken)
    eventually(lambda: console.status("/-/healthy") == 503, "unhealthy")
    assert "collector" in console.get("/-/healthy")[1]


def test_f30_on_a_picture_that_is_late_because_of_ourselves_nothing_is_begun(
    stack: FakeStack, run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run_here()
    eventually(lambda: counted(running, "turns", "acting") >= 2, "it turns")
    evaluate = running.showcall.evaluator.evaluate

    def slow(*given: Any) -> Any:
        time.sleep(1.2)
        return evaluate(*given)

    with monkeypatch.context() as patch:
        patch.setattr(running.showcall.evaluator, "evaluate", slow)
        stack.surge()
        refused = eventually(lambda: running.story.rows(TimelineKind.RUN_REFUSED), "told")
        assert refused[0].reason == "guard_facts"
        assert "our own loop was" in refused[0].text
        always(lambda: not stack.ledger, "nothing is sent", seconds=1)
        assert counted(running, "missed", "evaluation") >= 2
    eventually(lambda: stack.cuts, "the cut, once we are in time again")


def counted(running: InProcess, what: str, loop: str) -> float:
    """A counter of a loop, as /metrics shows it."""
    wanted = f'showcall_loop_{what}_total{{loop="{loop}"}} '
    page = running.console.get("/metrics")[1]
    return float(next(line for line in page.splitlines() if line.startswith(wanted)).removeprefix(wanted))
