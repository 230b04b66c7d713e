"""Sealed blocks: what is in them, how they are asked, and what happens when they are damaged or cut short."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics import Store
from metrics.disk import block_file
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.damage import DamageKind
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import packed_points, sparse_stretch
from metrics.disk.stretch import packed_series, unpacked_series
from metrics.values import Batch, Labels, labels_of
from tests.metrics.disk_histories import histories
from tests.metrics.disk_store import BEGIN, NAMES, batch, everything, rows_of, same, store_in

SHORT = 60.0
"""Seconds that memory keeps in these tests."""


def blocks_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.block"))


def kept(store: Store) -> Store:
    """The store after so many turns of its thread that everything due is sealed."""
    for _ in range(8):
        store.keep()
    return store


def long_life(folder: Path, seconds: int, step: float = 10.0) -> tuple[Store, Store]:
    """A store on disk with little memory, and one that keeps everything in memory."""
    store, memory = store_in(folder, SHORT), Store(keep=1e6)
    for each in rows_of(int(seconds / step), step):
        store.append(each)
        memory.append(each)
        store.keep()
    return store, memory


def test_a_question_over_blocks_and_memory_is_answered_as_from_memory_alone(tmp_path: Path) -> None:
    store, memory = long_life(tmp_path, 4 * 900)
    assert len(blocks_in(tmp_path)) == 3
    same(store, memory, 3600, step=7.0)
    assert everything(store, 3600) == everything(memory, 3600)
    assert store.series(["m"], BEGIN, BEGIN + 100) == memory.series(["m"], BEGIN, BEGIN + 100)
    for at in (0.0, 450.0, 899.0, 900.0, 901.0, 1800.0, 3599.0):
        for expr in ("m offset 5m", "m[20m] @ 1700001500", "avg_over_time(m[10m:30s])"):
            if at > 0:
                assert repr(store.query(expr, BEGIN + at)) == repr(memory.query(expr, BEGIN + at))
        assert store.freshness("m", BEGIN + at) == memory.freshness("m", BEGIN + at)
        assert store.origins("m", BEGIN + at) == memory.origins("m", BEGIN + at)


def test_memory_is_empty_of_what_is_sealed(tmp_path: Path) -> None:
    store, _ = long_life(tmp_path, 4 * 900, step=1.0)
    assert len(store._memory.rows("app").times) < 1300


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(60), restarts=st.sets(st.integers(0, 60), max_size=4))
def test_blocks_and_restarts_at_random_moments_change_no_answer(
    tmp_path_factory: pytest.TempPathFactory, history: list[Batch], restarts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    memory, store = Store(keep=1e7), store_in(folder, SHORT)
    for number, each in enumerate(history):
        if number in restarts:
            store = store_in(folder, SHORT)
        store.append(each)
        memory.append(each)
        if number % 3:
            kept(store)
    end = history[-1].at - BEGIN + 10
    same(store, memory, end, step=60.0)
    assert repr(everything(store, end, "1d")) == repr(everything(memory, end, "1d"))


def test_a_restart_has_in_memory_what_it_had_before(tmp_path: Path) -> None:
    store, memory = store_in(tmp_path, 1800), Store(keep=1e6)
    for each in rows_of(400, 10.0):
        store.append(each)
        memory.append(each)
        store.keep()
    again = Shelf(tmp_path)
    restarted = Store(shelf=again, keep=1800)
    assert again.rows_recalled * 10 >= 1800
    same(restarted, memory, 4000, step=13.0)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, width=64), min_size=1, max_size=50),
    states=st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=50, max_size=50),
)
def test_a_series_comes_back_bit_by_bit(values: list[float], states: list[int]) -> None:
    cells, kinds = np.array(values), np.array(states[: len(values)], dtype=np.uint8)
    found, found_kinds = unpacked_series(packed_series(cells, kinds), len(values))
    assert found_kinds.tolist() == kinds.tolist()
    there = kinds == 1
    assert found[there].view(np.int64).tolist() == cells[there].view(np.int64).tolist()


def sealed(folder: Path) -> tuple[Path, Store]:
    """A small sealed block alone, and what it holds."""
    store, memory = store_in(folder, SHORT), Store(keep=1e6)
    for each in rows_of(3, 300.0):
        for brought in (each, Batch("other", each.at, (labels_of({"__name__": "x"}),), np.array([each.at]))):
            store.append(brought)
            memory.append(brought)
    store.append(Batch("third", BEGIN + 1000, (), np.array([])))
    store.append(Batch("third", BEGIN + 1001, (labels_of({"__name__": "y"}),), np.array([1.0])))
    kept(store)
    for path in folder.glob("*.wal"):
        path.unlink()
    (path,) = blocks_in(folder)
    return path, memory


def test_f24_a_block_cut_at_any_byte_gives_what_is_before_the_cut(tmp_path: Path) -> None:
    path, memory = sealed(tmp_path)
    whole, wanted = path.read_bytes(), everything(memory, 890)
    assert everything(store_in(tmp_path), 890) == wanted
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = everything(store_in(tmp_path), 890)
        assert all(points == wanted[labels] for labels, points in found.items())


def test_f24_a_flipped_bit_anywhere_in_a_block_costs_a_series_or_an_origin_and_is_counted(
    tmp_path: Path,
) -> None:
    path, memory = sealed(tmp_path)
    whole, wanted = path.read_bytes(), everything(memory, 890)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.unlink()
        path.write_bytes(damaged)
        shelf = Shelf(tmp_path)
        found = everything(Store(shelf=shelf), 890)
        assert sum(shelf.damage.values()) >= 1
        assert all(points == wanted[labels] for labels, points in found.items())
        lost = {dict(labels)["__name__"] for labels in wanted if labels not in found}
        assert lost in ([set()] if place >= len(whole) - block_file.END_BYTES else [{"m"}, {"x"}])


def test_f24_a_block_that_cannot_be_read_is_counted_and_the_others_are_asked(tmp_path: Path) -> None:
    _, memory = long_life(tmp_path, 4 * 900)
    first = blocks_in(tmp_path)[0]
    first.unlink()
    first.mkdir()
    shelf = Shelf(tmp_path)
    again = Store(shelf=shelf, keep=SHORT)
    same(again, memory, 3590, 1300, step=7.0)
    assert everything(again, 300) == {}
    assert shelf.damage == {DamageKind.UNREADABLE: 1}


@pytest.mark.parametrize("name", ["20231114T200000Z.block", "20231114T221500Z-1.wal"])
def test_f24_a_file_that_the_file_system_says_nothing_of_keeps_no_store_from_starting(
    tmp_path: Path, name: str
) -> None:
    _, memory = long_life(tmp_path, 4 * 900)
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    shelf = Shelf(tmp_path)
    again = Store(shelf=shelf, keep=SHORT)
    same(again, memory, 3590, 3590, step=7.0)
    again.label_names()
    assert shelf.damage == {DamageKind.UNREADABLE: 1}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["during", "before_rename", "after_rename"])
def test_f25_killed_while_a_block_is_sealed_nothing_is_lost_and_nothing_is_left(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, memory = store_in(tmp_path, SHORT), Store(keep=1e6)
    for each in rows_of(100, 10.0):
        store.append(each)
        memory.append(each)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        match where:
            case "during":
                patch.setattr(block_file, "packed_times", killed)
            case "before_rename":
                patch.setattr(Path, "rename", killed)
            case "after_rename":
                patch.setattr(block_file, "sync_folder", killed)
        with pytest.raises(Killed):
            store.keep()
    again = store_in(tmp_path, SHORT)
    assert list(tmp_path.glob("*.tmp")) == []
    same(again, memory, 1000, step=7.0)
    kept(again)
    assert len(blocks_in(tmp_path)) == 1
    same(again, memory, 1000, step=7.0)
    same(store_in(tmp_path, SHORT), memory, 1000, step=7.0)


def test_f22_a_block_that_the_disk_does_not_take_stays_in_memory_and_is_sealed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path)
    store, memory = Store(shelf=shelf, keep=SHORT), Store(keep=1e6)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(block_file, "sync_folder", full)
        for each in rows_of(200, 10.0):
            store.append(each)
            memory.append(each)
            store.keep()
        assert "cannot be sealed (No space left on device)" in shelf.troubles[0]
        same(store, memory, 2000, step=7.0)
    assert store._upkeep is not None
    store._upkeep._seal_at = 0.0
    kept(store)
    assert shelf.troubles == ()
    assert len(blocks_in(tmp_path)) == 2
    same(store, memory, 2000, step=7.0)


def test_blocks_go_by_age_and_by_size_the_oldest_first(tmp_path: Path) -> None:
    store = Store(shelf=Shelf(tmp_path, retention=3600), keep=SHORT)
    for each in rows_of(1000, 10.0):
        store.append(each)
        store.keep()
    assert 4 <= len(blocks_in(tmp_path)) <= 5
    newest = blocks_in(tmp_path)[-1]
    small = Store(shelf=Shelf(tmp_path, retention_bytes=newest.stat().st_size * 3 // 2), keep=SHORT)
    for each in rows_of(200, 10.0, start=10_000):
        small.append(each)
        small.keep()
    assert len(blocks_in(tmp_path)) == 1
    assert blocks_in(tmp_path)[0] > newest


def test_the_bound_of_bytes_counts_write_ahead_files_too(tmp_path: Path) -> None:
    """They stay, so fewer blocks may."""
    store = store_in(tmp_path, SHORT)
    for each in rows_of(500, 10.0):
        store.append(each)
        store.keep()
    blocks, ahead = (sum(p.stat().st_size for p in tmp_path.glob(f"*.{end}")) for end in ("block", "wal"))
    count = len(blocks_in(tmp_path))
    shelf = Shelf(tmp_path, retention_bytes=blocks + ahead)
    assert shelf.size == blocks + ahead
    Store(shelf=shelf, keep=SHORT).keep()
    assert len(blocks_in(tmp_path)) == count
    Store(shelf=Shelf(tmp_path, retention_bytes=blocks + ahead // 2), keep=SHORT).keep()
    assert 1 <= len(blocks_in(tmp_path)) < count
    assert sum(p.stat().st_size for p in tmp_path.glob("*.wal")) == ahead


def test_a_store_holds_everything_from_its_first_row_on_whatever_was_imported_before(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    assert store.holds_from is None
    for each in rows_of(500, 10.0, start=450.0):
        store.append(each)
        store.keep()
    assert store.holds_from == BEGIN + 900
    start = round(BEGIN * 1000) - 40 * BLOCK_MS
    points = packed_points(np.array([start + 5]), np.array([1.0]), np.array([1], dtype=np.uint8))
    imported = [sparse_stretch("import", [(NAMES[0], points)])]
    for block in (start, round(BEGIN * 1000)):
        Shelf(tmp_path).blocks.seal(block, imported)
    again = Store(shelf=Shelf(tmp_path, retention=4000), keep=SHORT)
    assert again.holds_from == BEGIN + 900
    again.keep()
    assert again.holds_from == BEGIN + 1800


def test_f11_blocks_of_a_clock_that_nobody_holds_to_give_way_to_what_comes(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    for second in range(0, 2700, 10):
        kept(store).append(batch(second, {NAMES[0]: 1.0}))
    for second in range(1200, 3600, 10):
        kept(store).append(batch(second, {NAMES[0]: 2.0}))
    found = everything(store, 3600)[NAMES[0]]
    assert found == [(float(at), 1.0) for at in range(0, 1210, 10)] + [
        (float(at), 2.0) for at in range(1210, 3600, 10)
    ]
    assert everything(store_in(tmp_path, SHORT), 3600)[NAMES[0]] == found


def test_a_label_set_that_moved_to_another_origin_is_one_series(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    for second in range(0, 1000, 10):
        store.append(batch(second, {NAMES[0]: 1.0}, "old"))
    for second in range(1000, 3000, 10):
        store.append(batch(second, {NAMES[0]: 2.0}, "new"))
        kept(store)
    found = everything(store, 3000)
    assert set(found) == {NAMES[0]}
    assert found[NAMES[0]][-1] == (2990.0, 2.0)


def test_a_sample_costs_little_on_disk(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    random = np.random.default_rng(7)
    names: tuple[Labels, ...] = tuple(labels_of({"__name__": "m", "n": str(number)}) for number in range(100))
    counters = np.zeros(100)
    for second in range(970):
        counters[:50] += random.poisson(3, 50)
        store.append(Batch("app", BEGIN + second, names, counters))
    kept(store)
    (path,) = blocks_in(tmp_path)
    assert path.stat().st_size < 100 * 900 * 0.6
    assert BLOCK_MS == 900_000
