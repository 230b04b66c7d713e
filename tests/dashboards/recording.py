"""A recording of everything that was collected during a demo, in one small file.

One block per origin: its times, its label sets, its values as rows by series, and a mask of what was there.
The file is numpy's archive of plain arrays; ``benchmarks/record_demo.py`` writes it, tests read it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics import Store
from metrics.values import Batch, Floats, Labels


@dataclass(frozen=True, slots=True)
class Block:
    """One origin: ``values`` and ``present`` have one row per time (Unix seconds), one column per series."""

    origin: str
    at: Floats
    labels: tuple[Labels, ...]
    values: Floats
    present: npt.NDArray[np.bool_]

    def batches(self) -> Iterable[Batch]:
        for at, row, there in zip(self.at.tolist(), self.values, self.present, strict=True):
            chosen = np.flatnonzero(there).tolist()
            yield Batch(self.origin, at, tuple(self.labels[index] for index in chosen), row[there])


@dataclass(frozen=True, slots=True)
class Recording:
    blocks: tuple[Block, ...]

    @property
    def start(self) -> float:
        return float(min(block.at[0] for block in self.blocks))

    @property
    def end(self) -> float:
        return float(max(block.at[-1] for block in self.blocks))

    @property
    def metric_names(self) -> frozenset[str]:
        return frozenset(
            value
            for block in self.blocks
            for labels in block.labels
            for name, value in labels
            if name == "__name__"
        )

    def replayed(self) -> Store:
        """A store that has seen it all."""
        store = Store(keep=self.end - self.start + 600.0)
        for batch in sorted((each for block in self.blocks for each in block.batches()), key=lambda b: b.at):
            store.append(batch)
        return store


def recording_of(batches: Sequence[Batch]) -> Recording:
    """Batches as they came, by origin."""
    by_origin: dict[str, list[Batch]] = {}
    for batch in batches:
        by_origin.setdefault(batch.origin, []).append(batch)
    return Recording(tuple(_block(origin, found) for origin, found in sorted(by_origin.items())))


def _block(origin: str, batches: Sequence[Batch]) -> Block:
    columns: dict[Labels, int] = {}
    for batch in batches:
        for labels in batch.labels:
            columns.setdefault(labels, len(columns))
    values = np.zeros((len(batches), len(columns)))
    present = np.zeros((len(batches), len(columns)), dtype=np.bool_)
    for row, batch in enumerate(batches):
        chosen = [columns[labels] for labels in batch.labels]
        values[row, chosen] = batch.values
        present[row, chosen] = True
    return Block(origin, np.array([batch.at for batch in batches]), tuple(columns), values, present)


def save(recording: Recording, path: Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, block in enumerate(recording.blocks):
        head = json.dumps({"origin": block.origin, "labels": block.labels}).encode()
        arrays[f"{number}.head"] = np.frombuffer(head, dtype=np.uint8)
        arrays[f"{number}.at"] = block.at
        # A series' values side by side compress several times better than a row of unlike ones.
        arrays[f"{number}.values"] = np.ascontiguousarray(block.values.T)
        arrays[f"{number}.present"] = np.packbits(block.present.T)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # its stub mistakes arrays for its flag


def load(path: Path) -> Recording:
    with np.load(path, allow_pickle=False) as arrays:
        count = len(arrays.files) // 4
        return Recording(tuple(_loaded(arrays, number) for number in range(count)))


def _loaded(arrays: Any, number: int) -> Block:
    head = json.loads(arrays[f"{number}.head"].tobytes())
    labels = tuple(tuple((name, value) for name, value in pairs) for pairs in head["labels"])
    at, values = arrays[f"{number}.at"], arrays[f"{number}.values"]
    present = np.unpackbits(arrays[f"{number}.present"], count=values.size).reshape(values.shape)
    return Block(head["origin"], at, labels, values.T, present.T.astype(np.bool_))
