"""Line `blocks`: what merging old blocks saves in bytes and in the time of a long question."""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.metrics_figures import Figure
from benchmarks.metrics_keeping import BLOCK_SECONDS, DAY_BLOCKS, drawn, sets_of
from benchmarks.metrics_run import SERIES, Run
from benchmarks.metrics_targets import families
from metrics import Store
from metrics.disk.block_time import BLOCK_MS, MERGED_MS
from metrics.disk.merging import SETTLED_MS
from metrics.disk.shelf import Shelf
from metrics.disk.stretch import Stretch, packed_series
from metrics.values import Floats

BEGIN_MS = 1_800_000_000_000 // MERGED_MS * MERGED_MS
PARTS = MERGED_MS // BLOCK_MS
QUESTION = 'sum({__name__=~".+"})'
STEP = 60.0


def merged(run: Run) -> list[Figure]:
    """Bytes per sample and the time of a question over all blocks, before and after they are merged."""
    blocks = 2 * PARTS if run.quick else DAY_BLOCKS
    hours = blocks * BLOCK_SECONDS / 3600
    run.say(f"blocks: {hours:g} h of {SERIES:,} series, sealed and then merged")
    with tempfile.TemporaryDirectory(prefix="showcall-blocks-") as name:
        folder = Path(name)
        _sealed(folder, blocks)
        before = _measured(folder, blocks)
        began = time.thread_time()
        _merge(folder, BEGIN_MS + blocks * BLOCK_MS + SETTLED_MS)
        spent = time.thread_time() - began
        after = _measured(folder, blocks)
    what = ("bytes per sample of blocks", f"seconds of a {hours:g} h question, {SERIES:,} series")
    share = spent / (blocks * BLOCK_SECONDS * SERIES) * 1e6
    notes = ("", f"{QUESTION} every {STEP:g} s; merging took {share:.3f} us a sample")
    figures = []
    for place, unit in enumerate(("bytes", "s")):
        figures.append(Figure(f"{what[place]}, sealed", unit, before[place]))
        figures.append(Figure(f"{what[place]}, merged", unit, after[place], note=notes[place]))
    return figures


def _sealed(folder: Path, blocks: int) -> None:
    """The same two hours of a realistic mix again and again, higher each time."""
    shelf = Shelf(folder)
    values = np.array(list(drawn(families("mix", SERIES, 1), PARTS * BLOCK_SECONDS))).T.copy()
    labels = sorted(sets_of(1))
    for block in range(blocks):
        first = block % PARTS * BLOCK_SECONDS
        start = BEGIN_MS + block * BLOCK_MS
        times = start + 1000 * np.arange(BLOCK_SECONDS)
        some = values[:, first : first + BLOCK_SECONDS]
        shelf.blocks.seal(start, [Stretch("t1", times, labels, [_packed(row) for row in some])])


def _packed(row: Floats) -> bytes:
    return packed_series(row, np.ones(len(row), dtype=np.uint8))


def _merge(folder: Path, now: int) -> None:
    shelf = Shelf(folder)
    done = -1
    while done < shelf.merging.merged or any(span.length == BLOCK_MS for span in shelf.blocks.files):
        done = shelf.merging.merged
        for _ in range(100):
            shelf.merging.turn(now, frozenset)


def _measured(folder: Path, blocks: int) -> tuple[float, float]:
    """Bytes per sample, and seconds of the question in a store that has opened none of the files."""
    shelf = Shelf(folder)
    store = Store(shelf=shelf)
    start, end = BEGIN_MS / 1000, (BEGIN_MS + blocks * BLOCK_MS) / 1000 - 1
    began = time.perf_counter()
    found = store.query_range(QUESTION, start, end, STEP)
    took = time.perf_counter() - began
    if len(found.series[0].at) < (end - start) // STEP:
        raise SystemExit("blocks: the question did not see every block")
    return shelf.blocks.size / (blocks * BLOCK_SECONDS * SERIES), took
