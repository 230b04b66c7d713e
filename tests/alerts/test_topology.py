"""The failure path: depth, what lies behind what, and which component is the deepest."""

from pathlib import Path

import pytest

from alerts.topology import Topology
from settings.schema import ComponentSettings
from tests.alerts.alert_rig import configured


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    return configured(tmp_path, "- {alert: A, expr: up}")[1]


def test_depth_counts_the_calls_from_an_entry(topology: Topology) -> None:
    names = ("queue", "service", "pool", "database", "redis", "elsewhere", None)
    assert [topology.depth(name) for name in names] == [0, 1, 2, 3, 2, -1, -1]


def test_depth_is_that_of_the_longest_way() -> None:
    shortcut = Topology(
        (
            ComponentSettings(name="a", title="A", calls=("b", "c")),
            ComponentSettings(name="b", title="B", calls=("c",)),
            ComponentSettings(name="c", title="C"),
        ),
        {},
    )
    assert shortcut.depth("c") == 2


def test_what_lies_behind_a_component_is_all_that_it_calls(topology: Topology) -> None:
    assert topology.behind("service") == {"service", "pool", "database", "redis"}
    assert topology.behind("nowhere") == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("queue", "database", True),
        ("database", "queue", True),
        ("pool", "pool", True),
        ("pool", "redis", False),
    ],
)
def test_two_components_share_a_path_when_one_calls_the_other(
    topology: Topology, one: str, other: str, together: bool
) -> None:
    assert topology.on_one_path(one, other) is together


def test_the_deepest_is_the_furthest_down_and_of_equals_the_one_written_first(topology: Topology) -> None:
    assert topology.deepest({"queue", "pool", "redis"}) == "pool"
    assert topology.deepest({"service", "redis", "unknown"}) == "redis"
    assert topology.deepest(set()) is None


def test_the_place_of_a_target_comes_from_the_configuration(topology: Topology) -> None:
    assert topology.of_target == {"concert": "service", "cache": "redis"}
