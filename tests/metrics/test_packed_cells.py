"""What a full chunk gives back is what was put in, bit by bit, and takes a fraction of the room."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.chunks import ROWS
from metrics.grid import Grid
from metrics.packed_cells import packed
from metrics.promql.source import ABSENT, STALE, VALUE
from metrics.values import Floats

SPECIAL = (
    0.0,
    -0.0,
    float("inf"),
    float("-inf"),
    struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0001))[0],
    struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0],
    struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_BEEF))[0],
    5e-324,
    1.7976931348623157e308,
    2.0**53,
    2.0**53 + 2,
    -(2.0**63),
)

any_bits = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
whole = st.builds(
    lambda base, steps: [float(base + step) for step in steps],
    st.integers(-(2**53), 2**53) | st.integers(-300, 300),
    st.sampled_from([2, 2**8, 2**16, 2**31, 2**33]).flatmap(
        lambda most: st.lists(st.integers(0, most), min_size=ROWS, max_size=ROWS)
    ),
)
decimal = st.builds(
    lambda digits, numbers: [number / 10**digits for number in numbers],
    st.integers(0, 11),
    st.lists(st.integers(-(10**7), 10**7), min_size=ROWS, max_size=ROWS),
)
anything = st.lists(any_bits | st.sampled_from(SPECIAL), min_size=ROWS, max_size=ROWS)
still = (any_bits | st.sampled_from(SPECIAL)).map(lambda value: [value] * ROWS)
spoilt = st.builds(
    lambda column, place, value: [*column[:place], value, *column[place + 1 :]],
    whole | decimal | still,
    st.integers(0, ROWS - 1),
    any_bits | st.sampled_from(SPECIAL),
)
columns = st.lists(still | whole | decimal | anything | spoilt, min_size=1, max_size=6)
pattern = st.builds(
    lambda begin, end: [ABSENT] * begin + [VALUE] * (end - begin) + [STALE] * (end < ROWS) + [ABSENT] * ROWS,
    st.integers(0, 30),
    st.integers(31, ROWS),
).map(lambda states: states[:ROWS])
mixed = st.lists(st.sampled_from([ABSENT, VALUE, STALE]), min_size=ROWS, max_size=ROWS)


def bits(values: Floats) -> list[int]:
    """The values as they lie in memory: NaN equals NaN, minus zero does not equal zero."""
    found: list[int] = np.ascontiguousarray(values).view(np.int64).tolist()
    return found


def packed_and_back(values: Floats) -> Floats:
    """Full columns without a gap, packed and unpacked."""
    kept = packed(values, np.full(values.shape, VALUE, dtype=np.uint8))
    return kept.cells(np.arange(len(values)), slice(0, ROWS)).values


@settings(deadline=None, max_examples=150)
@given(columns, st.data())
def test_cells_come_back_bit_by_bit_for_any_columns_and_rows(
    made: list[list[float]], data: st.DataObject
) -> None:
    values = np.array(made)
    kinds = st.just([VALUE] * ROWS) | pattern | mixed
    states = np.array([data.draw(kinds) for _ in made], dtype=np.uint8)
    kept = packed(values.copy(), states.copy())
    places = np.array(data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=8)))
    first = data.draw(st.integers(0, ROWS - 1))
    last = data.draw(st.integers(first, ROWS))
    some = np.array(sorted(data.draw(st.sets(st.integers(0, ROWS - 1)))), dtype=np.intp)
    for rows in (slice(first, last), slice(0, ROWS), some, some[:1]):
        found = kept.cells(places, rows)
        wanted, there = values[places][:, rows], states[places][:, rows]
        assert np.array_equal(found.states, there)
        assert bits(found.values[there == VALUE]) == bits(wanted[there == VALUE])


@pytest.mark.parametrize("special", SPECIAL, ids=[value.hex() for value in SPECIAL])
def test_one_odd_value_in_a_counter_comes_back(special: float) -> None:
    values = np.arange(ROWS, dtype=np.float64)[None, :].repeat(3, axis=0)
    values[1, 60] = special
    assert bits(packed_and_back(values)) == bits(values)


def test_more_columns_than_are_weighed_at_once_stay_in_their_places() -> None:
    chance = np.random.default_rng(5)
    numbers = chance.integers(0, 9**9, (3000, ROWS)).astype(float)
    values = chance.choice([1.0, 0.001, 1e-12], (3000, 1)) * numbers
    values[chance.random(3000) < 0.4] = 7.0
    assert bits(packed_and_back(values)) == bits(values)


def test_a_gap_does_not_make_a_column_wider() -> None:
    """A gap lies in memory as zeros, far below a counter."""
    values = np.full((200, ROWS), 1e15) + np.arange(float(ROWS))
    states = np.full(values.shape, VALUE, dtype=np.uint8)
    states[:, 40:60], values[:, 40:60] = ABSENT, 0.0
    tracemalloc.start()
    kept = packed(values, states)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 2 * values.size
    assert bits(kept.cells(np.arange(200), slice(60, ROWS)).values) == bits(values[:, 60:])


def test_all_but_the_newest_chunks_of_a_usual_page_take_less_than_two_bytes_a_sample() -> None:
    chance = np.random.default_rng(1)
    rates = chance.choice([0.0, 0.2, 3.0, 40.0], 900)
    grid, ids, values = Grid(), tuple(range(1000)), np.floor(chance.uniform(0, 1e6, 1000))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for second in range(10 * ROWS):
        values[:900] += chance.poisson(rates)
        values[900:] = np.round(values[900:] + chance.normal(0, 0.8, 100), 3)
        grid.append(1000 * second, ids, values)
    grid.append(1000 * 10 * ROWS, ids, values)
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    growing, newest = 1125 * ROWS * 9, 1000 * ROWS * 8
    assert (size - growing - newest) / (9 * ROWS * 1000) < 2.0
