"""Warnings and infos: which, how often, and where they point."""

import numpy as np
import pytest

from metrics import Store
from metrics.promql.numbers import go_short
from metrics.values import Batch, labels_of

AT = 1_700_000_000.137


@pytest.fixture(scope="module")
def store() -> Store:
    """A minute of a gauge, a counter, a histogram whose buckets fall, and one with odd bounds."""
    made = Store()
    names = [{"__name__": "depth"}, {"__name__": "done_total"}]
    names += [{"__name__": "falling_bucket", "le": bound} for bound in ("1", "2", "+Inf")]
    names += [{"__name__": "odd_bucket", "le": bound} for bound in ("1", "many", "1_0", "+Inf")]
    sets = tuple(map(labels_of, [*names, {"__name__": "odd_bucket"}]))
    for second in range(60):
        values = np.array([second, second, 4 * second, 3 * second, 9 * second, 1, 1, 1, 2, 2], dtype=float)
        made.append(Batch("app", AT - 59 + second, sets, values))
    return made


def infos(store: Store, query: str) -> list[str]:
    answer = store.ask(query, AT)
    assert not answer.warnings
    return [each.removeprefix("PromQL info: ") for each in answer.infos]


def warnings(store: Store, query: str) -> list[str]:
    return [each.removeprefix("PromQL warning: ") for each in store.ask(query, AT).warnings]


GAUGE = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "depth"'
FORCED = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) "
    "for metric name"
)


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("rate(depth[1m])", 6),
        ("sum(increase( (depth[1m] offset 1s)))", 16),
        ("rate(depth[30s]) + rate(depth[1m])", 25),
        ("max_over_time(rate(depth[20s])[30s:1s])", 20),
        ("topk(scalar(rate(depth[1m])), rate(depth[1m]))", 36),
    ],
)
def test_a_rate_of_what_is_not_named_like_a_counter_is_told_once_where_it_stands_last(
    store: Store, query: str, column: int
) -> None:
    assert infos(store, query) == [f"{GAUGE} (1:{column})"]


@pytest.mark.parametrize(
    "query",
    [
        "rate(done_total[1m])",
        "rate(falling_bucket[1m])",
        "irate(depth[1m])",
        "delta(depth[1m])",
        "rate(depth[1s])",
        "rate(nothing[1m])",
        "rate(abs(depth)[30s:1s])",
        "rate(sum(depth)[30s:1s])",
    ],
)
def test_counters_other_functions_and_empty_results_are_not_told_of(store: Store, query: str) -> None:
    assert infos(store, query) == []


def test_a_position_has_its_line(store: Store) -> None:
    assert infos(store, "sum(\n  rate(depth[1m])\n)") == [f"{GAUGE} (2:8)"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("quantile(2, depth)", "got 2 (1:10)"),
        ("quantile((1.5), nothing)", "got 1.5 (1:11)"),
        ("quantile(NaN, depth)", "got NaN (1:10)"),
        ("quantile_over_time(-Inf, depth[1m])", "got -Inf (1:20)"),
        ("histogram_quantile(1e30, nothing)", "got 1e+30 (1:20)"),
    ],
)
def test_a_quantile_outside_0_to_1_is_warned_of(store: Store, query: str, told: str) -> None:
    assert warnings(store, query) == [f"quantile value should be between 0 and 1, {told}"]


def test_a_quantile_over_time_of_nothing_is_not_warned_of(store: Store) -> None:
    assert warnings(store, "quantile_over_time(2, nothing[1m])") == []


def test_of_the_quantiles_of_many_steps_an_aggregation_warns_of_the_worst_only(store: Store) -> None:
    worst = store.ask_range("quantile(scalar(depth) - 50, depth)", AT - 20, AT, 1)
    assert [each.split("got ")[1] for each in worst.warnings] == ["-11 (1:10)", "9 (1:10)"]
    every = store.ask_range("quantile_over_time(scalar(depth) - 56, depth[1m])", AT - 2, AT, 1)
    assert [each.split("got ")[1] for each in every.warnings] == ["2 (1:20)", "3 (1:20)"]


def test_a_bucket_without_a_number_for_its_bound_is_warned_of(store: Store) -> None:
    start = 'bucket label "le" is missing or has a malformed value of'
    assert sorted(warnings(store, "histogram_quantile(0.5, odd_bucket)")) == [
        f'{start} "" for metric name "odd_bucket" (1:25)',
        f'{start} "1_0" for metric name "odd_bucket" (1:25)',
        f'{start} "many" for metric name "odd_bucket" (1:25)',
    ]
    assert warnings(store, "histogram_fraction(0, 1, sum(depth))") == [
        f'{start} "" for metric name "" (1:26)'
    ]


def test_buckets_that_had_to_be_made_monotonic_are_told_of(store: Store) -> None:
    assert infos(store, "histogram_quantile(0.5, falling_bucket)") == [f'{FORCED} "falling_bucket" (1:25)']
    assert infos(store, "histogram_quantile(0.5, rate(falling_bucket[1m]))") == [f'{FORCED} "" (1:25)']
    assert infos(store, 'histogram_quantile(0.5, falling_bucket{le!="2"})') == []
    assert infos(store, 'histogram_quantile(0.5, falling_bucket{le!="+Inf"})') == []
    assert infos(store, "histogram_fraction(0, 1, falling_bucket)") == []


def test_query_and_ask_give_the_same_result(store: Store) -> None:
    assert store.ask("depth", AT).result == store.query("depth", AT)
    asked = store.ask_range("depth", AT - 5, AT, 1).result
    assert [each.labels for each in asked.series] == [
        each.labels for each in store.query_range("depth", AT - 5, AT, 1).series
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"), (100_000.0, "100000"), (1e6, "1e+06"), (1_700_008_320.0, "1.70000832e+09"),
        (0.0001, "0.0001"), (0.00001, "1e-05"), (-1.5, "-1.5"), (1e300, "1e+300"), (float("-inf"), "-Inf"),
    ],
)  # fmt: skip
def test_numbers_in_notes_are_written_as_go_does(value: float, text: str) -> None:
    assert go_short(value) == text
