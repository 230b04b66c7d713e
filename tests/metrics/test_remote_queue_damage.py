"""The files of the remote's queue, cut and flipped anywhere: what is whole is sent, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from metrics.remote.folder import Folder, Position
from metrics.remote.intake import Bounds, Intake
from metrics.remote.outflow import Outflow
from tests.metrics.remote_rows import START, Origin

Rows = list[tuple[int, list[float]]]


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A segment of some rows, the second series of which comes and goes."""
    queue(tmp_path, range(6))
    (file,) = tmp_path.glob("*.segment")
    return file


def queue(folder: Path, seconds: range) -> None:
    intake, origin = Intake(Folder(folder), Bounds(2**26, 3600.0), lambda: START / 1000), Origin()
    intake.start()
    for second in seconds:
        values = {"a": float(second), "b": 1.0} if second % 3 else {"a": float(second)}
        intake.write(*origin.row(START + second * 1000, values))
    intake.stop(5)


def read(folder: Path) -> tuple[Rows, int]:
    """The rows that are still to be sent, and how many pieces were damaged."""
    outflow = Outflow(Folder(folder))
    rows = [
        (taken.row.at, np.nan_to_num(taken.row.values, nan=-1.0).tolist()) for taken in outflow.take(1000)
    ]
    return rows, outflow.damaged


def test_f24_a_queue_cut_at_any_byte_gives_every_row_before_the_cut(segment: Path) -> None:
    whole, (intact, _) = segment.read_bytes(), read(segment.parent)
    counts = []
    for length in range(len(whole) + 1):
        segment.write_bytes(whole[:length])
        rows, damaged = read(segment.parent)
        assert rows == intact[: len(rows)]
        assert damaged <= 1
        counts.append(len(rows))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, len(intact))


def test_f24_a_bit_of_a_queue_flipped_anywhere_is_counted_and_costs_rows_and_never_changes_one(
    segment: Path,
) -> None:
    whole, (intact, _) = segment.read_bytes(), read(segment.parent)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        segment.write_bytes(flipped)
        rows, damaged = read(segment.parent)
        assert damaged >= 1, place
        assert [row for row in intact if row in rows] == rows, place


def test_f24_what_is_sent_is_not_believed_when_it_is_damaged_and_everything_is_sent_again(
    segment: Path,
) -> None:
    folder = segment.parent
    queue(folder, range(6, 9))
    intact, _ = read(folder)
    Folder(folder).settle(Position(1, segment.stat().st_size))
    assert read(folder)[0] == [row for row in intact if row[0] >= START + 6000]
    sent = folder / "sent"
    whole = sent.read_bytes()
    wrong = [whole[:length] for length in range(len(whole))]
    for place in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        wrong.append(bytes(flipped))
    for text in wrong:
        sent.write_bytes(text)
        assert read(folder)[0] == intact, text


def test_f25_killed_between_deleting_a_segment_and_noting_it_nothing_is_missing(segment: Path) -> None:
    folder = segment.parent
    queue(folder, range(6, 9))
    Folder(folder).settle(Position(1, segment.stat().st_size // 2))
    segment.unlink()
    (folder / "sent.new").write_text("2 ")
    assert [at for at, _ in read(folder)[0]] == [START + second * 1000 for second in (6, 7, 8)]
