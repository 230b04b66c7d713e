import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.durations import format_duration, parse_duration
from settings.schema import CollectorSettings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("1s", 1),
        ("5m", 300),
        ("1h30m", 5400),
        ("1w", 604800),
        ("1d1ms", 86400.001),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "5 minutes", "1.5s", "-1s", "1m1h", "1s1s", "5M", "٥s", "1s ", "9" * 5000 + "s"]
)
def test_what_is_no_duration_is_refused_and_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration \(want e\.g\. 500ms, 30s, 5m\)$") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 150


@given(st.integers(min_value=0, max_value=10**13))
def test_a_formatted_duration_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


def test_a_number_given_in_code_is_seconds() -> None:
    assert CollectorSettings(interval=0.25).interval == 0.25
