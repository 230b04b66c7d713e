"""What a store holds after its process ended, however that was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics import Store
from metrics.disk import recovery
from metrics.disk.damage import DamageKind
from metrics.disk.shelf import Shelf
from metrics.values import Batch, labels_of
from tests.metrics.disk_histories import histories
from tests.metrics.disk_store import BEGIN, NAMES, batch, everything, rows_of, same, store_in

ROOT = Path(__file__).parents[2]


def test_what_was_appended_is_there_after_a_restart_with_staleness(tmp_path: Path) -> None:
    before, memory = store_in(tmp_path), Store()
    for each in rows_of(300):
        before.append(each)
        memory.append(each)
    after = store_in(tmp_path)
    same(after, memory, 400)
    assert everything(after, 300) == everything(memory, 300)
    for store in (after, memory):
        store.append(batch(301, {NAMES[0]: 5.0}))
    same(after, memory, 310, 290)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), restarts=st.sets(st.integers(0, 40), max_size=4))
def test_a_store_that_restarts_at_any_moment_answers_as_one_that_never_did(
    tmp_path_factory: pytest.TempPathFactory, history: list[Batch], restarts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    memory, store = Store(keep=1e6), store_in(folder, keep=1e6)
    for number, each in enumerate(history):
        if number in restarts:
            store = store_in(folder, keep=1e6)
        assert store.append(each) == memory.append(each)
    store = store_in(folder, keep=1e6)
    same(store, memory, history[-1].at - BEGIN + 10, step=60.0)


def test_a_row_costs_what_changed(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    names = tuple(labels_of({"__name__": "m", "n": str(number)}) for number in range(1000))
    values = np.arange(1000.0)
    for second in range(60):
        values[second] += 1
        store.append(Batch("app", BEGIN + second, names, values))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < 60 * 1000 * 1.0


def test_whole_rows_name_the_series_of_their_own_time(tmp_path: Path) -> None:
    before, memory = store_in(tmp_path), Store()
    for second in range(890):
        # The same series for longer than it takes to write two whole rows, then others as many.
        names = NAMES[:3] if second // 300 % 2 else NAMES[3:]
        row = Batch("app", BEGIN + second, names, np.full(3, float(second)))
        before.append(row)
        memory.append(row)
    same(store_in(tmp_path), memory, 890)
    (file,) = tmp_path.glob("*.wal")
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)
    after = everything(store_in(tmp_path), 890)
    whole = everything(memory, 890)
    assert after.keys() == whole.keys()
    for name, samples in after.items():
        assert samples == [sample for sample in whole[name] if sample[0] >= samples[0][0]]
    assert min(samples[0][0] for samples in after.values()) <= 120.0


def test_files_of_blocks_that_memory_has_forgotten_are_deleted(tmp_path: Path) -> None:
    store = store_in(tmp_path, keep=60)
    for block in range(4):
        store.append(batch(block * 900, {NAMES[0]: 1.0}))
        store.keep()
    assert len(recovery.wal_files(tmp_path)) <= 3


def small_file(folder: Path) -> tuple[Path, list[Batch]]:
    store, batches = store_in(folder), rows_of(7)
    for each in batches:
        store.append(each)
    ((_, path),) = recovery.wal_files(folder)
    return path, batches


def prefix_of(batches: list[Batch], found: Store, end: float) -> int:
    """How many of the batches a store holds exactly; fails when it holds something else."""
    have = everything(found, end)
    for count in range(len(batches), -1, -1):
        memory = Store()
        for each in batches[:count]:
            memory.append(each)
        if everything(memory, end) == have:
            return count
    raise AssertionError(have)


def test_f24_a_file_cut_at_any_byte_gives_every_row_before_the_cut(tmp_path: Path) -> None:
    path, batches = small_file(tmp_path)
    whole = path.read_bytes()
    counts = []
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        shelf = Shelf(tmp_path)
        counts.append(prefix_of(batches, Store(shelf=shelf), 60))
        assert sum(shelf.damage.values()) in (0, 1)
        assert set(shelf.damage) <= {DamageKind.TORN_TAIL}
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, len(batches))


def test_f24_a_flipped_bit_anywhere_costs_its_origin_the_rows_that_build_on_it_and_nothing_else(
    tmp_path: Path,
) -> None:
    store = store_in(tmp_path)
    for each in rows_of(4):
        store.append(each)
        store.append(Batch("other", each.at, (labels_of({"__name__": "x"}),), np.array([each.at])))
    ((_, path),) = recovery.wal_files(tmp_path)
    whole = path.read_bytes()
    intact = everything(store, 60)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        shelf = Shelf(tmp_path)
        found = everything(Store(shelf=shelf), 60)
        assert sum(shelf.damage.values()) >= 1
        untouched = {labels for labels in intact if found.get(labels) == intact[labels]}
        other = {labels for labels in intact if dict(labels)["__name__"] == "x"}
        assert other <= untouched or untouched >= set(intact) - other
        assert all(set(found[labels]) <= set(intact[labels]) for labels in found)


def test_f24_a_torn_tail_is_said_counted_and_written_on_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, batches = small_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    shelf = Shelf(tmp_path)
    store = Store(shelf=shelf)
    assert shelf.damage == {DamageKind.TORN_TAIL: 1}
    assert path.name in capsys.readouterr().out
    store.append(batch(20, {NAMES[0]: 7.0}))
    again = everything(store_in(tmp_path), 60)
    assert again[NAMES[0]][-1] == (20.0, 7.0)
    assert prefix_of(batches, store_in(tmp_path), 19) == len(batches) - 1


def test_f24_rubbish_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "20231114T221500Z-1.wal").write_bytes(os.urandom(5000))
    (tmp_path / "notes.txt").write_text("mine")
    shelf = Shelf(tmp_path)
    assert Store(shelf=shelf).series_count == 0
    assert shelf.damage == {DamageKind.TORN_TAIL: 1}
    assert (tmp_path / "notes.txt").read_text() == "mine"


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.metrics.disk_store import rows_of, store_in
store = store_in(Path(sys.argv[1]))
for number, each in enumerate(rows_of(1_000_000, 0.05)):
    store.append(each)
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [0.05, 0.17, 0.31])
def test_f24_after_kill_9_every_row_that_was_appended_is_there(tmp_path: Path, after: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout if line.endswith("\n")] or [0]
    process.wait()
    shelf = Shelf(tmp_path)
    store, memory = Store(shelf=shelf), Store()
    assert said[-1] + 1 <= shelf.rows_recalled <= said[-1] + 2
    for each in rows_of(shelf.rows_recalled, 0.05):
        memory.append(each)
    end = shelf.rows_recalled * 0.05
    assert everything(store, end) == everything(memory, end)


def test_f11_a_clock_set_back_blinds_the_store_for_one_batch(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for second in range(100):
        store.append(batch(3600 + second, {NAMES[0]: float(second)}))
    refused = [
        store.append(batch(second, {NAMES[0]: -float(second)})).out_of_order for second in range(50, 60)
    ]
    assert refused == [1] + [0] * 9
    wanted = {NAMES[0]: [(float(second), -float(second)) for second in range(51, 60)]}
    assert everything(store, 4000) == wanted
    assert everything(store_in(tmp_path), 4000) == wanted


def test_f11_a_clock_set_back_a_little_keeps_what_is_older(tmp_path: Path) -> None:
    store, memory = store_in(tmp_path), Store()
    for second in range(300):
        store.append(batch(second, {NAMES[0]: float(second), NAMES[1]: 1.0}))
    for second in range(200, 260):
        store.append(batch(second, {NAMES[0]: -1.0}))
    for second in range(260):
        values = {NAMES[0]: float(second), NAMES[1]: 1.0} if second <= 200 else {NAMES[0]: -1.0}
        memory.append(batch(second, values))
    same(store, memory, 300)
    same(store_in(tmp_path), memory, 300)


def test_f11_a_daemon_that_starts_after_the_clock_was_set_back_sees_at_once(tmp_path: Path) -> None:
    store_in(tmp_path).append(batch(7200, {NAMES[0]: 1.0}))
    store = store_in(tmp_path)
    assert [store.append(batch(second, {NAMES[0]: 2.0})).stored for second in (0, 1, 2)] == [0, 1, 1]
    assert everything(store, 8000) == {NAMES[0]: [(1.0, 2.0), (2.0, 2.0)]}


def test_a_series_that_another_origin_brings_after_a_restart_is_not_refused(tmp_path: Path) -> None:
    store_in(tmp_path).append(batch(0, {NAMES[0]: 1.0, NAMES[1]: 1.0}, "group a"))
    store = store_in(tmp_path)
    assert store.append(batch(1, {NAMES[0]: 2.0}, "group b")).stored == 1
    late = store.append(batch(2, {NAMES[0]: 3.0, NAMES[1]: 3.0}, "group a"))
    assert (late.stored, late.claimed_elsewhere) == (1, 1)
    for found in (everything(store, 10), everything(store_in(tmp_path), 10)):
        assert found[NAMES[0]][-1] == (1.0, 2.0)
        assert found[NAMES[1]] == [(0.0, 1.0), (2.0, 3.0)]
