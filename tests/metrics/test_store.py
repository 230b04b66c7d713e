"""The store: what an append keeps, what a query sees, what is forgotten."""

import threading

import numpy as np
import pytest

from metrics import QueryError, Store
from metrics.errors import ErrorKind
from metrics.promql.limits import Limits
from metrics.values import Batch, Labels, Matrix, Metadata, Scalar, String, Vector, labels_of

START = 1_700_000_000.0


def series(name: str, **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


def batch(at: float, values: dict[Labels, float], origin: str = "app") -> Batch:
    return Batch(origin, START + at, tuple(values), np.array(list(values.values()), dtype=float))


def ask(store: Store, expr: str, at: float) -> dict[Labels, float]:
    found = store.query(expr, START + at)
    assert isinstance(found, Vector)
    return {sample.labels: sample.value for sample in found.samples}


def points(store: Store, expr: str, at: float) -> list[tuple[float, float]]:
    found = store.query(expr, START + at)
    assert isinstance(found, Matrix)
    assert len(found.series) <= 1
    return [
        (at - START, value) for each in found.series for at, value in zip(each.at, each.values, strict=True)
    ]


UP, DOWN = series("jobs", state="up"), series("jobs", state="down")


def test_a_sample_is_found_at_its_time_and_until_the_lookback_ends() -> None:
    store = Store(lookback=300)
    store.append(batch(0, {UP: 3.0}))
    assert ask(store, "jobs", -0.001) == {}
    assert ask(store, "jobs", 0) == {UP: 3.0}
    assert ask(store, "jobs", 299.999) == {UP: 3.0}
    assert ask(store, "jobs", 300) == {}


def test_a_series_that_is_missing_from_the_next_batch_is_stale_at_once() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0, DOWN: 2.0}))
    store.append(batch(1, {UP: 1.0}))
    assert ask(store, "jobs", 0.5) == {UP: 1.0, DOWN: 2.0}
    assert ask(store, "jobs", 1) == {UP: 1.0}
    assert points(store, "jobs{state='down'}[10s]", 5) == [(0, 2.0)]


def test_an_empty_batch_makes_every_series_of_its_origin_stale_and_no_other() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    store.append(batch(0, {DOWN: 1.0}, origin="other"))
    store.append(batch(1, {}))
    store.append(batch(2, {}))
    assert ask(store, "jobs", 2) == {DOWN: 1.0}


def test_a_series_that_comes_back_is_one_series_with_a_gap() -> None:
    store = Store()
    for at, value in ((0, 1.0), (1, None), (2, 3.0)):
        store.append(batch(at, {} if value is None else {UP: value}))
    assert ask(store, "jobs", 1.9) == {}
    assert points(store, "jobs[10s]", 2) == [(0, 1.0), (2, 3.0)]


def test_nan_and_infinities_are_values() -> None:
    store = Store()
    store.append(batch(0, {UP: float("nan"), DOWN: float("-inf")}))
    found = ask(store, "jobs", 0)
    assert np.isnan(found[UP])
    assert found[DOWN] == float("-inf")


def test_a_batch_that_is_not_newer_is_refused_and_counted() -> None:
    store = Store()
    store.append(batch(1, {UP: 1.0}))
    assert store.append(batch(1, {UP: 2.0, DOWN: 2.0})).out_of_order == 2
    assert store.append(batch(0, {UP: 2.0})).out_of_order == 1
    assert store.append(batch(2, {})).out_of_order == 0
    assert store.append(batch(1.5, {UP: 2.0})).out_of_order == 1


def test_of_two_equal_label_sets_in_a_batch_the_first_is_kept() -> None:
    store = Store()
    appended = store.append(Batch("app", START, (UP, DOWN, UP), np.array([1.0, 2.0, 3.0])))
    assert (appended.stored, appended.duplicates) == (2, 1)
    assert ask(store, "jobs", 0) == {UP: 1.0, DOWN: 2.0}


def test_a_series_belongs_to_the_origin_that_brought_it_first() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    appended = store.append(batch(0.5, {UP: 9.0, DOWN: 2.0}, origin="other"))
    assert (appended.stored, appended.claimed_elsewhere) == (1, 1)
    assert ask(store, "jobs", 1) == {UP: 1.0, DOWN: 2.0}


