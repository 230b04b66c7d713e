"""A page that looks like the one before is read by a shorter way: nobody may tell by the outcome."""

import random

import numpy as np
import pytest

from collector.deadline import Deadline
from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
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


def told(parser: PageParser, text: str) -> "tuple[object, ...]":
    try:
        page = parser.parse(text.encode(), PageFormat.TEXT, 1_700_000_000.0, Deadline.within(30.0))
    except ScrapeError as error:
        return error.kind, error.text
    return flat(page)


def flat(page: Page) -> "tuple[object, ...]":
    values = tuple(map(repr, page.values.tolist()))
    return page.labels, values, dict(page.metadata), page.seen, page.duplicates, page.out_of_bounds


def settled(text: str = FIRST) -> PageParser:
    """A parser that has seen the page often enough to know its shape."""
    parser = PageParser(1000)
    for _ in range(3):
        told(parser, text)
    return parser


@pytest.mark.parametrize(("old", "new"), CHANGES)
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
