"""A long question over merged blocks unpacks each series of a file once, and answers as memory does."""

from pathlib import Path

import pytest

from metrics.disk import unpacked
from metrics.disk.block_file import Section
from metrics.promql import pieces
from metrics.values import Floats, Labels, Matrix
from tests.metrics.disk_store import BEGIN, NAMES, store_in
from tests.metrics.test_store_merging import AT, SHORT, grown, long, merged_in, settled

HOURS = 8


def told(found: Matrix) -> list[tuple[Labels, list[float], list[float]]]:
    return [(series.labels, series.at.tolist(), series.values.tolist()) for series in found.series]


@pytest.mark.parametrize(("step", "readings"), [(60.0, 1), (300.0, 2), (7.0, 5)])
def test_pieces_of_a_question_follow_the_files_they_are_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, readings: int
) -> None:
    """At steps of 7 s a file has more steps than a piece may have, at steps of 300 s it has fewer."""
    _, memory = grown(tmp_path, long(HOURS * 3600))
    store = settled(store_in(tmp_path, SHORT))
    merged = len(merged_in(tmp_path))
    read, unpack = [], Section.series

    def counted(section: Section, number: int) -> tuple[Floats, object]:
        read.append((section.block, section.origin, number))
        return unpack(section, number)

    monkeypatch.setattr(Section, "series", counted)
    monkeypatch.setattr(unpacked, "_BYTES", 0)
    monkeypatch.setattr(pieces, "CELLS", 60 * len(NAMES))
    question = "m or x", BEGIN + AT, BEGIN + AT + merged * 7200 - 1, step
    found = store.query_range(*question)
    assert merged == 3
    assert {block for block, _, _ in read} == set(merged_in(tmp_path))
    assert max(read.count(each) for each in read) <= readings
    assert told(found) == told(memory.query_range(*question))
