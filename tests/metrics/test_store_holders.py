"""Series that go from holder to holder, and points that wait for their block: nothing is lost between."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metrics import Store, sparse_series
from metrics.disk import block_file
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.pushes import Push
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import packed_points, sparse_stretch
from metrics.disk.stretch import Stretch, packed_series
from metrics.memory import Memory
from metrics.sparse_series import SeriesView
from metrics.track import Track, values_at
from metrics.upkeep import Upkeep
from metrics.values import Appended
from tests.metrics.disk_store import BEGIN, NAMES, batch, everything, store_in
from tests.metrics.pushes import SERIES, push

START = round(BEGIN * 1000)


def rows_in(block: int) -> Stretch:
    packed = packed_series(np.arange(900.0), np.ones(900, dtype=np.uint8))
    return Stretch("app", block + 1000 * np.arange(900), [NAMES[0]], [packed])


def recent(store: Store, at: float) -> list[tuple[float, float]]:
    """What memory alone tells of a series."""
    return everything(store, at, "30s").get(NAMES[0], [])


def test_a_series_keeps_its_recent_past_when_its_target_begins_to_stamp_it(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for second in range(10):
        store.append(batch(second, {NAMES[0]: float(second), NAMES[1]: 1.0}))
    store.append(batch(10, {NAMES[1]: 1.0}))
    assert store.push(push(10, [(NAMES[0], 10.5, 10.5)], "app")) == Appended(1)
    past = [(float(at), float(at)) for at in range(10)]
    assert recent(store, 12) == [*past, (10.5, 10.5)]
    store.append(batch(11, {NAMES[0]: 11.0, NAMES[1]: 1.0}))
    assert recent(store, 12) == [*past, (10.5, 10.5), (11.0, 11.0)]


def test_a_stamped_sample_that_is_refused_takes_no_series_away(tmp_path: Path) -> None:
    for store in (Store(), store_in(tmp_path)):
        store.append(batch(0, {NAMES[0]: 1.0, NAMES[1]: 1.0}))
        store.append(batch(1, {NAMES[1]: 1.0}))
        refused = store.push(push(1, [(NAMES[0], -99_999.0, 2.0)], "app"))
        assert refused == Appended(0, out_of_bounds=1)
        assert recent(store, 2) == [(0.0, 1.0)]
        assert NAMES[0] in store.series(["m"], BEGIN, BEGIN + 1)
        store.append(batch(2, {NAMES[0]: 3.0, NAMES[1]: 1.0}))
        assert recent(store, 2) == [(0.0, 1.0), (2.0, 3.0)]


def test_a_page_of_many_late_samples_of_one_series_copies_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that tells its newest sample first would else take time by the square of its length."""
    brought, copies = sparse_series.brought, []

    def counted(view: SeriesView | None, points: Track) -> SeriesView:
        copies.append(view)
        return brought(view, points)

    monkeypatch.setattr(sparse_series, "brought", counted)
    store = Store()
    backwards = [(SERIES[0], float(-at), float(at)) for at in range(500)]
    assert store.push(push(0, [*backwards, backwards[3], (SERIES[0], -3.0, 9.0)])) == Appended(500, 1)
    assert len(copies) == 1
    assert everything(store, 0)[SERIES[0]] == [(float(at), float(-at)) for at in range(-499, 1)]


def test_points_are_not_sealed_over_a_block_that_cannot_be_read_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_table(*_: object) -> None:
        raise OSError(24, "Too many open files")

    shelf = Shelf(tmp_path)
    shelf.seal(START, [rows_in(START)])
    points = [
        sparse_stretch("pushed", [(SERIES[0], packed_points(*values_at(np.array([START]), np.ones(1))))])
    ]
    with monkeypatch.context() as patch:
        patch.setattr(block_file, "read", full_table)
        assert not shelf.seal(START, points)
    assert shelf.troubles
    assert shelf.seal(START, points)
    found = everything(store_in(tmp_path), 899)
    assert (len(found[NAMES[0]]), found[SERIES[0]]) == (900, [(0.0, 1.0)])


def test_points_of_a_file_that_is_older_than_sealed_rows_are_sealed_after_a_restart(tmp_path: Path) -> None:
    """The file of a push stays while its points wait for another block, longer than those of later rows."""
    shelf = Shelf(tmp_path)
    came, late = START + BLOCK_MS, np.array([START + BLOCK_MS - 5000])
    shelf.write_ahead.write_push(Push("pushed", came, [SERIES[0]], late, np.ones(1)))
    shelf.write_ahead.close()
    for path in tmp_path.glob("*.wal"):
        os.utime(path, (1.0, 1.0))
    for number in range(4):
        shelf.seal(START + number * BLOCK_MS, [rows_in(START + number * BLOCK_MS)])
    store = store_in(tmp_path, 60.0)
    for second in range(3600, 3700, 10):
        store.append(batch(second, {NAMES[0]: 1.0}))
        store.keep()
    assert not [path.name for path in tmp_path.glob("*.wal") if path.stat().st_mtime == 1.0]
    assert everything(store_in(tmp_path), 3599)[SERIES[0]] == [(895.0, 1.0)]


class Watched:
    """A lock that tells when it was let go."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._lock, self._told = threading.Lock(), told

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._told()


def test_memory_keeps_late_points_at_every_moment_until_they_are_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, memory = Shelf(tmp_path), Memory(60_000)
    upkeep = Upkeep(shelf, memory)
    memory.push_feed("pushed").push(push(1000, [(SERIES[0], 500.0, 7.0)]), upkeep.pushed)
    upkeep._unsealed.clear()
    asking = threading.Event()

    def forget() -> None:
        if not asking.is_set():
            asking.set()
            memory.drop_before(*upkeep.may_forget(START + 3_000_000))
            asking.clear()

    monkeypatch.setattr(upkeep, "_lock", Watched(forget))
    for _ in range(3):
        upkeep.turn(START + 3_000_000, 60_000)
    assert everything(store_in(tmp_path), 3000)[SERIES[0]] == [(500.0, 7.0)]
