"""A column of numbers reads as each number alone does, whichever reader takes it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.exposition_numbers import column

spelled = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: f"{value:.17g}"),
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(
        ["-0", "-0.0", "+1", "007", ".5", "5.", "1e5", "1E-05", "2.5e-324", "+Inf", "-inf", "Infinity"]
    ),
)


@settings(max_examples=300)
@given(st.lists(spelled, max_size=20))
def test_a_column_reads_as_its_numbers_do_one_by_one(texts: list[str]) -> None:
    found = column(texts)
    assert found is not None
    assert found.view(np.int64).tolist() == np.array([float(text) for text in texts]).view(np.int64).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1_0",
        "1,2",
        "[1]",
        "-nan",
        "+NaN",
        "1e400",
        "1" * 400,
        "null",
        "true",
        "0x1p3",
        "--1",
        "1e",
        "٣",
    ],
)
@pytest.mark.parametrize("others", [[], ["1"], ["-0", "2.5"]])
def test_what_is_no_number_refuses_its_column(text: str, others: list[str]) -> None:
    assert column([*others, text, *others]) is None
