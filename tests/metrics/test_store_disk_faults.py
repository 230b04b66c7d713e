"""A disk that is full or broken: appends and questions go on, and writing comes back by itself."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from metrics import Store
from metrics.disk import recovery, write_ahead
from metrics.disk.shelf import Shelf
from metrics.disk.write_ahead import WriteAhead
from tests.metrics.disk_store import NAMES, batch, everything, rows_of, same


class Disk:
    """Stands between the write-ahead file and the operating system."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.broken = False
        self.syncs_fail = False

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if self.broken and flags & os.O_CREAT:
            raise OSError(errno.EIO, "Input/output error")
        return os.open(path, flags, mode)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        if self.room is None:
            return os.write(descriptor, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(descriptor, data[: self.room])
        self.room -= written
        return written

    def fsync(self, descriptor: int) -> None:
        if self.syncs_fail:
            raise OSError(errno.EIO, "Input/output error")
        os.fsync(descriptor)


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(write_ahead, "os", made)
    return made


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def shelf(tmp_path: Path, disk: Disk, seconds: Seconds) -> Shelf:
    made = Shelf(tmp_path)
    made.write_ahead = WriteAhead(tmp_path, seconds)
    return made


def full(disk: Disk) -> None:
    disk.room = 37


def broken(disk: Disk) -> None:
    disk.broken = True


def well(disk: Disk) -> None:
    disk.room, disk.broken, disk.syncs_fail = None, False, False


@pytest.mark.parametrize("fault", [full, broken])
def test_f22_a_disk_that_takes_nothing_costs_no_sample_in_memory_and_recovers_by_itself(
    tmp_path: Path, shelf: Shelf, disk: Disk, seconds: Seconds, fault: Callable[[Disk], None]
) -> None:
    store, memory = Store(shelf=shelf), Store()
    batches = rows_of(60)
    for number, each in enumerate(batches):
        if number == 20:
            fault(disk)
        if number == 40:
            assert "samples cannot be written" in shelf.troubles[0]
            well(disk)
        seconds.now += 1
        assert store.append(each) == memory.append(each)
        store.keep()
    same(store, memory, 90)
    assert shelf.troubles == ()
    assert shelf.write_ahead.numbers.unwritten_rows == 20
    assert shelf.write_ahead.numbers.failures >= 1
    found = everything(Store(shelf=Shelf(tmp_path)), 90)
    wanted = {
        labels: [point for point in points if not 20 <= point[0] < 40]
        for labels, points in everything(memory, 90).items()
    }
    assert found == {labels: points for labels, points in wanted.items() if points}


def test_f22_a_full_disk_leaves_no_torn_record_behind(tmp_path: Path, shelf: Shelf, disk: Disk) -> None:
    store = Store(shelf=shelf)
    for each in rows_of(5):
        store.append(each)
    full(disk)
    store.append(batch(10, {NAMES[0]: 9.5}))
    again = Shelf(tmp_path)
    assert everything(Store(shelf=again), 9) == everything(store, 9)
    assert again.damage == {}


def test_f22_a_full_disk_is_tried_once_a_second_not_at_every_row(
    shelf: Shelf, disk: Disk, seconds: Seconds
) -> None:
    store = Store(shelf=shelf)
    disk.room = 0
    for each in rows_of(50, 0.01):
        store.append(each)
    assert shelf.write_ahead.numbers.failures == 1
    seconds.now += 1
    store.append(batch(9, {NAMES[0]: 1.0}))
    assert shelf.write_ahead.numbers.failures == 2


def test_f23_after_a_failed_fsync_a_new_file_is_begun_and_the_fault_is_told(
    tmp_path: Path, shelf: Shelf, disk: Disk, seconds: Seconds
) -> None:
    store = Store(shelf=shelf)
    batches = rows_of(20)
    for each in batches[:10]:
        store.append(each)
    disk.syncs_fail = True
    store.keep()
    assert "Input/output error" in shelf.troubles[0]
    well(disk)
    seconds.now += 1
    for each in batches[10:]:
        store.append(each)
    store.keep()
    assert shelf.troubles == ()
    assert len(recovery.wal_files(tmp_path)) == 2
    assert everything(Store(shelf=Shelf(tmp_path)), 60) == everything(store, 60)


def test_f22_a_folder_that_went_away_is_told_and_appends_go_on(
    tmp_path: Path, shelf: Shelf, seconds: Seconds
) -> None:
    store = Store(shelf=shelf)
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    store.append(batch(0, {NAMES[0]: 1.0}))
    assert shelf.troubles
    tmp_path.with_name("elsewhere").rename(tmp_path)
    seconds.now += 1
    store.append(batch(1, {NAMES[0]: 2.0}))
    assert shelf.troubles == ()
    assert everything(Store(shelf=Shelf(tmp_path)), 5) == {NAMES[0]: [(1.0, 2.0)]}
