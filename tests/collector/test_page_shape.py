"""A page that looks like the one before is read by a shorter way: nobody may tell by the outcome."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.deadline import Deadline
from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.round import ErrorKind
from collector.source import ScrapeError

FIRST = """# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{kind="a b"} 1
jobs_total{kind="c"} 2.5

# TYPE level gauge
level 7
level{at="x"} NaN
"""

CHANGES = (
    ("2.5", "3.5"),
    ("2.5", "1e400"),
    ("2.5", "+Inf"),
    ("2.5", "-Inf"),
    ("2.5", "-nan"),
    ("2.5", "1_0"),
    ("2.5", ""),
    ("2.5", " 3"),
    ("2.5", "3 1700000000000"),
    ("2.5", "0x1p3"),
    ("2.5", "٣"),
    ("NaN", "nan"),
    ("NaN", "4"),
    ('jobs_total{kind="c"} 2.5', "2.5"),
    ('jobs_total{kind="c"} 2.5', "9"),
    ('jobs_total{kind="c"} ', 'jobs_total{kind="d"} '),
    ('jobs_total{kind="c"} ', 'jobs_total{kind="a b"} '),
    ('jobs_total{kind="c"} ', 'jobs_total{kind="c"}\t'),
    ("level 7\n", ""),
    ("level 7\n", "level 7\nother 1\n"),
    ("level 7\n", "# level 7\n"),
    ("# TYPE level gauge", "# TYPE level counter"),
    ("# TYPE level gauge", "level_2 3"),
    ("# HELP jobs_total Jobs.\n", ""),
    ("\n\n", "\n"),
    ("\n\n", "\n \n"),
)

ODD = (
    ("2.5", "3,5"),
    ("2.5", "2.5,"),
    ("2.5", "\x002.5"),
    ("2.5", "2\x00.5"),
    ("2.5", "2.5\r"),
    ("2.5", "[2.5]"),
    ("2.5", '"2.5"'),
    ("2.5", "true"),
    ("2.5", "-0"),
    ("2.5", "-0.0"),
    ("2.5", "-2.2250738585072014e-308"),
    ("2.5", "123456789012345678901234567890.5"),
    ("2.5", "1" * 400),
    ("2.5", "+2.5"),
    ("2.5", "infinity"),
    ("level 7", "level 7 "),
    ("level 7", "level  7"),
    ("level 7", "level7"),
    ("level 7", "leve"),
    ("level 7", "levels 7"),
    ("level 7", "# level 7"),
    ("Jobs.", "Jobs.5"),
    ("\n\n", "\n5\n"),
)


def told(parser: PageParser, text: str | bytes, form: PageFormat = PageFormat.TEXT) -> "tuple[object, ...]":
    body = text.encode() if isinstance(text, str) else text
    try:
        page = parser.parse(body, form, 1_700_000_000.0, Deadline.within(30.0))
    except ScrapeError as error:
        return error.kind, error.text
    return flat(page)


def outcome(parser: PageParser, body: bytes, form: PageFormat = PageFormat.TEXT) -> "tuple[object, ...]":
    """The same; of several errors on a page another one may be told."""
    found = told(parser, body, form)
    return found[:1] if isinstance(found[0], ErrorKind) else found


def flat(page: Page) -> "tuple[object, ...]":
    values = tuple(page.values.view(np.int64).tolist())
    return page.labels, values, dict(page.metadata), page.seen, page.duplicates, page.out_of_bounds


def settled(text: str | bytes = FIRST, form: PageFormat = PageFormat.TEXT) -> PageParser:
    """A parser that has seen the page often enough to know its shape."""
    parser = PageParser(1000)
    for _ in range(3):
        told(parser, text, form)
    return parser


@pytest.mark.parametrize(("old", "new"), [*CHANGES, *ODD])
def test_a_changed_page_reads_the_same_by_either_way(old: str, new: str) -> None:
    page = FIRST.replace(old, new, 1)
    assert page != FIRST
    parser = settled()
    assert told(parser, page) == told(PageParser(1000), page)
    assert told(parser, FIRST) == told(PageParser(1000), FIRST)


def test_many_changes_in_a_row_read_the_same_by_either_way() -> None:
    chance = random.Random(7)
    parser, page = settled(), FIRST
    for _ in range(400):
        page = FIRST if chance.random() < 0.5 else page
        for old, new in chance.sample(CHANGES, chance.randint(0, 2)):
            page = page.replace(old, new, 1)
        assert told(parser, page) == told(PageParser(1000), page)


def test_the_label_sets_of_a_page_like_the_last_are_the_very_same_tuple() -> None:
    parser = settled()
    pages = [
        parser.parse(text.encode(), PageFormat.TEXT, 0.0, Deadline.within(30.0))
        for text in (FIRST, FIRST.replace("2.5", "4"))
    ]
    assert pages[0].labels is pages[1].labels
    assert np.array_equal(pages[1].values, [1.0, 4.0, 7.0, np.nan], equal_nan=True)
    assert np.array_equal(pages[0].values, [1.0, 2.5, 7.0, np.nan], equal_nan=True)


def test_duplicates_are_dropped_on_every_page() -> None:
    twice = FIRST + "level 8\n"
    parser = settled(twice)
    assert told(parser, twice.replace("7", "9")) == told(PageParser(1000), twice.replace("7", "9"))


def test_a_last_line_that_was_long_may_become_short_and_long_again() -> None:
    long = f'{FIRST}last{{at="{"x" * 3000}"}} 1\n'
    parser = settled(long)
    for page in (
        FIRST + "last 1\n",
        long.replace(" 1\n", " 2\n"),
        long,
        FIRST + "\n",
        FIRST,
        long[:-1],
        long,
    ):
        assert told(parser, page) == told(PageParser(1000), page)


def test_a_sample_that_was_dropped_for_its_time_is_looked_at_each_time() -> None:
    page = b"level 7\nlate 1 1700000900000\n"
    parser = settled(page)
    early, later = (
        parser.parse(page, PageFormat.TEXT, at, Deadline.within(30.0))
        for at in (1_700_000_000.0, 1_700_000_400.0)
    )
    assert (len(early.labels), early.out_of_bounds) == (1, 1)
    assert (len(later.labels), later.out_of_bounds) == (2, 0)


names = st.text("abcdef", min_size=1, max_size=6)
heads = st.one_of(
    names,
    st.builds(
        '{}{{at="{}"}}'.format, names, st.text("xyz ,1é٣", max_size=400).filter(lambda text: "\n" not in text)
    ),
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: f"{value:.3f}"),
    st.integers(-(10**35), 10**35).map(str),
    st.sampled_from(
        ["0", "-0", "1", "1.0", "NaN", "+Inf", "-Inf", "-nan", "1e400", ".5", "5.", "007", "", "-"]
    ),
)
extras = st.sampled_from(["", "# HELP a é", "# TYPE a counter", " ", "# a 1"])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_pages_of_the_same_series_read_the_same_by_either_way(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.tuples(extras, heads), min_size=1, max_size=12))
    form = data.draw(st.sampled_from(PageFormat))

    def page() -> bytes:
        found = []
        for extra, head in lines:
            found += [extra] * bool(extra) + [f"{head} {data.draw(numbers)}"]
        return "\n".join([*found, *(["# EOF"] * (form is PageFormat.OPENMETRICS)), ""]).encode()

    parser = settled(page(), form)
    for _ in range(4):
        body = page()
        for _ in range(2):
            assert outcome(parser, body, form) == outcome(PageParser(1000), body, form)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_page_with_any_bytes_changed_reads_the_same_by_either_way(data: st.DataObject) -> None:
    body = FIRST.encode()
    parser = settled(body)
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(begin, min(begin + 3, len(body))))
        some = st.one_of(
            st.binary(max_size=3), st.text("0123456789 .-+eE\n,\x00#", max_size=4).map(str.encode)
        )
        body = body[:begin] + data.draw(some) + body[end:]
        assert outcome(parser, body) == outcome(PageParser(1000), body)
    assert told(parser, FIRST) == told(PageParser(1000), FIRST)
