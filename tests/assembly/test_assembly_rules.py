"""Rules in a whole Showcall: slow ones, failing ones, beside costly questions, under a clock that is set."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from alerts.timeline import TimelineKind
from metrics.values import Batch, Vector, labels_of
from tests.assembly.assembly_rig import InProcess, Visitor, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack, wall_clock

SLOW_SECONDS = 0.8
"""More than the interval of the rig, half a second."""
SLOW = """
- record: slow:one
  expr: vector(4711)
- alert: AfterTheSlowOne
  expr: slow:one > 0
  labels: {severity: info}
"""
FAILING = """
- alert: ManyToMany
  expr: up * on () up > 0
- alert: OneLabelSetTwice
  expr: up >= 0
  labels: {job: same, instance: same}
- record: wrong:type
  expr: label_replace(up, "x", "", "job", "(")
- alert: Right
  expr: up{job="concert"} == 1
  labels: {severity: info}
"""
ERRORS = {
    "ManyToMany": "many-to-many matching not allowed",
    "OneLabelSetTwice": "same labelset after applying rule labels",
    "wrong:type": "regular expression",
}


def counted(visitor: Visitor, what: str) -> float:
    """A counter of the evaluation's loop."""
    wanted = f'showcall_loop_{what}_total{{loop="evaluation"}} '
    page = visitor.get("/metrics")[1].splitlines()
    return float(next(line for line in page if line.startswith(wanted)).removeprefix(wanted))


def check(visitor: Visitor, name: str) -> tuple[str, str]:
    """Status and text of one component."""
    (found,) = json.loads(visitor.get("/health")[1])["checks"][name]
    return found["status"], found["observedValue"]


