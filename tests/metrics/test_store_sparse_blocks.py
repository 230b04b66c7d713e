"""Series with timestamps of their own in sealed blocks: put together by time, whole or damaged."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.disk import block_file, checking
from metrics.disk.block_time import BLOCK_MS, block_name
from metrics.disk.blocks import Blocks
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.sparse_stretch import SparseStretch, packed_points, sparse_stretch, unpacked_points
from metrics.disk.stretch import Stretch, packed_series
from metrics.track import Track, union, values_at
from metrics.values import Labels, labels_of

START = 2_000 * BLOCK_MS
A, B, C = (labels_of({"__name__": "m", "n": name}) for name in "abc")

Given = Mapping[int, float]

points = st.dictionaries(st.integers(0, BLOCK_MS - 1), st.floats(width=64), min_size=1, max_size=60)


def track(given_points: Given) -> Track:
    """Points by milliseconds after the block's start."""
    times = sorted(given_points)
    return values_at(np.array(times) + START, np.array([given_points[at] for at in times], dtype=float))


def stretch(series: Mapping[Labels, Given], origin: str = "pushed") -> SparseStretch:
    return sparse_stretch(
        origin, ((labels, packed_points(*track(given))) for labels, given in series.items())
    )


def rows(origin: str, values: list[float]) -> Stretch:
    """One series with a value every second."""
    at = START + 1000 * np.arange(len(values))
    states = np.ones(len(values), dtype=np.uint8)
    return Stretch(origin, at, [A], [packed_series(np.array(values), states)])


def opened(folder: Path) -> tuple[Blocks, list[Damage]]:
    noted: list[Damage] = []
    return Blocks(folder, noted.extend), noted


def points_of(blocks: Blocks) -> dict[tuple[str, Labels], dict[int, float]]:
    """Every point of the block, by origin and label set."""
    found = {}
    for block in blocks.between(START, START):
        for section in block.sections:
            for number, labels in enumerate(section.labels):
                times, values, _ = blocks.track(section, number)
                at = (times - START).tolist()
                found[section.origin, labels] = dict(zip(at, values.tolist(), strict=True))
    return found


@settings(deadline=None)
@given(given_points=points, stale=st.sets(st.integers(0, 59)))
def test_points_come_back_bit_by_bit(given_points: Given, stale: set[int]) -> None:
    times, values, states = track(given_points)
    states[[place for place in stale if place < len(times)]] = 2
    found = unpacked_points(packed_points(times, values, states))
    assert found.times.tolist() == times.tolist()
    assert found.states.tolist() == states.tolist()
    live = states == 1
    assert found.values[live].view(np.int64).tolist() == values[live].view(np.int64).tolist()


@settings(deadline=None)
@given(older=points, newer=points)
def test_a_union_has_the_points_of_both_and_the_newer_ones_where_both_have_one(
    older: Given, newer: Given
) -> None:
    found = union(track(older), track(newer))
    wanted = track({**older, **newer})
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_block_sealed_again_has_the_points_of_both_times(tmp_path: Path) -> None:
    blocks, noted = opened(tmp_path)
    blocks.seal(START, [stretch({A: {5: 1.0, 20: 2.0}, B: {7: 3.0}})])
    blocks.seal(START, [stretch({A: {1: 4.0, 20: 5.0, 30: 6.0}, C: {9: 7.0}})])
    wanted = {
        ("pushed", A): {1: 4.0, 5: 1.0, 20: 5.0, 30: 6.0},
        ("pushed", B): {7: 3.0},
        ("pushed", C): {9: 7.0},
    }
    assert points_of(blocks) == wanted
    assert points_of(opened(tmp_path)[0]) == wanted
    assert noted == []


def test_rows_and_points_of_one_origin_stand_side_by_side_in_a_block(tmp_path: Path) -> None:
    blocks, _ = opened(tmp_path)
    blocks.seal(START, [rows("app", [1.0, 2.0]), stretch({B: {500: 9.0}}, "app")])
    blocks.seal(START, [stretch({B: {700: 8.0}}, "app"), stretch({A: {1: 1.0}}, "other")])
    assert points_of(blocks) == {
        ("app", A): {0: 1.0, 1000: 2.0},
        ("app", B): {500: 9.0, 700: 8.0},
        ("other", A): {1: 1.0},
    }


