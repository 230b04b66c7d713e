import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.document import Band, Chart, Limit, Mark, Paint, Series
from reports.svg_chart import SIDE, described, letter_rows, round_step, svg, time_scale, value_scale

LINE = Series("left alone", Paint.FIRST, ((-20.0, 0.0), (0.0, 5.0), (160.0, 10.0)))
CHART = Chart("Waiting", "requests", -20.0, 160.0, (LINE,))


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(svg(chart))


def paths(chart: Chart) -> list[str]:
    return [each.attrib["d"] for each in drawn(chart).iter("path")]


def test_a_line_goes_through_its_points() -> None:
    assert paths(CHART) == ["M0 1000L111.11 500L1000 0"]


def test_steps_hold_each_value_until_the_next() -> None:
    assert paths(replace(CHART, series=(replace(LINE, steps=True),))) == ["M0 1000H111.11V500H1000V0"]


def test_a_small_chart_is_drawn_in_full() -> None:
    chart = Chart(
        "Cap",
        "users",
        0.0,
        20.0,
        (Series("acting", Paint.SECOND, ((0.0, 1000.0), (10.0, 10.0)), steps=True),),
        bands=(Band("lever held", Paint.SECOND, 10.0, 20.0),),
        marks=(Mark("B", Paint.SECOND, 10.0),),
        limits=(Limit("pool", 10.0),),
        logarithmic=True,
    )
    texts = [each.text for each in drawn(chart).iter("text")]
    assert texts == ["1", "10", "100", "1,000", "0", "10", "20", "pool", "B"]
    assert paths(chart) == ["M0 0H500V666.67"]
    band = next(iter(drawn(chart).iter("rect")))
    assert (band.attrib["x"], band.attrib["width"], band[0].text) == ("50%", "50%", "lever held")


def test_every_text_is_escaped() -> None:
    nasty = '<script>alert(1)</script>&"'
    chart = replace(
        CHART,
        title=nasty,
        series=(replace(LINE, name=nasty),),
        bands=(Band(nasty, Paint.FIRST, 0, 1),),
        marks=(Mark("<", Paint.FIRST, 5),),
        limits=(Limit(nasty, 3),),
    )
    assert "<script" not in svg(chart)
    assert next(iter(drawn(chart).iter("title"))).text == nasty


def test_the_drawing_says_in_words_what_it_shows() -> None:
    assert described(CHART) == "left alone: at most 10 requests, at the end 10 requests"
    assert described(replace(CHART, series=(replace(LINE, points=()),))) == "left alone: no values"
    assert drawn(replace(CHART, series=(replace(LINE, points=()),))) is not None


@pytest.mark.parametrize(
    ("highest", "step"), [(1.0, 0.2), (4.0, 1.0), (5.0, 1.0), (6.0, 2.0), (60.0, 20.0), (190.0, 50.0)]
)
def test_values_are_marked_at_round_steps(highest: float, step: float) -> None:
    assert round_step(highest) == pytest.approx(step)


def test_seconds_are_marked_at_round_ones_with_the_surges_start_among_them() -> None:
    assert time_scale(-20.0, 187.0).ticks == (0, 30, 60, 90, 120, 150, 180)
    assert 0 in time_scale(-7.3, 33.1).ticks


def test_letters_of_marks_close_together_stand_above_each_other() -> None:
    marks = [Mark(letter, Paint.FIRST, at) for letter, at in (("A", 10), ("B", 11), ("C", 12), ("D", 90))]
    assert letter_rows(marks, time_scale(0, 100)) == (0, 1, 2, 0)


NUMBERS = st.floats(0, 1e6, allow_nan=False)
POINTS = st.lists(st.tuples(st.floats(-100, 500, allow_nan=False), NUMBERS), max_size=30)


@given(POINTS, st.booleans(), st.booleans())
def test_whatever_the_values_are_they_stay_inside_the_drawing(
    points: list[tuple[float, float]], steps: bool, logarithmic: bool
) -> None:
    line = Series("x", Paint.FIRST, tuple(sorted(points)), steps)
    chart = replace(CHART, series=(line,), logarithmic=logarithmic)
    for path in paths(chart):
        numbers = path.translate(str.maketrans("MLHV", "    ")).split()
        assert all(0 <= float(number) <= SIDE for number in numbers)
    scale = value_scale(chart)
    assert scale.high >= max((value for _, value in points), default=0)
    assert len(scale.ticks) <= 8
