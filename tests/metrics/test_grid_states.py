"""What a grid says of each cell is what was appended, while series come, go and return, and rows go back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.chunks import ROWS
from metrics.grid import Grid
from metrics.promql.source import ABSENT, STALE, VALUE

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


def fill(grid: Grid, rows: list[Row], more: list[tuple[Row, int]]) -> None:
    for ids, count in more:
        for _ in range(count):
            grid.append(1000 * len(rows), ids, np.array(ids, dtype=np.float64))
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
