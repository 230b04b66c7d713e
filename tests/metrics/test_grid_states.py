"""What a grid says of each cell is what was appended, while series come, go and return, and rows go back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.chunks import ROWS, OpenChunk
from metrics.grid import Grid
from metrics.promql.source import ABSENT, STALE, VALUE
from metrics.series_index import Holder, Members
from metrics.snapshot import GridPart
from metrics.values import Floats

Row = tuple[int, ...]

stretches = st.lists(
    st.tuples(st.lists(st.integers(0, 7), unique=True, max_size=6).map(tuple), st.integers(1, 90)),
    min_size=1,
    max_size=8,
)


def told(grid: Grid) -> dict[tuple[int, int], int]:
    """The state of every cell by row and series, without the absent ones."""
    times, chunks = grid.view
    found: dict[tuple[int, int], int] = {}
    for number, chunk in enumerate(chunks):
        rows = min(len(times) - number * ROWS, ROWS)
        states = chunk.cells(np.arange(chunk.width), slice(0, rows)).states
        for column, row in zip(*(states != ABSENT).nonzero(), strict=True):
            found[number * ROWS + int(row), chunk.layout.ids[column]] = int(states[column, row])
    return found


def expected(rows: list[Row]) -> dict[tuple[int, int], int]:
    """A value where a series is in a row, one stale cell where it has gone."""
    found: dict[tuple[int, int], int] = {}
    before: Row = ()
    for number, ids in enumerate(rows):
        found |= {(number, each): STALE for each in set(before) - set(ids)}
        found |= {(number, each): VALUE for each in ids}
        before = ids
    return found


def values_of(row: int, ids: Row) -> Floats:
    return np.array([1000.0 * row + each for each in ids])


def fill(grid: Grid, rows: list[Row], more: list[tuple[Row, int]], unread: bool = False) -> None:
    for ids, count in more:
        for _ in range(count):
            grid.append(1000 * len(rows), ids, values_of(len(rows), ids), unread)
            rows.append(ids)


@settings(deadline=None, max_examples=80)
@given(stretches, st.integers(0, 400), stretches)
def test_a_grid_tells_each_cell_as_it_was_appended(
    first: list[tuple[Row, int]], stay: int, then: list[tuple[Row, int]]
) -> None:
    grid, rows = Grid(), list[Row]()
    fill(grid, rows, first)
    assert told(grid) == expected(rows)
    grid.drop_after(1000 * stay - 1)
    del rows[stay:]
    assert told(grid) == expected(rows)
    fill(grid, rows, then)
    assert told(grid) == expected(rows)


@settings(deadline=None, max_examples=80)
@given(stretches, st.sets(st.integers(0, 7)), st.data())
def test_a_question_reads_any_rows_of_any_series_as_they_were_appended(
    appended: list[tuple[Row, int]], asked: set[int], data: st.DataObject
) -> None:
    grid, rows = Grid(), list[Row]()
    fill(grid, rows, appended)
    first = data.draw(st.integers(0, len(rows)))
    last = data.draw(st.integers(first, len(rows)))
    ids = tuple(asked)
    part = GridPart(Members(Holder("app"), np.arange(len(ids)), ids), grid.view)
    cells, told = part.cells(first, last), expected(rows)
    for place, each in enumerate(ids):
        states = [told.get((row, each), ABSENT) for row in range(first, last)]
        assert cells.states[place].tolist() == states
        values = [float(values_of(row, (each,))[0]) for row in range(first, last)]
        there = cells.states[place] == VALUE
        assert cells.values[place][there].tolist() == np.array(values)[there].tolist()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from([(0, 1, 2), (0, 2), (0, 1, 2, 3)]), st.integers(1, 500)),
        min_size=1,
        max_size=4,
    )
)
def test_rows_that_come_before_anybody_reads_are_told_as_any_others(appended: list[tuple[Row, int]]) -> None:
    watched, unread = Grid(), Grid()
    fill(watched, [], appended)
    fill(unread, [], appended, unread=True)
    for one, other in zip(watched.view.chunks, unread.view.chunks, strict=True):
        assert (type(one), one.layout.ids, one.width) == (type(other), other.layout.ids, other.width)
    assert told(unread) == told(watched)
    part = [
        GridPart(Members(Holder("app"), np.arange(4), (0, 1, 2, 3)), each.view) for each in (watched, unread)
    ]
    (values, states), (own, same) = (each.cells(0, len(watched.view.times)) for each in part)
    assert np.array_equal(states, same)
    assert np.array_equal(values[states == VALUE], own[states == VALUE])


def test_what_a_question_reads_where_it_lies_cannot_be_written_to() -> None:
    grid, rows = Grid(), list[Row]()
    fill(grid, rows, [((0, 1), 2 * ROWS - 10)])
    part = GridPart(Members(Holder("app"), np.arange(2), (0, 1)), grid.view)
    cells = part.cells(ROWS - 10, ROWS + 10)
    head = grid.view.chunks[-1]
    assert isinstance(head, OpenChunk)
    assert np.shares_memory(cells.values, head.values)
    assert not cells.values.flags.writeable
    assert not cells.states.flags.writeable
