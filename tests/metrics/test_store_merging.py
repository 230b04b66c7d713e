"""Old blocks become one file for two hours: no answer changes by it, whatever happens meanwhile."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics import Store
from metrics.disk import block_file
from metrics.disk.block_time import BLOCK_MS, MERGED_MS, Span, block_span, shown
from metrics.disk.blocks import Blocks
from metrics.disk.checking import check
from metrics.disk.damage import DamageKind
from metrics.disk.merging import Merging
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import SparseStretch, packed_points, sparse_stretch
from metrics.values import Batch, Labels, labels_of
from tests.metrics.disk_histories import numbers
from tests.metrics.disk_store import BEGIN, NAMES, batch, everything, rows_of, same, store_in
from tests.metrics.merging_process import STEPS

ROOT = Path(__file__).parents[2]
SHORT = 60.0
AT = 6300.0
"""Seconds from ``BEGIN`` to the start of two hours that are merged."""
START = round((BEGIN + AT) * 1000)
WINDOW = Span(START, MERGED_MS)
IMPORTED = labels_of({"__name__": "imported"})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.block"))


def merged_in(folder: Path) -> list[str]:
    return [name for name in names_in(folder) if "-2h" in name]


def grown(folder: Path, history: Iterable[Batch]) -> tuple[Store, Store]:
    """A store on disk with little memory, and one that keeps everything in memory."""
    store, memory = store_in(folder, SHORT), Store(keep=1e7)
    for each in history:
        store.append(each)
        memory.append(each)
        store.keep()
    return store, memory


def long(seconds: int, start: float = AT, step: float = 60.0) -> Iterator[Batch]:
    """Rows of two origins."""
    for each in rows_of(int(seconds / step), step, start=start):
        yield each
        yield Batch("other", each.at, (labels_of({"__name__": "x"}),), np.array([each.at]))


def settled(store: Store) -> Store:
    """The store after so many turns of its thread that nothing is left to do."""
    for _ in range(100):
        store.keep()
    return store


def asked(store: Store, memory: Store, end: float) -> None:
    same(store, memory, end, AT, step=77.0)
    assert everything(store, end, "2d") == everything(memory, end, "2d")


def test_merged_blocks_answer_as_memory_alone_also_after_a_restart(tmp_path: Path) -> None:
    store, memory = grown(tmp_path, long(6 * 3600))
    assert merged_in(tmp_path) == ["20231115T000000Z-2h.block", "20231115T020000Z-2h.block"]
    kept = [block_span(name) for name in names_in(tmp_path)]
    assert sum(span.length for span in kept if span is not None) == 6 * 3600 * 1000 - BLOCK_MS
    asked(store, memory, AT + 6 * 3600)
    asked(store_in(tmp_path, SHORT), memory, AT + 6 * 3600)
    start, end = BEGIN + AT + 1000, BEGIN + AT + 9000
    assert store.series(["m"], start, end) == memory.series(["m"], start, end)
    assert store.label_names(["m"], start, end) == memory.label_names(["m"], start, end)
    assert store.holds_from == BEGIN + AT + 900


def test_hours_are_merged_once_nobody_seals_them_anew_any_more(tmp_path: Path) -> None:
    store, _ = grown(tmp_path, long(3 * 3600 - 120))
    settled(store)
    assert merged_in(tmp_path) == []
    for each in long(180, AT + 3 * 3600 - 60):
        store.append(each)
    settled(store)
    assert merged_in(tmp_path) == [WINDOW.name]


def test_one_block_alone_stays_as_it_is(tmp_path: Path) -> None:
    store = store_in(tmp_path, SHORT)
    store.append(batch(AT + 300, {NAMES[0]: 1.0}))
    for each in rows_of(130, 60.0, start=AT + 5 * 3600):
        store.append(each)
        store.keep()
    assert names_in(tmp_path)[0] == "20231115T000000Z.block"
    assert WINDOW.name not in names_in(tmp_path)
    assert merged_in(tmp_path) == ["20231115T040000Z-2h.block"]


@st.composite
def lives(draw: st.DrawFn) -> list[Batch]:
    """Batches of two origins over some hours, with series that come and go and hours without any."""
    made, at = [], AT
    for _ in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from([1.0, 60.0, 400.0, 899.0, 3000.0, 20_000.0]))
        origin = draw(st.sampled_from(["app", "other"]))
        names = NAMES[:3] if origin == "app" else NAMES[3:]
        chosen = draw(st.lists(st.sampled_from(names), unique=True))
        made.append(batch(at, {name: draw(numbers) for name in chosen}, origin))
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=lives(), restarts=st.sets(st.integers(0, 60), max_size=3))
def test_merging_at_random_moments_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory, life: list[Batch], restarts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    memory, store = Store(keep=1e8), store_in(folder, SHORT)
    for number, each in enumerate(life):
        if number in restarts:
            store = store_in(folder, SHORT)
        store.append(each)
        memory.append(each)
        for _ in range(number % 4 * 3):
            store.keep()
    settled(store)
    end = life[-1].at - BEGIN + 10
    same(store, memory, end, AT, step=700.0)
    assert repr(everything(store, end, "20d")) == repr(everything(memory, end, "20d"))


@pytest.mark.parametrize("step", STEPS)
def test_f25_killed_at_any_step_of_a_merge_nothing_is_lost_and_nothing_is_left(
    tmp_path: Path, step: str
) -> None:
    _, memory = grown(tmp_path, long(3 * 3600 - 60))
    now = START + 3 * 3600 * 1000
    command = [sys.executable, "-m", "tests.metrics.merging_process", str(tmp_path), str(now), step]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    begun = WINDOW.name in names_in(tmp_path)
    assert begun == (step in STEPS[3:])
    again = store_in(tmp_path, SHORT)
    assert list(tmp_path.glob("*.tmp")) == []
    asked(again, memory, AT + 3 * 3600)
    for each in long(120, AT + 3 * 3600):
        again.append(each)
        memory.append(each)
    settled(again)
    assert first_hours(tmp_path) == [WINDOW.name]
    asked(again, memory, AT + 3 * 3600)
    asked(store_in(tmp_path, SHORT), memory, AT + 3 * 3600)


def test_f11_minutes_sealed_anew_within_merged_hours_take_the_place_of_theirs_alone(tmp_path: Path) -> None:
    """As without merging: from the return of the clock to the end of its 15 minutes the old rows are gone."""
    found = []
    for folder in (tmp_path / "sealed", tmp_path / "merged"):
        folder.mkdir()
        store, _ = grown(folder, long(4 * 3600))
        assert merged_in(folder) == [WINDOW.name]
        if folder.name == "sealed":
            unmerge(folder)
            store = store_in(folder, SHORT)
        for each in rows_of(60, 30.0, start=AT + 3000):
            store.append(Batch(each.origin, each.at, each.labels, each.values + 0.5))
            store.keep()
        settled(store)
        found.append(points_before(store, 4790))
        assert points_before(store_in(folder, SHORT), 4790) == found[-1]
        if folder.name == "merged":
            assert merged_in(folder) == [WINDOW.name]
            assert len(first_hours(folder)) > 1
        store = store_in(folder, SHORT)
        for each in long(1800, AT + 4 * 3600):
            store.append(each)
            store.keep()
        settled(store)
        assert first_hours(folder) == [WINDOW.name]
        found.append(points_before(store, 7200))
        assert points_before(store, 4790) == found[-2]
    assert found[:2] == found[2:]
    values = {value for points in found[0].values() for at, value in points if at > AT + 3000}
    assert any(value % 1 == 0.5 for value in values)


def points_before(store: Store, seconds: float) -> dict[Labels, list[tuple[float, float]]]:
    return everything(store, AT + seconds - 0.001, "2d")


def first_hours(folder: Path) -> list[str]:
    """The files of the two hours."""
    return [name for name in names_in(folder) if name < "20231115T020000Z"]


def unmerge(folder: Path) -> None:
    """Sealed blocks instead of merged ones."""
    blocks = Blocks(folder, lambda _: None)
    for span in [span for span in blocks.files if span.length == MERGED_MS]:
        for start in range(span.start, span.end, BLOCK_MS):
            blocks.seal(start, [])
        blocks.path(span).unlink()


def test_what_is_imported_into_merged_hours_stands_beside_and_is_joined_by_the_next_merge(
    tmp_path: Path,
) -> None:
    _, memory = grown(tmp_path, long(4 * 3600))
    points = {BLOCK_MS + 5: 1.0, BLOCK_MS + 70_000: 2.0}
    Shelf(tmp_path).blocks.seal(START + BLOCK_MS, imported(points))
    more = {BLOCK_MS + 70_000: 3.0, 2 * BLOCK_MS - 1: 4.0}
    Shelf(tmp_path).blocks.seal(START + BLOCK_MS, imported(more))
    wanted = {**everything(memory, AT + 4 * 3600, "2d")}
    wanted[IMPORTED] = [(AT + at / 1000, value) for at, value in sorted({**points, **more}.items())]
    assert names_in(tmp_path)[:2] == [WINDOW.name, Span(START + BLOCK_MS).name]
    for turns in (0, 100, 0):
        store = store_in(tmp_path, SHORT)
        for _ in range(turns):
            store.keep()
        found = everything(store, AT + 4 * 3600, "2d")
        assert found.keys() == wanted.keys()
        for labels, each in found.items():
            np.testing.assert_allclose(each, wanted[labels], atol=1e-6)
    assert first_hours(tmp_path) == [WINDOW.name]


def imported(points: dict[int, float]) -> list[SparseStretch]:
    """Milliseconds after the start of the two hours, and values."""
    at, values = np.array([*points]) + START, np.array([*points.values()])
    packed = packed_points(at, values, np.ones(len(at), dtype=np.uint8))
    return [sparse_stretch("import", [(IMPORTED, packed)])]


def test_f24_what_is_damaged_in_a_part_is_lost_and_counted_and_the_rest_merged(tmp_path: Path) -> None:
    _, memory = grown(tmp_path, long(3 * 3600 - 60))
    part = tmp_path / Span(START + BLOCK_MS).name
    data = bytearray(part.read_bytes())
    data[-block_file.END_BYTES - 3] ^= 1
    part.write_bytes(data)
    shelf = Shelf(tmp_path)
    for _ in range(1000):
        shelf.merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert shelf.damage == {DamageKind.CHECKSUM: 1}
    assert merged_in(tmp_path) == [WINDOW.name]
    wanted = everything(memory, AT + 3 * 3600, "2d")
    found = everything(store_in(tmp_path, SHORT), AT + 3 * 3600, "2d")
    (hurt,) = [labels for labels, points in wanted.items() if found[labels] != points]
    lost = (AT + 900, AT + 1800)
    assert found[hurt] == [point for point in wanted[hurt] if not lost[0] <= point[0] < lost[1]]


def test_f24_a_part_that_cannot_be_read_leaves_all_parts(tmp_path: Path) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    before = names_in(tmp_path)
    (tmp_path / before[3]).unlink()
    (tmp_path / before[3]).mkdir()
    shelf = Shelf(tmp_path)
    for _ in range(100):
        shelf.merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert names_in(tmp_path) == before
    assert shelf.damage == {DamageKind.UNREADABLE: 1}


@pytest.mark.parametrize("call", ["open", "fsync", "folder"])
def test_f22_a_disk_that_takes_no_merged_block_leaves_the_parts_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    _, memory = grown(tmp_path, long(3 * 3600 - 60))
    before, shelf = names_in(tmp_path), Shelf(tmp_path)
    seconds = [0.0]
    merging = Merging(shelf.blocks, shelf.note, monotonic=lambda: seconds[0])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        match call:
            case "open":
                patch.setattr(block_file.Writer, "__init__", full)
            case "fsync":
                patch.setattr(block_file.Writer, "settle", full)
            case "folder":
                patch.setattr(Path, "rename", full)
        for _ in range(50):
            merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert names_in(tmp_path) == before
    assert list(tmp_path.glob("*.tmp")) == []
    asked(store_in(tmp_path, SHORT), memory, AT + 3 * 3600)
    merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert names_in(tmp_path) == before
    seconds[0] += 601
    merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert merged_in(tmp_path) == [WINDOW.name]
    asked(store_in(tmp_path, SHORT), memory, AT + 3 * 3600)


def test_a_merge_begins_only_where_the_disk_has_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    usage = os.statvfs(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": usage.f_bsize})())
    before, shelf = names_in(tmp_path), Shelf(tmp_path)
    shelf.merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert names_in(tmp_path) == before


def test_a_merge_takes_a_moment_of_each_turn_and_gives_way_to_what_goes_first(tmp_path: Path) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    busy, seconds, series = [False], [0.0], len(NAMES) + 1
    shelf = Shelf(tmp_path)
    merging = Merging(shelf.blocks, shelf.note, hurried=lambda: busy[0], monotonic=lambda: seconds[0])
    busy[0] = True
    turns = 0
    while not merging.merged:
        merging.turn(START + 3 * 3600 * 1000, frozenset)
        turns += 1
        assert turns < 1000
    assert turns > series


def test_a_part_that_is_sealed_anew_during_a_merge_is_not_lost(tmp_path: Path) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    shelf = Shelf(tmp_path)
    merging = Merging(shelf.blocks, shelf.note, hurried=lambda: True)
    for _ in range(10):
        merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert not merged_in(tmp_path)
    shelf.blocks.seal(START, imported({7: 1.0}))
    for _ in range(1000):
        merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert merging.merged == 1
    ((at, value),) = everything(store_in(tmp_path, SHORT), AT + 9000, "2d")[IMPORTED]
    assert (round(at, 3), value) == (AT + 0.007, 1.0)


def test_rows_that_lie_ahead_of_their_block_keep_its_hours_from_being_merged(tmp_path: Path) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    shelf = Shelf(tmp_path)
    for _ in range(100):
        shelf.merging.turn(START + 3 * 3600 * 1000, lambda: frozenset({START + BLOCK_MS}))
    assert not merged_in(tmp_path)


def test_who_reads_while_blocks_are_merged_sees_every_time_once(tmp_path: Path) -> None:
    grown(tmp_path, long(3 * 3600 - 60))
    shelf = Shelf(tmp_path)
    reader = shelf.blocks.each(START, START + 3 * 3600 * 1000)
    seen = [next(reader), next(reader)]
    for _ in range(1000):
        shelf.merging.turn(START + 3 * 3600 * 1000, frozenset)
    assert merged_in(tmp_path)
    seen += reader
    edges = [(window.first, window.end) for window in seen]
    assert edges[0][0] == START
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert sum(len(w.piece(s).section.times[w.piece(s).rows]) for w in seen[:1] for s in w.sections) == 30
    assert shelf.damage == {}


def test_merged_blocks_go_by_age_and_by_size_and_never_before_what_stands_for_their_minutes(
    tmp_path: Path,
) -> None:
    grown(tmp_path, long(6 * 3600))
    Shelf(tmp_path).blocks.seal(START + BLOCK_MS, imported({BLOCK_MS: 1.0}))
    before = names_in(tmp_path)
    overlay = Span(START + BLOCK_MS)
    blocks = Shelf(tmp_path).blocks
    assert blocks.forget(overlay.end + 1000, 10**12) == 0
    assert blocks.forget(WINDOW.end - 1, 10**12) == 0
    assert names_in(tmp_path) == before
    assert blocks.forget(0, blocks.size - 1) == 1
    assert names_in(tmp_path) == [name for name in before if name != WINDOW.name]
    assert blocks.forget(WINDOW.end + MERGED_MS, 10**12) == 2
    assert blocks.forget(2**62, 0) == len(before) - 4
    assert len(names_in(tmp_path)) == 1


def test_every_byte_of_merged_blocks_is_checked(tmp_path: Path) -> None:
    grown(tmp_path, long(4 * 3600))
    samples = sum(len(each.values) for each in long(4 * 3600))
    found = list(check(tmp_path))
    assert found[0].file == WINDOW.name
    assert sum(each.samples for each in found if each.file.endswith(".block")) > samples * 0.9
    assert not any(each.damage for each in found)
    path = tmp_path / WINDOW.name
    path.write_bytes(path.read_bytes()[:-5])
    assert next(check(tmp_path)).damage


def test_of_several_files_the_shortest_tells_of_its_time() -> None:
    parts = [Span(START + number * BLOCK_MS) for number in (0, 3, 4, 7)]
    edges = [(each.span.length, each.first - START, each.end - START) for each in shown([WINDOW, *parts])]
    quarter = BLOCK_MS
    assert edges == [
        (quarter, 0, quarter),
        (MERGED_MS, quarter, 3 * quarter),
        (quarter, 3 * quarter, 4 * quarter),
        (quarter, 4 * quarter, 5 * quarter),
        (MERGED_MS, 5 * quarter, 7 * quarter),
        (quarter, 7 * quarter, 8 * quarter),
    ]
    assert block_span("20231115T000000Z-3h.block") is None
