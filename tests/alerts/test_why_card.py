"""The why card: the chain in one line, nodes and arrows with their numbers, our own actions among them."""

from pathlib import Path

import pytest

from alerts import why_json
from alerts.incident import Incident, IncidentState
from alerts.quantity import quantity
from alerts.topology import Topology
from alerts.why import WhyCard, WhyNodeKind
from alerts.why_facts import ask_why, current_why
from metrics.errors import ErrorKind, QueryError
from metrics.values import Matrix, QueryResult, Sample, Vector
from tests.alerts.alert_rig import START, configured, lease

NUMBERS = {"sum(admitted)": 5.0, "max(p95)": 6.1, "sum(pending)": 27.0, "sum(served)": 5.0}


class Answering:
    """Answers from a table; a value of None fails, a missing one gives nothing."""

    def __init__(self, numbers: dict[str, float | None]) -> None:
        self.numbers = numbers

    def query(self, expr: str, at: float) -> QueryResult:
        value = self.numbers.get(expr, 0.0)
        if value is None:
            raise QueryError(ErrorKind.TIMEOUT, "too slow")
        return Vector((Sample((), value, at),) if expr in self.numbers else ())

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        raise AssertionError("a why card asks at one time, never over a range")

    def freshness(self, expr: str, at: float) -> float | None:
        return 0.0

    def origins(self, expr: str, at: float) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    return configured(tmp_path, "- {alert: A, expr: up}")[1]


def card(topology: Topology, numbers: dict[str, float | None], **held: object) -> WhyCard:
    leases = (lease(1),) if held.get("held") else ()
    return ask_why("database", Answering(numbers), START, topology, leases)


def test_the_chain_is_demand_against_capacity_and_then_the_effects(topology: Topology) -> None:
    assert card(topology, dict(NUMBERS)).chain == (
        "admits 5.0 users/s x 5 queries = 25/s > database serves 5.0 queries/s"
        " -> pool waiting 27 requests -> service p95 6.1 s"
    )


def test_our_own_action_stands_first_and_is_a_node_with_an_arrow(topology: Topology) -> None:
    drawn = card(topology, {**NUMBERS, "sum(admitted)": 0.9}, held=True)
    assert drawn.chain.startswith(
        "active_users_cap held at 8 users -> admits 0.9 users/s x 5 queries = 4.5/s <= database"
    )
    action = drawn.nodes[0]
    assert (action.kind, action.name) == (WhyNodeKind.ACTION, "active_users_cap")
    assert [fact.text for fact in action.facts] == ["8 users", "1,000 users"]
    assert (drawn.arrows[0].source, drawn.arrows[0].target) == ("active_users_cap", "queue")


def test_nodes_and_arrows_are_the_failure_path_with_their_queries(topology: Topology) -> None:
    drawn = card(topology, dict(NUMBERS))
    assert [node.name for node in drawn.nodes] == ["queue", "service", "pool", "database"]
    assert [(arrow.source, arrow.target) for arrow in drawn.arrows] == [
        ("queue", "service"),
        ("service", "pool"),
        ("pool", "database"),
    ]
    (admits,) = drawn.arrows[0].facts
    assert (admits.expr, admits.value, admits.text) == ("sum(admitted)", 5.0, "5.0 users/s")
    assert [node.name for node in drawn.nodes if node.cause] == ["database"]


def test_a_question_that_fails_leaves_its_place_without_data(topology: Topology) -> None:
    drawn = card(topology, {**NUMBERS, "sum(pending)": None, "busy > 0.8": None, "sum(served)": None})
    pool = next(node for node in drawn.nodes if node.name == "pool")
    assert [fact.text for fact in pool.facts] == ["no data"]
    assert next(node for node in drawn.nodes if node.name == "database").saturated is None
    assert drawn.chain == "admits 5.0 users/s x 5 queries = 25/s -> service p95 6.1 s"


def test_numbers_that_json_cannot_hold_become_words(topology: Topology) -> None:
    drawn = card(topology, {**NUMBERS, "sum(pending)": float("inf"), "max(p95)": float("nan")})
    facts = {fact.title: (fact.value, fact.text) for node in drawn.nodes for fact in node.facts}
    assert facts["waiting"] == (None, "unbounded")
    assert facts["p95"] == (None, "no data")
    assert why_json.from_json(why_json.to_json(drawn)) == drawn


def test_the_card_survives_its_json(topology: Topology) -> None:
    drawn = card(topology, dict(NUMBERS), held=True)
    assert why_json.from_json(why_json.to_json(drawn)) == drawn


def test_without_a_cause_the_whole_topology_is_drawn(topology: Topology) -> None:
    drawn = ask_why(None, Answering({}), START, topology, ())
    assert {node.name for node in drawn.nodes} == {"queue", "service", "pool", "database", "redis"}
    assert drawn.chain == ""


def test_the_live_card_is_that_of_the_incidents_cause(topology: Topology) -> None:
    incident = Incident(1, "t", IncidentState.OPEN, "redis", "critical", START)
    drawn = current_why(incident, Answering(dict(NUMBERS)), START, topology)
    assert [node.name for node in drawn.nodes] == ["queue", "service", "redis"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5.43, "s", "5.4 s"),
        (0.25, "s", "250 ms"),
        (0.0, "s", "0 s"),
        (3725.0, "s", "1h 2m 5s"),
        (27.0, "requests", "27 requests"),
        (25.0, "/s", "25.0/s"),
        (4.84, "queries/s", "4.8 queries/s"),
        (1234.0, "users", "1,234 users"),
        (0.123, "cores", "0.12 cores"),
        (536870912.0, "bytes", "512MiB"),
        (3.0, "", "3"),
        (None, "s", "no data"),
    ],
)
def test_numbers_are_worded_with_their_units(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text
