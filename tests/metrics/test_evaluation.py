"""PromQL over a store, where Prometheus' own tests do not say it: rules as we use them, errors, limits."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from metrics import QueryError, Store, check
from metrics.errors import ErrorKind
from metrics.values import Batch, Labels, Vector, labels_of

START = 1_700_000_000.137


Rows = Mapping[str, Sequence[float | None]]


def stored(rows: Rows, every: float = 1.0) -> Store:
    """A store with one origin per series, its samples ``every`` seconds from START; None is a gap."""
    store = Store()
    for text, values in rows.items():
        name, _, inner = text.rstrip("}").partition("{")
        pairs = (pair.split("=") for pair in inner.split(",") if pair)
        labels = labels_of({"__name__": name, **{key: value.strip('"') for key, value in pairs}})
        for place, value in enumerate(values):
            if value is not None:
                store.append(Batch(text, START + place * every, (labels,), np.array([value])))
    return store


def ask(store: Store, expr: str, at: float) -> dict[Labels, float]:
    found = store.query(expr, START + at)
    assert isinstance(found, Vector)
    return {sample.labels: sample.value for sample in found.samples}


def only(store: Store, expr: str, at: float) -> float:
    (value,) = ask(store, expr, at).values()
    return value


POOL = {
    'hikaricp_connections_active{pool="p"}': [3.0, 10.0, 10.0],
    'hikaricp_connections_max{pool="p"}': [10.0, 10.0, 10.0],
    'hikaricp_connections_pending{pool="p"}': [0.0, 4.0, 27.0],
}
EXHAUSTED = (
    "hikaricp_connections_active == hikaricp_connections_max "
    "and hikaricp_connections_pending >= hikaricp_connections_max"
)


def test_the_rule_of_the_exhausted_pool_is_true_exactly_when_all_wait() -> None:
    store = stored(POOL)
    assert [len(ask(store, EXHAUSTED, at)) for at in (0, 1, 2)] == [0, 0, 1]
    assert ask(store, EXHAUSTED, 2) == {
        labels_of({"__name__": "hikaricp_connections_active", "pool": "p"}): 10.0
    }


def test_a_rate_extrapolates_to_the_edges_of_its_window_but_not_below_zero() -> None:
    store = stored({"c_total": [float(value) for value in range(0, 60, 2)]})
    assert only(store, "rate(c_total[10s])", 29.4) == pytest.approx(2.0)
    assert only(store, "increase(c_total[10s])", 29.4) == pytest.approx(20.0)
    assert only(store, "increase(c_total[1m])", 5.0) == pytest.approx(10.0)


def test_a_counter_that_falls_started_again() -> None:
    store = stored({"c_total": [10.0, 12.0, 3.0, 5.0]})
    assert only(store, "increase(c_total[3001ms])", 3.0) == pytest.approx(7.0 * 3.001 / 3, rel=1e-3)
    assert only(store, "resets(c_total[10s])", 3.0) == 1.0


def test_one_nan_spoils_only_the_windows_that_hold_it() -> None:
    store = stored({"g": [1.0, math.nan, 3.0, 4.0, 5.0]})
    (found,) = store.query_range("sum_over_time(g[2s])", START + 1, START + 4, 1).series
    assert np.isnan(found.values[:2]).all()
    assert found.values[2:].tolist() == [7.0, 9.0]


def test_an_instant_query_and_the_same_step_of_a_range_query_agree() -> None:
    rng = np.random.default_rng(7)
    rows: Rows = {
        f'x{{id="{number}",job="{number % 3}"}}': [
            None if rng.random() < 0.2 else float(value) for value in rng.normal(size=120).cumsum()
        ]
        for number in range(12)
    }
    store = stored(rows)
    for expr in (
        "x",
        "sum by (job) (rate(x[10s]))",
        "topk(2, x)",
        "quantile by (job) (0.7, x)",
        "quantile_over_time(0.9, x[15s])",
        "stddev_over_time(x[15s]) > 1",
        "deriv(x[20s]) or x offset 5s",
        "predict_linear(x[20s], 60) unless on (id) x > 0",
        "max_over_time(sum by (job) (x)[20s:3s])",
        "absent(x > 100)",
        "count_values('v', round(x))",
        "x * on (id) group_left () sum by (id) (x offset 3s)",
    ):
        series = store.query_range(expr, START + 30, START + 110, 10).series
        for at in range(30, 111, 10):
            middle = {
                each.labels: float(value)
                for each in series
                for when, value in zip(each.at, each.values, strict=True)
                if abs(when - START - at) < 0.001
            }
            assert ask(store, expr, at) == pytest.approx(middle, nan_ok=True), (expr, at)


def test_a_quantile_of_a_histogram_is_interpolated_within_its_bucket() -> None:
    store = stored(
        {f'h_bucket{{le="{le}"}}': [count] for le, count in (("1", 5.0), ("2", 10.0), ("+Inf", 10.0))}
    )
    assert only(store, "histogram_quantile(0.75, h_bucket)", 0) == pytest.approx(1.5)
    assert only(store, "histogram_quantile(0.25, h_bucket)", 0) == pytest.approx(0.5)


def test_a_histogram_whose_bucket_is_missing_uses_its_neighbours() -> None:
    rows: Rows = {
        'h_bucket{le="1"}': [4.0],
        'h_bucket{le="2"}': [None, 6.0],
        'h_bucket{le="3"}': [8.0],
        'h_bucket{le="+Inf"}': [8.0],
    }
    store = stored(rows)
    assert only(store, "histogram_quantile(0.75, h_bucket)", 0) == pytest.approx(2.0)
    assert only(store, "histogram_quantile(0.5, h_bucket)", 0) == pytest.approx(1.0)
    assert only(store, "histogram_quantile(0.75, h_bucket)", 1) == pytest.approx(2.0)


def test_a_histogram_without_the_last_bucket_has_no_quantile() -> None:
    store = stored({'h_bucket{le="1"}': [4.0], 'h_bucket{le="2"}': [6.0]})
    assert math.isnan(only(store, "histogram_quantile(0.5, h_bucket)", 0))


MANY: Rows = {
    'left{id="1",part="a"}': [1.0],
    'left{id="1",part="b"}': [2.0],
    'right{id="1",zone="x"}': [10.0],
    'right{id="1",zone="y"}': [20.0],
}


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("left + on (id) right{zone='x'}", "many-to-one matching must be explicit"),
        (
            "left + on (id) group_left () right",
            'found duplicate series for the match group {id="1"} on the right',
        ),
        ("right * on (id) group_right () left", "on the left hand-side of the operation"),
        ("left{part='a'} + on (id) right", "many-to-many matching not allowed"),
        ("label_replace(left, 'part', 'c', '', '')", "vector cannot contain metrics with the same labelset"),
        ("abs({__name__=~'left|right', part=~'a|'} * 0 + 1)", "same labelset"),
        ("label_replace(left, '', 'c', '', '')", "invalid destination label name in label_replace()"),
        ("topk(NaN, left)", "NaN"),
    ],
)
def test_ambiguous_matches_fail_in_prometheus_words(expr: str, words: str) -> None:
    rows: Rows = {**MANY, 'left{id="2"}': [1.0], 'right{id="2"}': [1.0]}
    with pytest.raises(QueryError) as failed:
        stored(rows).query(expr, START)
    assert words in failed.value.message
    assert failed.value.kind is ErrorKind.EXECUTION


def test_duplicates_that_are_not_there_at_the_same_time_are_no_error() -> None:
    store = Store()
    old, new = (labels_of({"__name__": "info", "id": "1", "version": version}) for version in "12")
    base = labels_of({"__name__": "base", "id": "1"})
    for second in range(6):
        info = old if second < 3 else new
        store.append(Batch("app", START + second, (base, info), np.array([5.0, 1.0])))
    found = store.query_range("base * on (id) group_left (version) info", START, START + 5, 1).series
    assert {each.labels: len(each.at) for each in found} == {
        labels_of({"id": "1", "version": "1"}): 3,
        labels_of({"id": "1", "version": "2"}): 3,
    }


def test_check_refuses_at_load_what_cannot_be_evaluated() -> None:
    check(EXHAUSTED)
    check("histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket[10s])))")
    with pytest.raises(QueryError) as unsupported:
        check("1 + histogram_count(x)")
    assert unsupported.value.kind is ErrorKind.UNSUPPORTED
    assert unsupported.value.position == (1, 5)
    assert "histogram_count() is for native histograms" in str(unsupported.value)
    with pytest.raises(QueryError) as wrong:
        check("sum(")
    assert wrong.value.kind is ErrorKind.BAD_DATA


def test_a_range_query_of_a_range_vector_is_refused() -> None:
    with pytest.raises(QueryError, match="must be Scalar or instant Vector"):
        stored(MANY).query_range("left[1m]", START, START + 1, 1)


def test_a_sum_whose_terms_cancel_keeps_the_small_ones() -> None:
    rows: Rows = {f'x{{id="{number}"}}': [value] for number, value in enumerate((1.0, 1e100, 1.0, -1e100))}
    assert only(stored(rows), "sum(x)", 0) == 2.0


def test_a_subquery_of_a_trillion_steps_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(QueryError, match="would load too many samples into memory"):
        stored(MANY).query("sum_over_time(left[10y:1ms])", START)


def test_series_in_one_grid_and_each_in_its_own_give_the_same_answers() -> None:
    rng = np.random.default_rng(11)
    together, apart = Store(), Store()
    every = [labels_of({"__name__": "x", "id": str(number), "job": str(number % 4)}) for number in range(16)]
    for second in range(400):
        known = [labels for number, labels in enumerate(every) if rng.random() < 0.9 - number / 20]
        values = rng.integers(0, 50, len(known)).astype(np.float64)
        together.append(Batch("app", START + second, tuple(known), values))
        for labels in every:
            place = known.index(labels) if labels in known else None
            one = () if place is None else (labels,)
            only_value = values[:0] if place is None else values[place : place + 1]
            apart.append(Batch(str(labels), START + second, one, only_value))
    for expr in (
        "x",
        "increase(x[17s])",
        "resets(x[200s]) + changes(x[30s])",
        "sum by (job) (avg_over_time(x[33s]))",
        "quantile_over_time(0.3, x[25s]) / stdvar_over_time(x[40s])",
        "irate(x[5s]) or idelta(x[9s] offset 100s)",
        "bottomk(3, last_over_time(x[3s]))",
        "predict_linear(x[60s], 10) - on (id) group_left () deriv(x[60s])",
        "timestamp(x) - time()",
    ):
        a, b = (store.query_range(expr, START + 50, START + 399, 7).series for store in (together, apart))
        assert [each.labels for each in a] == [each.labels for each in b], expr
        for left, right in zip(a, b, strict=True):
            assert left.at.tolist() == right.at.tolist(), expr
            np.testing.assert_allclose(left.values, right.values, rtol=1e-9, err_msg=expr)
