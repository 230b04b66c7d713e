"""Samples on their way into blocks: none lost, none invented, little in memory."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.disk import spool as spool_file
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.spool import Samples, Spool
from metrics.track import Track

samples = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.one_of(st.integers(-3 * BLOCK_MS, 3 * BLOCK_MS), st.sampled_from((-1, 0, BLOCK_MS - 1, BLOCK_MS))),
        st.floats(allow_nan=False),
    ),
    max_size=200,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_file, "_WAITING", 13)
    monkeypatch.setattr(spool_file, "_AT_ONCE", 7)


def all_of(spool: Spool) -> Iterator[tuple[int, int, int, float]]:
    for block in spool.blocks():
        for series, track in spool.taken(block):
            for at, value in zip(track.times.tolist(), track.values.tolist(), strict=True):
                yield block, series, at, value


@given(samples)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_sample_comes_back_by_block_series_and_time_and_the_later_of_two(
    folder: Path, given_samples: list[tuple[int, int, float]]
) -> None:
    with closing(Spool(folder)) as spool:
        for series, at, value in given_samples:
            spool.add(series, at, value)
        found = list(all_of(spool))
    wanted = {(at // BLOCK_MS * BLOCK_MS, series, at): value for series, at, value in given_samples}
    assert found == [(*place, wanted[place]) for place in sorted(wanted)]


def test_nothing_is_left_in_the_folder_and_nothing_has_a_name_there(tmp_path: Path) -> None:
    with closing(Spool(tmp_path)) as spool:
        for number in range(100):
            spool.add(number, number, 1.0)
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_block_is_taken_in_slices_of_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    sorted_by_series = spool_file._by_series

    def watched(block: int, part: Samples) -> Iterator[tuple[int, Track]]:
        together.append(len(part))
        return sorted_by_series(block, part)

    monkeypatch.setattr(spool_file, "_by_series", watched)
    with closing(Spool(tmp_path)) as spool:
        for at in range(3):
            for series in range(20):
                spool.add(series, at, 0.0)
        assert len(list(spool.taken(0))) == 20
    assert max(together) <= 7
    assert sum(together) == 60