def rules_by_name(visitor: Visitor) -> dict[str, Any]:
    groups = json.loads(visitor.get("/api/v1/rules")[1])["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def test_f30_rounds_that_a_slow_rule_leaves_no_time_for_are_left_out_and_counted_and_never_overlap(
    site: Site, run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.rules(SLOW)
    running = run_here()
    visitor = running.signed_in()
    eventually(lambda: rules_by_name(visitor)["slow:one"]["health"] == "ok", "it evaluates")
    assert check(visitor, "loop:evaluation")[0] == "pass"
    query, inside, most = running.showcall.store.query, threading.Semaphore(1), [0]

    def slow(expr: str, at: float) -> Any:
        if expr == "vector(4711)":
            most[0] += not inside.acquire(blocking=False)
            time.sleep(SLOW_SECONDS)
            inside.release()
        return query(expr, at)

    with monkeypatch.context() as patch:
        patch.setattr(running.showcall.store, "query", slow)
        turns, missed = counted(visitor, "turns"), counted(visitor, "missed")
        eventually(lambda: counted(visitor, "missed") >= missed + 2, "left out, and counted")
        eventually(lambda: counted(visitor, "turns") >= turns + 2, "the others are evaluated")
        status, text = check(visitor, "loop:evaluation")
        assert (status, "a turn took " in text, " of 0.5 s, " in text) == ("warn", True, True)
        assert "were left out so far" in visitor.get("/status")[1]
        assert rules_by_name(visitor)["slow:one"]["evaluationTime"] >= SLOW_SECONDS
        assert running.console.status("/-/healthy") == 200
    assert most == [0], "one group is never evaluated twice at a time"
    eventually(lambda: check(visitor, "loop:evaluation")[0] == "pass", "well again")
    assert rules_by_name(visitor)["AfterTheSlowOne"]["state"] == "firing"


def test_f31_a_rule_that_fails_says_why_to_people_and_machines_and_the_others_go_on(
    site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.rules(FAILING)
    running = run_here()
    visitor = running.signed_in()
    eventually(lambda: rules_by_name(visitor)["Right"]["state"] == "firing", "the good one fires")
    found = rules_by_name(visitor)
    for name, error in ERRORS.items():
        assert (found[name]["health"], found[name].get("alerts", [])) == ("err", [])
        assert error in found[name]["lastError"]
    assert {rule["health"] for name, rule in found.items() if name not in ERRORS} == {"ok"}
    status, text = check(visitor, "rules")
    assert (status, sorted(text.removeprefix("failing: ").split(", "))) == ("warn", sorted(ERRORS))
    for page in ("/status", "/alerts"):
        shown = visitor.get(page)[1]
        assert [error in shown for error in ERRORS.values()] == [True] * 3, page
    told = eventually(lambda: running.story.rows(TimelineKind.SHOWCALL), "told")
    assert sorted(row.reason for row in told) == ["rule_failed"] * 3


@pytest.fixture
def large(site: Site) -> Iterator[InProcess]:
    """A Showcall with 3,000 series more, of a minute."""
    running = InProcess(site)
    sets = tuple(labels_of({"__name__": f"many_{number % 7}", "n": str(number)}) for number in range(3000))
    now = wall_clock()
    for second in range(60):
        values = np.arange(3000.0) + second / 1000
        running.showcall.store.append(Batch("many", now - 60 + second, sets, values))
    try:
        yield running.start()
    finally:
        running.stop()


def test_f29_a_question_that_costs_too_much_makes_no_rule_late_and_ends_at_its_time(
    large: InProcess, stack: FakeStack
) -> None:
    visitor = large.signed_in()
    eventually(lambda: counted(visitor, "turns") >= 2, "it evaluates")
    answers: list[tuple[int, str]] = []
    now = wall_clock()
    asked = {"query": 'count_values("v", {__name__=~"many.+"})', "start": now - 600, "end": now, "step": 0.2}

    def ask() -> None:
        path = f"/api/v1/query_range?{urlencode({**asked, 'timeout': '4s'})}"
        answer, text = visitor.get(path)
        answers.append((answer.status, json.loads(text)["errorType"]))

    heavy = threading.Thread(target=ask)
    turns, missed = counted(visitor, "turns"), counted(visitor, "missed")
    heavy.start()
    stack.surge()
    eventually(lambda: stack.cuts, "the cut, beside it")
    assert heavy.is_alive()
    heavy.join()
    assert answers == [(503, "timeout")]
    in_time, left_out = counted(visitor, "turns") - turns, counted(visitor, "missed") - missed
    assert in_time >= 4 > left_out, "of eight rounds in four seconds"


class Clock:
    """The wall clock, which somebody sets."""

    offset = 0.0

    def __call__(self) -> float:
        return wall_clock() + self.offset


def test_f11_whoever_sets_the_clock_stops_no_scrape_and_no_rule_and_fires_nothing_twice(site: Site) -> None:
    site.rules('- alert: NoRedis\n  expr: up{job="redis"} == 0\n  for: 1s')
    site.redis.go_down()
    clock = Clock()
    running = InProcess(site, clock).start()
    store, story = running.showcall.store, running.story

    def looks() -> float:
        found = store.query('count_over_time(up{job="concert"}[2s])', clock())
        assert isinstance(found, Vector)
        return sum(sample.value for sample in found.samples)

    def evaluated() -> bool:
        return all(clock() - 3 < (status.at or 0.0) <= clock() for status in running.showcall.evaluator.rules)

    def fired() -> int:
        return sum(text.startswith("NoRedis") for text in story.texts(TimelineKind.ALERT_FIRING))

    try:
        eventually(fired, "it fires")
        for offset in (3600.0, 0.0, -5400.0, -5310.0):
            clock.offset = offset
            eventually(lambda: looks() >= 3, "it scrapes")
            eventually(evaluated, "every rule is evaluated")
            assert fired() == 1, story.told()
            assert story.texts(TimelineKind.ALERT_RESOLVED) == []
        assert store.query('ALERTS{alertname="NoRedis",alertstate="firing"}', clock()) != Vector(())
    finally:
        running.stop()
