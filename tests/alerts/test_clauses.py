"""An expression taken apart: values, operators, thresholds, units. Its truth is always the engine's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.clause import ClauseReading, clauses
from alerts.clause_facts import read_clauses
from alerts.unit import unit_of
from metrics import Store, parse
from metrics.values import Batch, Vector, labels_of

AT = 1_700_000_000.0


def stored(series: dict[tuple[str, str], float]) -> Store:
    """A store with one sample each of ``name{pool="..."}``."""
    store = Store()
    labels = tuple(labels_of({"__name__": name, "pool": pool}) for name, pool in series)
    store.append(Batch("concert", AT - 0.4, labels, np.array(list(series.values()))))
    return store


def only(expr: str, series: dict[tuple[str, str], float]) -> ClauseReading:
    (reading,) = read_clauses(expr, stored(series), AT)
    return reading


def test_an_and_has_a_clause_for_each_of_its_conditions_whatever_the_parentheses() -> None:
    found = clauses("(a > 5 and (b == c)) and on (pool) d")
    assert [(each.left, each.op, each.right) for each in found] == [
        ("a", ">", "5"),
        ("b", "==", "c"),
        ("", "", ""),
    ]
    assert [each.constant for each in found] == [5.0, None, None]


def test_the_value_is_on_the_left_wherever_it_was_written() -> None:
    (found,) = clauses("5 <= a")
    assert (found.left, found.op, found.right) == ("a", ">=", "5")


@pytest.mark.parametrize("expr", ["a", "a > bool 5", "a or b > 5", "a unless b > 5", "absent(a)"])
def test_what_is_no_filter_by_comparison_is_told_by_what_it_returns(expr: str) -> None:
    assert not clauses(expr)[0].compares


def test_the_series_nearest_to_its_threshold_is_the_one_that_is_told() -> None:
    reading = only("a > 5", {("a", "x"): 1.0, ("a", "y"): 4.0, ("a", "z"): float("nan")})
    assert (reading.value, reading.threshold, reading.holding, reading.compared) == (4.0, 5.0, 0, 3)
    assert reading.labels == (("pool", "y"),)


def test_each_series_is_compared_with_the_threshold_of_its_own_labels() -> None:
    series = {("a", "x"): 9.0, ("b", "x"): 10.0, ("a", "y"): 3.0, ("b", "y"): 3.0, ("a", "z"): 1.0}
    reading = only("a == b", series)
    assert (reading.holding, reading.compared, reading.value) == (1, 2, 3.0)


def test_a_condition_without_a_series_compares_nothing() -> None:
    reading = only("gone > 5", {("a", "x"): 1.0})
    assert (reading.value, reading.compared) == (None, 0)


_VALUES = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"])),
    st.one_of(st.integers(-3, 3).map(float), st.sampled_from([float("nan"), float("inf"), float("-inf")])),
    min_size=1,
)


@given(
    series=_VALUES,
    op=st.sampled_from(["==", "!=", ">", "<", ">=", "<="]),
    right=st.sampled_from(["b", "1", "ignoring (pool) group_left sum(b)", "on (pool) b"]),
)
def test_a_comparison_holds_for_as_many_series_as_the_engine_returns(
    series: dict[tuple[str, str], float], op: str, right: str
) -> None:
    expr = f"a {op} {right}"
    store = stored(series)
    returned = store.query(expr, AT)
    assert isinstance(returned, Vector)
    (reading,) = read_clauses(expr, store, AT)
    assert reading.holding == len(returned.samples)


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("process_resident_memory_bytes", "bytes"),
        ("sum(rate(node_network_receive_bytes_total[10s]))", "bytes/s"),
        ("histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket[10s])))", "s"),
        ("hikaricp_connections_pending / rate(hikaricp_connections_usage_seconds_count[10s])", "s"),
        ("rate(x_seconds_sum[10s]) / rate(x_seconds_count[10s])", "s"),
        ("sum(rate(queue_admitted_total[10s]))", "/s"),
        ("hikaricp_connections_active", ""),
        ("container_memory_working_set_bytes / container_spec_memory_limit_bytes", ""),
        ("time() - process_start_time_seconds", "s"),
        ("8 * node_network_receive_bytes_total", ""),
    ],
)
def test_a_unit_is_told_by_the_metrics_names_or_not_at_all(expr: str, unit: str) -> None:
    assert unit_of(parse(expr)) == unit
