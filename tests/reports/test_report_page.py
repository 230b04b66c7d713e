from dataclasses import replace

from reports.document import (
    Chart,
    Line,
    Listing,
    Paint,
    Report,
    Section,
    Series,
    Table,
    TableRow,
    Tile,
    Tone,
)
from reports.html import page
from tests.reports.report_reader import loads, read

NASTY = "<img src=x onerror=alert(1)>{{ 7*7 }}&"


def a_report(word: str = "Pool") -> Report:
    line = Series(word, Paint.FIRST, ((0.0, 1.0), (10.0, 2.0)))
    return Report(
        title=word,
        subtitle=word,
        first="left alone",
        second="acting",
        conclusion=word,
        verdict="Prevented",
        tone=Tone.GOOD,
        at=1_795_363_200.0,
        since=1.0,
        until=2.0,
        facts=(("Command", word),),
        tiles=(Tile("Pool timeouts", "65", "0"),),
        sections=(
            Section(
                word,
                (word,),
                (Table(word, ("", "left alone", "acting"), (TableRow("served", (word, "2")),), word),),
                (Chart(word, "s", 0.0, 10.0, (line,), note=word),),
                (Listing(word, (Line("1.0 s", word),), word, verbatim=True),),
            ),
        ),
    )


def test_a_page_is_well_formed_and_needs_nothing_from_elsewhere() -> None:
    html = page(a_report())
    found = read(html)
    assert (found.wrong, found.open) == ([], [])
    assert loads(html) == []


def test_every_word_of_a_report_is_escaped_and_none_is_a_template() -> None:
    html = page(a_report(NASTY))
    assert "<img" not in html
    assert "49" not in html
    assert loads(html) == []
    assert read(html).texts.count(NASTY) >= 8


def test_a_page_says_when_it_was_made_and_for_whom_it_is_dark() -> None:
    html = page(a_report())
    assert "2026-11-22 16:00:00 UTC" in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_a_report_without_charts_and_lists_is_a_page_too() -> None:
    html = page(replace(a_report(), tiles=(), sections=(Section("Empty"),)))
    assert read(html).wrong == []
    assert "<figure" not in html
