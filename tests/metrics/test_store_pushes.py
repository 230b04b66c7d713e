"""Samples with timestamps of their own in a store: every question, restarts, blocks, late ones, damage."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metrics import Store
from metrics.disk import checking
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.damage import DamageKind
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import packed_points, sparse_stretch
from metrics.track import values_at
from metrics.values import Appended, Batch, Labels, Pushed, Vector, labels_of
from tests.metrics.disk_store import BEGIN, NAMES, batch, everything, rows_of, same, store_in
from tests.metrics.pushes import SERIES, STALE, history, push, stamped

SHORT = 60.0
QUESTIONS = (
    "p",
    "sum(p)",
    "rate(p[2m])",
    "max_over_time(p[5m:20s])",
    "p offset 1m",
    "count_over_time(p[10m])",
    "sum by (n) (p) * on (n) group_left () (m + 1)",
    "last_over_time(p[1m]) - p",
    'absent(p{n="9"})',
)


def kept(store: Store) -> Store:
    for _ in range(8):
        store.keep()
    return store


def alike(one: Store, other: Store, end: float, start: float = 0.0, step: float = 7.0) -> None:
    for expr in QUESTIONS:
        mine = one.query_range(expr, BEGIN + start, BEGIN + end, step)
        theirs = other.query_range(expr, BEGIN + start, BEGIN + end, step)
        assert [each.labels for each in mine.series] == [each.labels for each in theirs.series], expr
        for left, right in zip(mine.series, theirs.series, strict=True):
            np.testing.assert_array_equal(left.at, right.at, expr)
            np.testing.assert_array_equal(left.values, right.values, expr)
    for at in (start, (start + end) / 2, end):
        for expr in QUESTIONS[:5]:
            assert repr(one.query(expr, BEGIN + at)) == repr(other.query(expr, BEGIN + at))
        assert one.freshness("p", BEGIN + at) == other.freshness("p", BEGIN + at)
        assert one.origins("p or m", BEGIN + at) == other.origins("p or m", BEGIN + at)


def values_of(store: Store, expr: str, at: float) -> dict[str, float]:
    """Values by the label n."""
    found = store.query(expr, BEGIN + at)
    assert isinstance(found, Vector)
    return {dict(sample.labels).get("n", ""): sample.value for sample in found.samples}


def lived(folder: Path, pushes: list[Pushed]) -> tuple[Store, Store]:
    """A store on disk with little memory, and one that keeps all in memory, after pushes and rows."""
    store, memory = store_in(folder, SHORT), Store(keep=1e6)
    for each, row in zip(pushes, rows_of(len(pushes), 10.0), strict=True):
        for one in (store, memory):
            one.append(row)
            assert one.push(each) == Appended(len(each.labels))
        store.keep()
    return store, memory


def test_pushed_samples_answer_as_rows_with_the_same_times_do() -> None:
    rows, pushes = Store(), Store()
    names = dict.fromkeys(NAMES, 0.0)
    for second in range(0, 800, 10):
        values = {name: float((second * place) % 70) for place, name in enumerate(names)}
        rows.append(batch(second, values))
        stamps = [(name, float(second), value) for name, value in values.items()]
        assert pushes.push(push(second + 3, stamps)) == Appended(len(NAMES))
    same(rows, pushes, 800)
    assert rows.freshness("m", BEGIN + 795) == pushes.freshness("m", BEGIN + 795) == 5.0
    assert rows.series(["m"], BEGIN, BEGIN + 10) == pushes.series(["m"], BEGIN, BEGIN + 10)
    assert rows.label_values("n") == pushes.label_values("n")
    assert (rows.holds_from, rows.series_count) == (pushes.holds_from, pushes.series_count)


def test_late_samples_give_the_same_answers_as_samples_in_order() -> None:
    late, ordered = Store(), Store()
    samples = [(SERIES[number % 3], float(number), float(number * number % 17)) for number in range(400)]
    shuffled = [samples[place] for place in np.random.default_rng(3).permutation(400)]
    for begin in range(0, 400, 20):
        late.push(push(400, shuffled[begin : begin + 20]))
        ordered.push(push(400, samples[begin : begin + 20]))
    alike(late, ordered, 400, step=1.0)


def test_what_is_not_taken_is_counted_by_its_reason() -> None:
    store = Store(keep=1800)
    a, b = SERIES[:2]
    assert store.push(push(4000, [(a, 3999, 1.0), (a, 3999, 1.0)])) == Appended(1)
    assert store.push(push(4000, [(a, 3999, 2.0)])) == Appended(0, duplicates=1)
    assert store.push(push(4000, [(a, 3400, 1.0), (a, 3399.9, 1.0)])) == Appended(1, out_of_order=1)
    assert store.push(push(4000, [(b, 2199.9, 1.0), (b, 4600.1, 1.0)])) == Appended(0, out_of_bounds=2)
    assert store.push(push(4000, [(b, float("nan"), 1.0), (b, float("inf"), 1.0)])) == Appended(
        0, out_of_bounds=2
    )
    assert store.push(push(4000, [(b, 2200, 1.0), (b, 4600, 1.0)])) == Appended(2)
    assert store.series_count == 2
    store.append(batch(4001, {NAMES[0]: 1.0}))
    assert store.push(push(4001, [(NAMES[0], 4001, 1.0)])) == Appended(0, claimed_elsewhere=1)
    with pytest.raises(ValueError, match="want as many of each"):
        store.push(Pushed("x", BEGIN, (a,), np.array([1.0, 2.0]), np.array([1.0])))


def test_a_pushed_series_is_stale_by_its_marker_or_the_lookback_and_never_by_absence() -> None:
    store = Store()
    a, b = SERIES[:2]
    store.push(push(10, [(a, 10, 1.0), (b, 10, 2.0)]))
    store.push(push(20, [(a, 20, 3.0)]))
    assert values_of(store, "p", 25) == {"0": 3.0, "1": 2.0}
    store.push(push(30, [(a, 30, STALE)]))
    assert values_of(store, "p", 31) == {"1": 2.0}
    assert values_of(store, "p", 309.9) == {"1": 2.0}
    assert values_of(store, "p", 310) == {}
    assert values_of(store, "count_over_time(p[1m])", 40) == {"0": 2.0, "1": 1.0}


def test_a_restart_brings_back_pushes(tmp_path: Path) -> None:
    store, memory = store_in(tmp_path), Store(keep=1e6)
    for each in history(60):
        store.push(each)
        memory.push(each)
    alike(store, memory, 590)
    again = store_in(tmp_path)
    alike(again, memory, 590)
    assert again.push(history(60)[-1]) == Appended(0)
    assert again.push(push(600, [(SERIES[0], 600, 1.0)])) == Appended(1)
    assert again.push(push(600, [(SERIES[0], 599, 1.0)], "other")) == Appended(0, claimed_elsewhere=1)


def test_blocks_and_memory_answer_as_memory_alone_also_after_restarts(tmp_path: Path) -> None:
    pushes = history(400)
    store, memory = lived(tmp_path, pushes)
    # The first samples are older than the first push by half a second, and lie in a block before it.
    assert len(list(tmp_path.glob("*.block"))) == 5
    alike(store, memory, 3990)
    assert everything(store, 3990) == everything(memory, 3990)
    assert everything(store_in(tmp_path, SHORT), 3990) == everything(memory, 3990)
    assert store.series(["p"], BEGIN, BEGIN + 1000) == memory.series(["p"], BEGIN, BEGIN + 1000)
    assert max(len(view.open.times) for view in store._memory.points("pushed").values()) < 400


def test_memory_lets_go_of_pushed_series_that_come_and_go(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    for number in range(400):
        store.push(
            push(number * 10.0, [(labels_of({"__name__": "c", "n": str(number)}), number * 10.0, 1.0)])
        )
        store.keep()
    assert store.series_count < 200
    assert len(everything(store, 3990)) == 400


def test_samples_that_come_after_their_block_was_sealed_are_sealed_into_it(tmp_path: Path) -> None:
    store, memory = store_in(tmp_path, SHORT), Store(keep=1e6)
    for second in range(0, 2000, 10):
        for one in (store, memory):
            one.append(batch(second, {NAMES[0]: 1.0}))
            one.push(stamped(second, {SERIES[0]: float(second)}))
            if second == 1000:
                assert one.push(push(second, [(SERIES[0], 500.0, 7.0), (SERIES[1], 1500.0, 8.0)])).stored == 2
        kept(store)
    alike(store, memory, 1990)
    for path in tmp_path.glob("*.wal"):
        path.unlink()
    sealed = everything(store_in(tmp_path, SHORT), 1790)
    assert (500.0, 7.0) in sealed[SERIES[0]]
    assert sealed[SERIES[1]] == [(1500.0, 8.0)]


@pytest.mark.parametrize("killed_at", [1010, 1700, 1790])
def test_a_late_sample_is_sealed_also_when_showcall_ends_before(tmp_path: Path, killed_at: int) -> None:
    store = store_in(tmp_path, SHORT)
    for second in range(0, killed_at, 10):
        store.append(batch(second, {NAMES[0]: 1.0}))
        if second == 1000:
            store.push(push(second, [(SERIES[0], 500.0, 7.0), (SERIES[1], 1500.0, 8.0)]))
        kept(store)
    again = store_in(tmp_path, SHORT)
    for second in range(killed_at, 4000, 10):
        kept(again).append(batch(second, {NAMES[0]: 1.0}))
    for path in tmp_path.glob("*.wal"):
        path.unlink()
    sealed = everything(store_in(tmp_path, SHORT), 3500)
    assert (sealed[SERIES[0]], sealed[SERIES[1]]) == ([(500.0, 7.0)], [(1500.0, 8.0)])
    assert len(sealed[NAMES[0]]) == 351


def test_a_file_with_points_for_a_block_that_is_not_sealed_stays(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    store.append(batch(0, {NAMES[0]: 1.0}))
    store.push(push(890, [(SERIES[0], 1400.0, 7.0)]))
    for second in range(890, 1600, 10):
        kept(store).append(batch(second, {NAMES[0]: 1.0}))
    assert everything(store_in(tmp_path, SHORT), 1600)[SERIES[0]] == [(1400.0, 7.0)]


def test_f11_a_clock_set_back_leaves_no_points_that_nobody_could_have_pushed() -> None:
    store = Store()
    for second in (5000, 5001, 1000, 1001):
        assert store.push(stamped(second, {SERIES[0]: float(second)}, 0.0)) == Appended(1)
    assert store.clock_set_back == 1
    assert everything(store, 9000)[SERIES[0]] == [(1000.0, 1000.0), (1001.0, 1001.0)]


def test_f24_pushes_cut_anywhere_give_what_is_before_the_cut(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for each in history(4):
        store.push(each)
        store.append(batch(each.received - BEGIN, {NAMES[0]: each.received}))
    (path,) = tmp_path.glob("*.wal")
    whole, wanted = path.read_bytes(), everything(store, 100)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = everything(store_in(tmp_path), 100)
        assert all(points == wanted[labels][: len(points)] for labels, points in found.items())
    path.write_bytes(whole)
    assert everything(store_in(tmp_path), 100) == wanted


def test_f24_a_flipped_bit_costs_one_push_or_rows_and_is_counted(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for each in history(4):
        store.push(each)
    (path,) = tmp_path.glob("*.wal")
    whole, wanted = path.read_bytes(), everything(store, 100)
    count = sum(map(len, wanted.values()))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        shelf = Shelf(tmp_path)
        found = everything(Store(shelf=shelf), 100)
        assert sum(shelf.damage.values()) >= 1
        assert all(set(points) <= set(wanted[labels]) for labels, points in found.items())
        assert count - sum(map(len, found.values())) in (3, 4)


WRITER = """
import sys, time
from pathlib import Path
from tests.metrics.disk_store import store_in
from tests.metrics.pushes import SERIES, push
store = store_in(Path(sys.argv[1]))
for number in range(10**9):
    store.push(push(number * 0.01, [(labels, number * 0.01, float(number)) for labels in SERIES]))
    print(number, flush=True)
