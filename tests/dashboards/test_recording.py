"""What is recorded comes back as it was."""

from pathlib import Path

import numpy as np

from metrics.values import Batch, Labels, Vector, labels_of
from tests.dashboards.recording import load, recording_of, save

A: Labels = labels_of({"__name__": "a", "job": "x"})
B: Labels = labels_of({"__name__": "b", "job": "x"})


def test_a_recording_is_the_same_after_it_was_saved(tmp_path: Path) -> None:
    batches = [
        Batch("x", 100.0, (A, B), np.array([1.0, float("nan")])),
        Batch("x", 105.0, (B,), np.array([3.0])),
        Batch("y", 101.0, (), np.empty(0)),
    ]
    save(recording_of(batches), tmp_path / "some.npz")
    found = load(tmp_path / "some.npz")
    assert [block.origin for block in found.blocks] == ["x", "y"]
    again = [batch for block in found.blocks for batch in block.batches()]
    assert [(batch.origin, batch.at, batch.labels) for batch in again] == [
        (batch.origin, batch.at, batch.labels) for batch in batches
    ]
    assert all(
        np.array_equal(one.values, other.values, equal_nan=True)
        for one, other in zip(again, batches, strict=True)
    )
    assert (found.start, found.end) == (100.0, 105.0)
    assert found.metric_names == {"a", "b"}


def test_a_series_that_ended_has_ended_in_the_replay(tmp_path: Path) -> None:
    batches = [Batch("x", 100.0, (A, B), np.array([1.0, 2.0])), Batch("x", 105.0, (B,), np.array([3.0]))]
    store = recording_of(batches).replayed()
    before, after = store.query('{job="x"}', 100.0), store.query('{job="x"}', 105.0)
    assert isinstance(before, Vector)
    assert isinstance(after, Vector)
    assert (len(before.samples), len(after.samples)) == (2, 1)
