"""Which evidence is due, and when: pure over an incident's story."""

from dataclasses import replace

import pytest

from alerts.evidence import CaptureName, Occasion, Pace, Traits
from alerts.evidence_choice import Choice
from alerts.evidence_due import TAKINGS_AT_MOST, Chooser, Due, Past, due, touched, triggers
from alerts.incident import Incident, IncidentState
from alerts.topology import Topology
from settings.schema import ComponentSettings

OPENED = 1000.0
POOL = Traits(CaptureName.POOL, "pool", Pace.QUICK, component="pool")
LOG = Traits(CaptureName.LOG, "log", Pace.SLOW, "concert_log", "service")
REDIS = Traits(CaptureName.REDIS, "redis", Pace.SLOW, "redis", "redis")
MAIL = Traits(CaptureName.STATEMENTS, "mail", Pace.SLOW, "mail", "mail")
LEVERS = Traits(CaptureName.LEVERS, "levers", Pace.QUICK)
QUERIES = Traits(CaptureName.QUERIES, "queries", Pace.QUICK)
OFFERED = (POOL, LOG, REDIS, MAIL, LEVERS, QUERIES)

CALLS = {
    "queue": ("service",),
    "service": ("pool", "redis"),
    "pool": ("database",),
    "database": (),
    "redis": (),
    "mail": (),
}
TOPOLOGY = Topology(
    tuple(ComponentSettings(name=name, title=name, calls=calls) for name, calls in CALLS.items()), {}
)
CHOICES = {
    "PoolExhausted": None,
    "PoolTimeouts": Choice(frozenset({CaptureName.LOG, CaptureName.POOL})),
    "Asking": Choice(frozenset(), ("up",)),
}
INCIDENT = Incident(1, "t", IncidentState.OPEN, "pool", "critical", OPENED, rules=("PoolExhausted",))


def found(incident: Incident, past: Past, at: float, **joined: float) -> Due | None:
    """What is due; the first rule came in with the opening."""
    came_in = dict.fromkeys(incident.rules, OPENED) | joined
    choose = Chooser(CHOICES, TOPOLOGY)
    return due(OFFERED, triggers(incident, came_in), past, choose=choose, incident=incident, at=at)


def keys(due_now: Due | None) -> list[str]:
    return [traits.key for traits in due_now.captures] if due_now else []


def taken(*names: str, at: float = OPENED, takings: int = 1) -> Past:
    return Past(takings, dict.fromkeys(names, at))


EVERYTHING = ("pool", "log:concert_log", "redis:redis", "levers")


def test_an_opening_takes_what_touches_the_failure_path_and_what_has_no_place() -> None:
    now = found(INCIDENT, Past(), OPENED)
    assert keys(now) == list(EVERYTHING)
    assert now is not None
    assert (now.occasion, now.because) == (Occasion.OPENED, "")


def test_what_those_on_the_path_call_touches_it_and_a_stranger_does_not() -> None:
    assert touched(TOPOLOGY, "database") == {"queue", "service", "pool", "database", "redis"}
    assert touched(TOPOLOGY, "mail") == {"mail"}


def test_a_component_that_the_topology_does_not_have_keeps_nothing_out() -> None:
    elsewhere = replace(POOL, component="hikari")
    choose = Chooser(CHOICES, TOPOLOGY)
    assert choose.wants(elsewhere, ["PoolExhausted"], "mail")


def test_nothing_is_taken_twice_for_one_occasion() -> None:
    assert found(INCIDENT, taken(*EVERYTHING), OPENED + 500) is None


def test_a_rule_that_joins_takes_what_it_chose() -> None:
    grown = replace(INCIDENT, rules=("PoolExhausted", "PoolTimeouts"))
    now = found(grown, taken(*EVERYTHING), OPENED + 70, PoolTimeouts=OPENED + 70)
    assert keys(now) == ["pool", "log:concert_log"]
    assert now is not None
    assert (now.occasion, now.because) == (Occasion.JOINED, "PoolTimeouts")


def test_a_joining_that_comes_too_soon_is_answered_when_half_a_minute_is_over() -> None:
    grown = replace(INCIDENT, rules=("PoolExhausted", "PoolTimeouts"))
    past = taken(*EVERYTHING)
    assert found(grown, past, OPENED + 5, PoolTimeouts=OPENED + 5) is None
    assert found(grown, past, OPENED + 29.9, PoolTimeouts=OPENED + 5) is None
    assert keys(found(grown, past, OPENED + 30, PoolTimeouts=OPENED + 5)) == ["pool", "log:concert_log"]


def test_two_that_joined_meanwhile_are_one_taking() -> None:
    grown = replace(INCIDENT, rules=("PoolExhausted", "PoolTimeouts", "Asking"))
    now = found(grown, taken(*EVERYTHING), OPENED + 40, PoolTimeouts=OPENED + 5, Asking=OPENED + 6)
    assert keys(now) == ["pool", "log:concert_log", "queries"]
    assert now is not None
    assert now.because == "PoolTimeouts, Asking"


def test_a_reopening_takes_what_all_rules_chose() -> None:
    again = replace(INCIDENT, reopened_at=(OPENED + 90,))
    now = found(again, taken(*EVERYTHING), OPENED + 90)
    assert keys(now) == list(EVERYTHING)
    assert now is not None
    assert now.occasion is Occasion.REOPENED


def test_what_was_interrupted_is_still_due_and_counts_as_part_of_the_opening() -> None:
    now = found(INCIDENT, taken("pool", "levers"), OPENED + 12)
    assert keys(now) == ["log:concert_log", "redis:redis"]
    assert now is not None
    assert now.occasion is Occasion.OPENED


@pytest.mark.parametrize(("takings", "due_still"), [(TAKINGS_AT_MOST - 1, True), (TAKINGS_AT_MOST, False)])
def test_an_incident_has_at_most_twenty_takings(takings: int, due_still: bool) -> None:
    again = replace(INCIDENT, reopened_at=(OPENED + 9000,))
    now = found(again, taken(*EVERYTHING, takings=takings), OPENED + 9000)
    assert bool(now) is due_still


def test_a_rule_whose_group_left_the_configuration_takes_the_default() -> None:
    assert keys(found(replace(INCIDENT, rules=("Gone",)), Past(), OPENED)) == list(EVERYTHING)