def test_a_claimed_series_is_free_again_when_its_samples_are_forgotten() -> None:
    store = Store(keep=60)
    store.append(batch(0, {UP: 1.0}))
    store.append(batch(1, {UP: 9.0}, origin="other"))
    assert store.append(batch(400, {UP: 5.0}, origin="other")).claimed_elsewhere == 1
    assert store.append(batch(401, {UP: 5.0}, origin="other")).stored == 1
    assert ask(store, "jobs", 401) == {UP: 5.0}


def test_the_same_tuple_of_labels_and_an_equal_one_mean_the_same_series() -> None:
    store = Store()
    labels = (UP, DOWN)
    store.append(Batch("app", START, labels, np.array([1.0, 2.0])))
    store.append(Batch("app", START + 1, labels, np.array([3.0, 4.0])))
    store.append(Batch("app", START + 2, tuple(reversed((DOWN, UP))), np.array([5.0, 6.0])))
    store.append(Batch("app", START + 3, (DOWN, UP), np.array([8.0, 7.0])))
    assert points(store, "jobs{state='up'}[10s]", 3) == [(0, 1.0), (1, 3.0), (2, 5.0), (3, 7.0)]


def test_samples_and_series_older_than_kept_are_forgotten_with_their_labels() -> None:
    store = Store(keep=60)
    store.append(batch(0, {DOWN: 1.0}, origin="gone"))
    for second in range(600):
        store.append(batch(second, {UP: float(second)}))
    kept = points(store, "jobs{state='up'}[1h]", 600)
    assert kept[-1] == (599, 599.0)
    assert 60 <= len(kept) <= 60 + 2 * 120
    assert store.label_values("state") == ("up",)
    assert store.series_count == 1


def test_series_that_come_and_go_do_not_pile_up() -> None:
    store = Store(keep=60)
    for second in range(1500):
        values = {series("fresh", id=str(number)): 1.0 for number in range(second, second + 5)}
        store.append(batch(second, {UP: 1.0, **values}))
    assert store.series_count < 400
    assert ask(store, "count(fresh)", 1499) == {(): 5.0}


def test_rows_go_on_over_many_chunks_while_columns_are_added() -> None:
    store = Store()
    for second in range(500):
        extra = {series("extra", id=str(number)): float(second) for number in range(second // 50)}
        store.append(batch(second, {UP: float(second), **extra}))
    assert ask(store, "sum(count_over_time(jobs{state='up'}[400s]))", 499) == {(): 400.0}
    assert ask(store, "count_over_time(extra{id='3'}[1h])", 499) == {labels_of({"id": "3"}): 300.0}
    assert ask(store, "sum(extra)", 499) == {(): 499.0 * 9}


def test_matchers_follow_prometheus_where_a_label_is_missing() -> None:
    store = Store()
    bare, zoned = series("x"), series("x", zone="a")
    store.append(batch(0, {bare: 1.0, zoned: 2.0}))
    assert ask(store, 'x{zone=""}', 0) == {bare: 1.0}
    assert ask(store, 'x{zone!=""}', 0) == {zoned: 2.0}
    assert ask(store, 'x{zone=~"a|"}', 0) == {bare: 1.0, zoned: 2.0}
    assert ask(store, 'x{zone!~"a.*"}', 0) == {bare: 1.0}
    assert ask(store, '{__name__=~"x|y", zone=~".+"}', 0) == {zoned: 2.0}
    assert ask(store, 'x{zone=~"A"}', 0) == {}


def test_a_selection_notices_new_series() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    assert ask(store, "jobs", 0) == {UP: 1.0}
    store.append(batch(1, {UP: 1.0, DOWN: 2.0}))
    assert ask(store, "jobs", 1) == {UP: 1.0, DOWN: 2.0}
    assert ask(store, "{state=~'.+'}", 1) == {UP: 1.0, DOWN: 2.0}


def test_results_of_every_type_carry_their_time() -> None:
    store = Store()
    assert store.query("1 + 1", START) == Scalar(2.0, START)
    assert store.query("'a'", START) == String("a", START)
    assert store.query_range("2", START, START + 2, 1).series[0].at.tolist() == [START, START + 1, START + 2]


def test_a_range_query_gives_only_points_that_are_there() -> None:
    store = Store()
    for second in (0, 1, 2):
        store.append(batch(second, {UP: float(second)}))
    store.append(batch(3, {}))
    (found,) = store.query_range("jobs", START, START + 5, 1).series
    assert found.values.tolist() == [0.0, 1.0, 2.0]
    assert store.query_range("nothing", START, START + 5, 1).series == ()


def test_freshness_is_the_age_of_the_oldest_input() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    store.append(batch(4, {series("other"): 1.0}, origin="other"))
    assert store.freshness("jobs", START + 5) == pytest.approx(5)
    assert store.freshness("jobs / on() other", START + 5) == pytest.approx(5)
    assert store.freshness("rate(other[1m])", START + 5) == pytest.approx(1)
    assert store.freshness("jobs or nothing", START + 5) is None
    assert store.freshness("jobs offset 3s", START + 5) == pytest.approx(2)
    assert store.freshness("jobs", START + 300) is None
    assert store.freshness("time()", START) is None


def test_freshness_of_a_target_that_went_down_goes_on_ageing() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    store.append(batch(1, {}))
    assert store.freshness("jobs", START + 7) == pytest.approx(7)


def test_origins_are_known_for_stale_series_too() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0}))
    store.append(batch(0, {series("x"): 1.0}, origin="other"))
    store.append(batch(1, {}))
    assert store.origins("jobs == on() x", START + 60) == {"app", "other"}
    assert store.origins("jobs", START + 60) == {"app"}
    assert store.origins("jobs", START + 301) == frozenset()
    assert store.origins("vector(1)", START) == frozenset()