def test_points_brought_later_do_not_pretend_that_the_rows_of_a_block_are_in_it(tmp_path: Path) -> None:
    blocks, _ = opened(tmp_path)
    blocks.seal(START, [stretch({A: {5: 1.0}})])
    assert blocks.written_at(START) == 0.0
    blocks.seal(START, [rows("app", [1.0])])
    sealed_at = blocks.written_at(START)
    assert sealed_at
    blocks.seal(START, [stretch({A: {6: 1.0}})])
    assert blocks.written_at(START) == sealed_at


def test_f24_a_flipped_bit_costs_a_series_or_the_origin_that_it_hit(tmp_path: Path) -> None:
    blocks, _ = opened(tmp_path)
    blocks.seal(START, [stretch({A: {5: 1.0, 6: 3.0}, B: {7: 3.0}}), stretch({C: {7: 3.0}}, "other")])
    path = tmp_path / block_name(START)
    whole, wanted = path.read_bytes(), points_of(blocks)
    for place in range(len(whole)):
        path.unlink()
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 1 << place % 8,)) + whole[place + 1 :])
        again, noted = opened(tmp_path)
        found = {key: values for key, values in points_of(again).items() if values}
        assert len(noted) >= 1
        assert found == {key: wanted[key] for key in found}
        lost = {origin for origin, _ in wanted.keys() - found.keys()}
        assert lost in ([set()] if place >= len(whole) - block_file.END_BYTES else [{"pushed"}, {"other"}])


def test_f24_a_block_cut_anywhere_gives_what_is_before_the_cut(tmp_path: Path) -> None:
    blocks, _ = opened(tmp_path)
    blocks.seal(START, [stretch({A: {5: 1.0, 6: 3.0}, B: {7: 3.0}}), stretch({C: {7: 3.0}}, "other")])
    path = tmp_path / block_name(START)
    whole, wanted = path.read_bytes(), points_of(blocks)
    for length in range(len(whole)):
        path.unlink()
        path.write_bytes(whole[:length])
        again, noted = opened(tmp_path)
        found = {key: values for key, values in points_of(again).items() if values}
        assert found == {key: wanted[key] for key in found}
        assert noted


def hurt(whole: bytes) -> bytes:
    """The last byte of the last series is another one."""
    cells = bytearray(whole)
    cells[-block_file.END_BYTES - 1] ^= 1
    return bytes(cells)


def test_f24_a_damaged_series_is_lost_when_its_block_is_sealed_again_and_the_new_points_are_not(
    tmp_path: Path,
) -> None:
    opened(tmp_path)[0].seal(START, [stretch({A: {5: 1.0}, B: {7: 3.0}})])
    path = tmp_path / block_name(START)
    whole = path.read_bytes()
    path.write_bytes(hurt(whole))
    again, _ = opened(tmp_path)
    again.seal(START, [stretch({A: {6: 2.0}, B: {8: 4.0}})])
    assert points_of(again) == {("pushed", A): {5: 1.0, 6: 2.0}, ("pushed", B): {8: 4.0}}


def test_the_check_counts_points_and_says_what_is_damaged(tmp_path: Path) -> None:
    opened(tmp_path)[0].seal(START, [rows("app", [1.0, 2.0]), stretch({A: {5: 1.0, 6: 2.0}, B: {7: 3.0}})])
    (checked,) = checking.check(tmp_path)
    assert (checked.origins, checked.rows, checked.samples, checked.damage) == (2, 2, 5, ())
    path = tmp_path / block_name(START)
    whole = path.read_bytes()
    path.write_bytes(hurt(whole))
    (checked,) = checking.check(tmp_path)
    assert checked.samples == 4
    assert [damage.kind for damage in checked.damage] == [DamageKind.CHECKSUM]


def test_what_is_no_series_of_points_is_refused() -> None:
    good = packed_points(*track({5: 1.0, 6: 2.0}))
    for bad in (b"", good[:4], good[:9], good[:-8], b"\xff" * len(good)):
        with pytest.raises(ValueError, match=r"."):
            unpacked_points(bad)


def test_points_cost_little_on_disk(tmp_path: Path) -> None:
    values = {at: float(at // 3000) for at in range(0, BLOCK_MS, 1000)}
    blocks, _ = opened(tmp_path)
    names = [labels_of({"__name__": "m", "n": str(number)}) for number in range(20)]
    size = blocks.seal(START, [stretch(dict.fromkeys(names, values))])
    assert size < 20 * len(values) * 0.6
    assert block_file.read(tmp_path / block_name(START))[0][0].sparse
