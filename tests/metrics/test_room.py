"""How much room rows and label sets take in memory."""

import gc
import sys

import numpy as np
import psutil
import pytest

from metrics.chunks import ROWS
from metrics.disk import label_text
from metrics.grid import Grid
from metrics.values import labels_of

SERIES = 2000


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count resident memory in other ways")
def test_rows_that_lay_open_go_back_to_the_system_at_once() -> None:
    # What is freed once in this size, glibc keeps for the next one from then on.
    np.ones(3_500_000).sum()
    grid, ids = Grid(), tuple(range(SERIES))
    for at in range(2 * ROWS):
        grid.append(at, ids, np.full(SERIES, float(at)))
    before = resident()
    del grid
    gc.collect()
    assert before - resident() > 0.8 * 2 * ROWS * SERIES * 8


def test_series_that_are_read_from_disk_share_their_label_pairs() -> None:
    sets = tuple(
        labels_of({"__name__": "hits", "method": f"m{method}", "path": f"/p{path}"})
        for method in range(10)
        for path in range(20)
    )
    found = label_text.unpacked(label_text.packed(sets), len(sets))
    assert found == sets
    assert len({id(pair) for labels in found for pair in labels}) == 10 + 20 + 1
