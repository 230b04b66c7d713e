"""Runbooks that set a lever to one value: hold it until a condition has held, then let go."""

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from runbooks import catalog_files
from runbooks.catalog_files import Catalog
from runbooks.hold_and_release import Hold, decide
from runbooks.ramp import ramped
from runbooks.request import RequestKind
from runbooks.run import RunState
from runbooks.runbook import Release
from runbooks.step import Action, Direction, StepReason, Unusable
from settings.schema import LeverSettings
from tests.runbooks.scene import CATALOG, START, Scene, lever_settings, rate_settings, scene
from tests.runbooks.test_resilience4j_lever import Breakers, serving

RELEASE = Release("quiet", quiet=30, factor=2, every=3)
HOLD = Hold(10.0, changed_at=START - 60)


@pytest.mark.parametrize(
    ("value", "baseline", "expected"),
    [
        (10.0, 100.0, 20.0),
        (80.0, 100.0, 100.0),
        (0.0, 4.0, 1.0),
        (90.0, 30.0, 45.0),
        ("OPEN", "CLOSED", "CLOSED"),
    ],
)
def test_a_ramp_goes_by_the_factor_and_never_past_the_baseline(
    value: float | str, baseline: float | str, expected: float | str
) -> None:
    assert ramped(value, baseline, 2) == expected


def test_it_holds_until_the_condition_has_held_for_long_enough() -> None:
    held = decide(RELEASE, 100.0, HOLD, False, START)
    assert (held.wish.action, held.wish.reason) == (Action.HOLD, StepReason.NOT_YET)
    held = decide(RELEASE, 100.0, held.hold, True, START + 1)
    assert (held.wish.action, held.wish.next_at) == (Action.HOLD, START + 31)
    held = decide(RELEASE, 100.0, held.hold, True, START + 31)
    assert (held.wish.action, held.wish.value) == (Action.SET, 20.0)
    assert held.wish.direction is Direction.RELEASING


def test_a_condition_that_breaks_starts_the_quiet_time_anew() -> None:
    waiting = replace(HOLD, quiet_since=START - 29)
    assert decide(RELEASE, 100.0, waiting, False, START).hold.quiet_since is None


def test_the_ramp_pauses_while_the_condition_does_not_hold() -> None:
    ramping = replace(HOLD, releasing=True, quiet_since=START - 40)
    assert decide(RELEASE, 100.0, ramping, False, START).wish.reason is StepReason.RAMP_PAUSED


def test_a_forced_release_asks_no_condition() -> None:
    forced = replace(HOLD, releasing=True, forced=True)
    assert decide(RELEASE, 100.0, forced, False, START).wish.value == 20.0


def test_f48_unusable_facts_change_nothing() -> None:
    held = decide(RELEASE, 100.0, HOLD, Unusable(StepReason.STALE_FACTS, "old"), START)
    assert (held.wish.action, held.hold) == (Action.HOLD, HOLD)


def breaker_settings(url: str) -> LeverSettings:
    return LeverSettings.model_validate(
        {
            "name": "circuit_breaker",
            "title": "Circuit breaker",
            "kind": "resilience4j",
            "component": "pool",
            "url": url,
            "breaker": "database",
            "states": ("METRICS_ONLY", "CLOSED", "FORCED_OPEN"),
            "baseline": "METRICS_ONLY",
            "safe_state": "FORCED_OPEN",
        }
    )


def with_breaker(world: Scene, url: str) -> None:
    """The shipped trip_breaker alone, on a breaker at this address."""
    levers = (
        lever_settings("http://127.0.0.1:1/x"),
        rate_settings("http://127.0.0.1:1/y"),
        breaker_settings(url),
    )
    whole = catalog_files.load(CATALOG, levers)
    world.levers = levers[2:]
    world.catalog = Catalog(tuple(each for each in whole.runbooks if each.name == "trip_breaker"))
    world.incidents.firing = ("ErrorRatioHigh",)


@pytest.mark.parametrize("versions", [True, False], ids=["with versions", "stock"])
def test_trip_breaker_asks_opens_verifies_and_closes_when_nobody_waits(
    tmp_path: Path, versions: bool
) -> None:
    breakers = Breakers(versions=versions)
    with scene(tmp_path) as world, serving(breakers) as url:
        with_breaker(world, url)
        world.tick(2)
        assert breakers.posts == []
        assert [row.reason for row in world.rows(TimelineKind.RUN_ASKED)] == ["ask_mode"]
        world.request(RequestKind.APPROVE, run_key=world.run.key, plan_hash=world.run.plan.hash)
        world.tick()
        assert breakers.state == {"database": "FORCED_OPEN"}
        world.facts = replace(world.facts, pending=0.0)
        world.tick(10)
        assert [row.reason for row in world.rows(TimelineKind.VERIFIED)] == ["effective"]
        world.tick(35)
        assert breakers.state == {"database": "METRICS_ONLY"}
        assert world.run.state is RunState.SUCCEEDED