def test_series_labels_and_metadata_are_listed() -> None:
    store = Store()
    store.append(batch(0, {UP: 1.0, DOWN: 1.0, series("x", zone="a"): 1.0}))
    store.append(Batch("m", START, (), np.array([]), {"jobs": Metadata("gauge", "Jobs by state.")}))
    assert store.series(["jobs", "x"], START, START + 1) == (DOWN, UP, series("x", zone="a"))
    assert store.series(["jobs"], START + 1, START + 2) == ()
    assert store.label_names() == ("__name__", "state", "zone")
    assert store.label_names(["x"]) == ("__name__", "zone")
    assert store.label_values("state") == ("down", "up")
    assert store.label_values("state", ["jobs{state='up'}"]) == ("up",)
    assert store.metadata() == {"jobs": Metadata("gauge", "Jobs by state.")}


def test_too_many_points_and_too_many_samples_are_refused_in_prometheus_words() -> None:
    store = Store(limits=Limits(max_steps=100, max_samples=50))
    for second in range(60):
        store.append(batch(second, {UP: 1.0}))
    with pytest.raises(QueryError, match="exceeded maximum resolution of 100 points per timeseries") as steps:
        store.query_range("jobs", START, START + 101, 1)
    assert steps.value.kind is ErrorKind.BAD_DATA
    with pytest.raises(QueryError, match="would load too many samples into memory") as many:
        store.query("sum_over_time(jobs[1m])", START + 60)
    assert many.value.kind is ErrorKind.EXECUTION
    with pytest.raises(QueryError, match="zero or negative query resolution step"):
        store.query_range("jobs", START, START + 1, 0)
    with pytest.raises(QueryError, match="end timestamp must not be before start time"):
        store.query_range("jobs", START + 1, START, 1)


def test_a_query_sees_whole_batches_while_others_append() -> None:
    store = Store()
    sets = tuple(series("x", id=str(number)) for number in range(50))
    torn: list[dict[Labels, float]] = []
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            found = ask(store, "max(x) - min(x)", 1e6)
            if found and found[()] != 0:
                torn.append(found)

    readers = [threading.Thread(target=ask_on) for _ in range(2)]
    for reader in readers:
        reader.start()
    for row in range(2000):
        known = sets[: 10 + row // 50]
        store.append(Batch("app", START + 1e6 - 100 + row / 100, known, np.full(len(known), float(row))))
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
