"""The overview as Grafana gets it: nothing misspelt, nothing that overlaps, every query one that works."""

import copy
import json
import subprocess
import sys
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser
import pytest

import metrics
import settings
from dashboards import push
from dashboards.grafana_json import Json, dashboard_json
from dashboards.naming import UID_LENGTH, Naming
from dashboards.overview import overview
from tests.dashboards.substitution import substituted

ROOT = Path(__file__).parents[2]
OVERVIEW = overview(Naming("concert"), "http://127.0.0.1:18300", own_source=True)
JSON = dashboard_json(OVERVIEW)
QUERIES = dict(OVERVIEW.queries)


def panels_of(model: Json) -> list[Any]:
    found = model["panels"]
    assert isinstance(found, list)
    return found


def panels() -> list[Any]:
    return panels_of(JSON)


def through_the_schema(ours: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        register_default_plugins()
        return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))


def test_grafanas_own_schema_knows_every_key() -> None:
    assert lost(JSON, through_the_schema(JSON)) == []


@pytest.mark.parametrize(
    "path",
    [
        ("targets", 0, "legendFormat"),
        ("options", "legend", "showLegend"),
        ("fieldConfig", "defaults", "custom", "drawStyle"),
        ("fieldConfig", "defaults", "unit"),
        ("gridPos", "h"),
    ],
)
def test_a_misspelt_key_would_be_seen(path: tuple[str | int, ...]) -> None:
    model = copy.deepcopy(JSON)
    panel: Any = next(each for each in panels_of(model) if each["type"] == "timeseries")
    for key in path[:-1]:
        panel = panel[key]
    panel[f"{path[-1]}s"] = panel.pop(path[-1])
    assert lost(model, through_the_schema(model)) != []


def lost(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """What of ours the schema did not keep."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{where}.{key}" for key in ours if key not in theirs and ours[key] is not None]
        return missing + [
            text for key in ours if key in theirs for text in lost(ours[key], theirs[key], f"{where}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            text
            for place, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for text in lost(one, other, f"{where}[{place}]")
        ]
    return [] if ours == theirs else [f"{where}: {ours!r} became {theirs!r}"]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_one_that_we_and_others_accept(name: str) -> None:
    expr = substituted(QUERIES[name].expr, range_seconds=900.0)
    metrics.check(expr)
    promql_parser.parse(expr)
    assert "$" not in expr


def test_the_names_of_queries_are_unique() -> None:
    assert len(QUERIES) == len(OVERVIEW.queries)


def test_no_panel_lies_upon_another_or_beyond_the_edge() -> None:
    places = [panel["gridPos"] for panel in panels()]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def test_every_id_is_used_once() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)


def test_every_panel_says_what_a_person_reads_from_it() -> None:
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert len(shown) > 30
    assert [panel["title"] for panel in shown if not panel["description"].endswith(".")] == []


def test_a_dashboard_has_no_number_or_version_of_a_certain_grafana() -> None:
    assert {"id", "version", "iteration"} & set(JSON) == set()


def test_every_graph_of_the_journey_is_there() -> None:
    titles = [row.title for row in OVERVIEW.rows]
    for wanted in ("Waiting queue", "Concert service", "Connection pool", "Database", "Redis", "Containers",
                   "Host", "Alerts and log", "Showcall"):  # fmt: skip
        assert wanted in titles


def test_annotations_are_asked_for_by_the_tags_that_ours_carry() -> None:
    listed: Any = JSON["annotations"]
    asked = [each["target"]["tags"] for each in listed["list"] if "target" in each]
    assert asked == [
        ["showcall", "stack:concert", "incident"],
        ["showcall", "stack:concert", "action"],
    ]


def test_without_a_data_source_of_ours_grafana_chooses_its_own() -> None:
    found = settings.load(ROOT / "config.yaml")
    assert push.wanted(found).data_source is None
    variables: Any = push.dashboard(found)["templating"]
    assert variables["list"][0]["current"] == {}


@pytest.mark.parametrize("stack", ["concert", "Concert", "concert!", "공연", "a" * 80, "con cert"])
def test_every_stack_has_uids_of_its_own_that_grafana_takes(stack: str) -> None:
    names = Naming(stack)
    for uid in (names.dashboard, names.data_source):
        assert len(uid) <= UID_LENGTH
        assert all(character.isascii() and (character.isalnum() or character == "-") for character in uid)
    assert Naming("concert").dashboard == "showcall-concert-overview"
    assert stack == "concert" or names.dashboard != Naming("concert").dashboard


def test_the_dashboard_in_the_compose_stack_is_the_one_that_showcall_makes() -> None:
    shipped = (ROOT / "stack/compose/grafana/dashboards/overview.json").read_text(encoding="utf-8")
    config = ROOT / "stack/compose/config.yaml"
    command = [sys.executable, "-m", "showcall", "dashboards", "show", "--config", str(config)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert shipped == made.stdout, "showcall dashboards show --config stack/compose/config.yaml > ..."