"""


def test_f24_after_kill_9_at_most_the_push_in_flight_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as writer:
        assert writer.stdout is not None
        for _ in range(300):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = max([last, *map(int, writer.stdout.read().split(b"\n")[:-1])])
    found = everything(store_in(tmp_path), 10_000)
    assert set(found) == set(SERIES)
    for points in found.values():
        assert [value for _, value in points][: last + 1] == [float(number) for number in range(last + 1)]
        assert len(points) <= last + 2


def test_imported_history_of_a_live_series_is_shown_before_what_is_live(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    start = round(BEGIN * 1000) - BLOCK_MS
    times, values = start + 60_000 * np.arange(15), np.arange(15.0)
    packed = packed_points(*values_at(times, values))
    shelf.blocks.seal(start, [sparse_stretch("import", [(NAMES[0], packed), (SERIES[0], packed)])])
    store = Store(shelf=shelf, keep=SHORT)
    for second in range(0, 2000, 10):
        kept(store).append(batch(second, {NAMES[0]: float(second), NAMES[1]: 1.0}))
    found = everything(store, 1990)
    past = [(-900.0 + 60 * number, float(number)) for number in range(15)]
    live = [(float(second), float(second)) for second in range(0, 2000, 10)]
    assert found[NAMES[0]] == past + live
    assert found[SERIES[0]] == past
    assert len(found[NAMES[1]]) == len(live)
    again = everything(Store(shelf=Shelf(tmp_path), keep=SHORT), 1990)
    assert again == found


def test_points_of_the_present_holder_stand_where_others_have_one_at_the_same_time(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    start = round(BEGIN * 1000)
    imported = packed_points(
        *values_at(start + np.array([5_000, 10_000, 15_000]), np.array([-1.0, -1.0, -1.0]))
    )
    store = Store(shelf=shelf, keep=SHORT)
    for second in range(0, 2000, 10):
        kept(store).append(batch(second, {NAMES[0]: float(second)}))
    shelf.blocks.seal(start, [sparse_stretch("import", [(NAMES[0], imported)])])
    found = everything(store, 1990)[NAMES[0]]
    assert found[:4] == [(0.0, 0.0), (5.0, -1.0), (10.0, 10.0), (15.0, -1.0)]


def test_a_target_that_was_renamed_keeps_its_past(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    for second in range(0, 1000, 10):
        kept(store).append(batch(second, {NAMES[0]: 1.0}, "old"))
    store = store_in(tmp_path, SHORT)
    for second in range(1000, 3000, 10):
        kept(store).append(batch(second, {NAMES[0]: 2.0}, "new"))
        if second == 1100:
            assert len(everything(store, 1100)[NAMES[0]]) == 111
    found = everything(store, 2990)[NAMES[0]]
    assert found == [(float(at), 1.0 if at < 1000 else 2.0) for at in range(0, 3000, 10)]
    assert store.origins("m offset 40m", BEGIN + 2990) == {"new"}


def test_a_target_whose_stamps_are_taken_from_now_on_keeps_its_series(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    for second in range(0, 100, 10):
        store.append(batch(second, {NAMES[0]: 1.0, NAMES[1]: 1.0}))
    store = store_in(tmp_path, SHORT)
    for second in range(100, 2000, 10):
        kept(store).append(batch(second, {NAMES[1]: 1.0}))
        stamp = [(NAMES[0], second - 2.0, 2.0)]
        assert store.push(push(second, stamp, "app")) == Appended(1)
    found = everything(store, 1990)
    assert [value for _, value in found[NAMES[0]]] == [1.0] * 10 + [2.0] * 190
    assert len(found[NAMES[1]]) == 200


def test_rows_and_pushes_of_one_origin_are_asked_together() -> None:
    store = Store()
    store.append(Batch("app", BEGIN, (NAMES[0],), np.array([1.0])))
    store.push(push(0, [(SERIES[0], -2.0, 2.0)], "app"))
    assert store.origins("m or p", BEGIN) == {"app"}
    assert store.freshness("m + on (n) p", BEGIN) == 2.0
    labels: Labels = labels_of({"n": "0"})
    assert store.query("m + on (n) p", BEGIN).samples[0].labels == labels  # type: ignore[union-attr]


def test_damage_in_a_file_of_pushes_is_found_by_the_check(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for each in history(3):
        store.push(each)
    (checked,) = checking.check(tmp_path)
    assert (checked.origins, checked.rows, checked.samples, checked.damage) == (1, 0, 9, ())
    (path,) = tmp_path.glob("*.wal")
    path.write_bytes(path.read_bytes()[:-3])
    (checked,) = checking.check(tmp_path)
    assert checked.samples == 6
    assert [damage.kind for damage in checked.damage] == [DamageKind.TORN_TAIL]


def test_f11_rows_of_a_clock_nobody_holds_to_give_way_where_a_past_was_imported(
    tmp_path: Path,
) -> None:
    shelf = Shelf(tmp_path)
    start = round(BEGIN * 1000) - BLOCK_MS
    packed = packed_points(*values_at(start + 60_000 * np.arange(15), np.zeros(15)))
    shelf.blocks.seal(start, [sparse_stretch("import", [(NAMES[0], packed)])])
    store = Store(shelf=shelf, keep=SHORT)
    for second in range(0, 2700, 10):
        kept(store).append(batch(second, {NAMES[0]: 1.0}))
    for second in range(1205, 1405, 10):
        store.append(batch(second, {NAMES[0]: 2.0}))
    past = [(-900.0 + 60 * number, 0.0) for number in range(15)]
    before = [(float(second), 1.0) for second in range(0, 1211, 10)]
    after = [(float(second), 2.0) for second in range(1215, 1405, 10)]
    assert everything(store, 2690)[NAMES[0]] == past + before + after
