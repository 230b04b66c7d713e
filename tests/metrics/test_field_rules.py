"""The expressions of rules that people run (samber/awesome-prometheus-alerts) load and evaluate."""

import os
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from metrics import QueryError, Store, check
from metrics.promql.ast import MatchOp, VectorSelector
from metrics.promql.parser import parse
from metrics.promql.tree import walk
from metrics.values import Batch, Floats, Labels, Vector, labels_of

_FOLDER = Path(os.environ.get("CONFORMANCE_DIR", Path(__file__).parents[3] / "shared" / "conformance"))
_FILES = sorted((_FOLDER / "rules").rglob("*.yml"))
START = 1_700_000_000.0

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not _FILES, reason=f"no public test data in CONFORMANCE_DIR ({_FOLDER})"),
]


def expressions() -> list[str]:
    groups = [group for file in _FILES for group in YAML(typ="safe").load(file)["groups"]]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def series_for(exprs: list[str]) -> tuple[Labels, ...]:
    """Two series for every selector, with the labels that it asks for by equality."""
    found: dict[Labels, None] = {}
    for expr in exprs:
        for node, _ in walk(parse(expr)):
            if isinstance(node, VectorSelector):
                asked = {each.name: each.value for each in node.matchers if each.op is MatchOp.EQUAL}
                for instance in ("a:1", "b:1"):
                    found[labels_of({"job": "j", "instance": instance, **asked})] = None
    return tuple(found)


def test_every_field_rule_is_evaluated_or_fails_only_by_ambiguous_labels() -> None:
    exprs = expressions()
    assert len(exprs) > 100
    store = Store()
    labels = series_for(exprs)
    sevenths: Floats = np.arange(len(labels), dtype=np.float64) % 7
    for second in range(90):
        store.append(Batch("app", START + second, labels, np.multiply(sevenths, second)))
    unexpected = []
    for expr in exprs:
        check(expr)
        try:
            assert isinstance(store.query(expr, START + 89), Vector)
            store.query_range(expr, START + 60, START + 89, 5)
        except QueryError as error:
            if "match" not in error.message and "same labelset" not in error.message:
                unexpected.append(f"{expr}: {error}")
    assert unexpected == []
