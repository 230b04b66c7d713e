"""Sparse: which samples with their own timestamps are taken, and what readers see of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import sparse_series
from metrics.acceptance import AHEAD_MS, LATE_MS, Verdict, judged, reach
from metrics.promql.source import STALE, VALUE
from metrics.series_index import Holder, Members
from metrics.sparse import Point, Sparse, points
from metrics.sparse_series import SeriesView
from metrics.track import STALE_BITS
from metrics.track_parts import parts_in_memory

NOW = 1_700_000_000_000
HOUR = 3_600_000

offsets = st.integers(-LATE_MS, AHEAD_MS)


def of(view: SeriesView) -> dict[int, float]:
    """Values by milliseconds after NOW."""
    times, values, _ = sparse_series.track(view)
    return dict(zip((times - NOW).tolist(), values.tolist(), strict=True))


def pushed(sparse: Sparse, samples: Sequence[tuple[int, int, float]], received: int = NOW) -> list[Verdict]:
    """Series, milliseconds after NOW and value of each sample."""
    return sparse.add(
        (Point(series, NOW + at, value, VALUE) for series, at, value in samples), received, HOUR
    )


def test_a_sample_is_taken_in_order_up_to_an_hour_and_late_up_to_ten_minutes() -> None:
    assert judged(NOW - HOUR, None, NOW, HOUR) is Verdict.IN_ORDER
    assert judged(NOW - HOUR - 1, None, NOW, HOUR) is Verdict.OUT_OF_BOUNDS
    assert judged(NOW - LATE_MS, NOW, NOW, HOUR) is Verdict.LATE
    assert judged(NOW - LATE_MS - 1, NOW, NOW, HOUR) is Verdict.TOO_OLD
    assert judged(NOW + AHEAD_MS, NOW, NOW, HOUR) is Verdict.IN_ORDER
    assert judged(NOW + AHEAD_MS + 1, NOW, NOW, HOUR) is Verdict.OUT_OF_BOUNDS


def test_a_series_may_begin_as_far_back_as_memory_reaches_within_an_hour() -> None:
    assert [reach(keep) for keep in (1_000, 1_800_000, 9 * HOUR)] == [LATE_MS, 1_800_000, HOUR]


def test_the_same_sample_again_is_fine_and_another_value_at_its_time_is_not() -> None:
    sparse = Sparse()
    assert pushed(sparse, [(1, 5, 1.0), (1, 5, 1.0), (1, 5, 2.0)]) == [
        Verdict.IN_ORDER,
        Verdict.SAME,
        Verdict.DUPLICATE,
    ]
    assert pushed(
        sparse, [(1, 3, float("nan")), (1, 3, float("nan")), (1, 3, 0.0), (1, 7, 0.0), (1, 7, -0.0)]
    ) == [
        Verdict.LATE,
        Verdict.SAME,
        Verdict.DUPLICATE,
        Verdict.IN_ORDER,
        Verdict.DUPLICATE,
    ]
    assert list(of(sparse.view[1])) == [3, 5, 7]


def test_prometheus_marker_of_an_ended_series_is_stale_and_any_other_nan_a_value() -> None:
    marker = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)
    made = list(points([1, 1], [NOW, NOW + 1], np.concatenate((marker, [np.nan]))))
    assert [point.state for point in made] == [STALE, VALUE]


def test_a_reader_sees_no_part_of_a_push_that_came_after_its_view() -> None:
    sparse = Sparse()
    pushed(sparse, [(1, 0, 1.0), (2, 0, 1.0)])
    before = sparse.view
    pushed(sparse, [(1, 10, 2.0), (2, -5, 3.0), (3, 0, 4.0)])
    pushed(sparse, [(1, at, 2.0) for at in range(20, 400)])
    assert {number: of(view) for number, view in before.items()} == {1: {0: 1.0}, 2: {0: 1.0}}


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.lists(st.tuples(st.integers(1, 3), offsets, st.floats(width=64)))),
            st.tuples(st.just("before"), offsets),
            st.tuples(st.just("after"), offsets),
        ),
        max_size=30,
    )
)
def test_what_was_taken_is_there_in_order_whatever_the_order_it_came_in(
    steps: list[tuple[str, int | list[tuple[int, int, float]]]],
) -> None:
    sparse = Sparse()
    model: dict[int, dict[int, float]] = {}
    floor = -LATE_MS
    for _, step in steps:
        match _, step:
            case "push", list(samples):
                for (series, at, value), verdict in zip(samples, pushed(sparse, samples), strict=True):
                    if verdict in (Verdict.IN_ORDER, Verdict.LATE):
                        assert at not in model.setdefault(series, {})
                        model[series][at] = value
                    else:
                        assert at in model[series]
            case "before", int(at):
                floor = max(floor, at)
                gone = set(sparse.drop_before(NOW + at))
                assert gone == {series for series, kept in model.items() if kept and max(kept) < at}
                model = {series: kept for series, kept in model.items() if series not in gone}
            case "after", int(at):
                sparse.drop_after(NOW + at)
                model = {series: {t: v for t, v in kept.items() if t <= at} for series, kept in model.items()}
                model = {series: kept for series, kept in model.items() if kept}
        whole(sparse, model, floor)
        model = {series: of(view) for series, view in sparse.view.items()}


def whole(sparse: Sparse, model: Mapping[int, Mapping[int, float]], floor: int) -> None:
    """The points are those of the model; of those before the floor some may be gone."""
    assert sparse.view.keys() == model.keys()
    for series, view in sparse.view.items():
        found, wanted = of(view), model[series]
        assert list(found) == sorted(found)
        assert repr([found[at] for at in sorted(wanted) if at >= floor]) == repr(
            [wanted[at] for at in sorted(wanted) if at >= floor]
        )
        assert found.keys() <= wanted.keys()
        assert (view.first, view.newest) == (NOW + min(found), NOW + max(found))


def test_recalled_points_are_those_that_were_taken_and_the_later_push_wins() -> None:
    sparse = Sparse()
    for _ in range(2):
        series = np.array([2, 1, 1, 2, 1], dtype=np.intp)
        times = NOW + np.array([9, 5, 3, 1, 5])
        sparse.recall(series, times, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
        assert {number: of(view) for number, view in sparse.view.items()} == {
            1: {3: 3.0, 5: 5.0},
            2: {1: 4.0, 9: 1.0},
        }
    assert pushed(sparse, [(1, 6, 6.0)]) == [Verdict.IN_ORDER]


def test_a_long_series_lies_in_pieces_and_its_old_ones_go() -> None:
    sparse = Sparse()
    for second in range(5000):
        at = NOW + 1000 * second
        sparse.add([Point(1, at, float(second), VALUE)], at, HOUR)
        if second % 10 == 0:
            sparse.drop_before(at - HOUR // 2)
    view = sparse.view[1]
    assert len(view.full) >= 1
    assert len(sparse_series.track(view).times) < 2 * 1800
    assert len(view.open.times) <= 4096
    sparse.add([Point(1, view.newest - 300_500, -1.0, VALUE)], view.newest, HOUR)
    times, values, _ = sparse_series.track(sparse.view[1])
    assert (np.diff(times) > 0).all()
    assert values[times == view.newest - 300_500].tolist() == [-1.0]


def test_series_that_come_and_go_leave_nothing_behind() -> None:
    sparse = Sparse()
    for number in range(3000):
        at = NOW + 1000 * number
        sparse.add([Point(number, at, 1.0, VALUE)], at, HOUR)
        sparse.drop_before(at - 60_000)
    assert len(sparse.view) <= 62


def test_series_with_the_same_times_are_one_part_and_others_parts_of_their_own() -> None:
    sparse = Sparse()
    for second in range(2000):
        at = NOW + 1000 * second
        sparse.add(
            [Point(number, at + 7 * (number == 3), 1.0 * number, VALUE) for number in (1, 2, 3)], at, HOUR
        )
        sparse.drop_before(at - 900_000)
    members = Members(Holder("app", True), np.array([4, 0, 2], dtype=np.intp), (1, 2, 3))
    parts = parts_in_memory(members, sparse.view)
    assert [part.places.tolist() for part in parts] == [[4, 0], [2]]
    times = parts[0].times()
    assert (np.diff(times) == 1000).all()
    values, states = parts[0].cells(0, len(times))
    assert (values == [[1.0], [2.0]]).all()
    assert (states == VALUE).all()
    picked = np.array([0, 500, len(times) - 1])
    assert parts[0].cells_at(picked).values.tolist() == values[:, picked].tolist()
