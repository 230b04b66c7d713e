"""From raw runs to the page: what the report says is what the figures are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import comparison
import comparison_charts
import comparison_figures
import comparison_report
from reports import shelf
from reports.document import Paint, Report, Tone
from reports.html import page
from stack.drills import comparison_file, over_time
from stack.drills.comparison import Comparison, side_of
from stack.drills.comparison_file import Made
from stack.drills.comparison_verdict import judge_comparison
from stack.drills.json_file import DrillFileError
from stack.load.outcome_kind import OutcomeKind
from tests.reports.report_reader import Page, loads, read
from tests.stack.comparison_story import LINE, date_of, good_comparison, left_alone
from tests.stack.drill_story import START

MADE = Made(START, "0.1.0", "showcall drill pool_exhaustion --compare <&>")


def report_of(found: Comparison) -> Report:
    return comparison_report.build(found, judge_comparison(found), MADE)


def figures_of(found: Comparison) -> dict[str, Any]:
    figures = comparison_figures.figures(found, judge_comparison(found), MADE)
    return json.loads(json.dumps(figures))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shown() -> Page:
    return read(page(report_of(good_comparison())))


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return figures_of(good_comparison())


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    html = page(report_of(good_comparison()))
    found = read(html)
    assert (found.wrong, found.open) == ([], [])
    assert loads(html) == []
    assert len(html) < 400_000


@pytest.mark.parametrize(
    ("title", "figure"),
    [
        ("users who arrived in the surge", "arrived"),
        ("served", "served"),
        ("every page within 2.5 s", "within_objective"),
        ("gave up waiting in the queue", "gave_up"),
        ("failed", "failed"),
        ("still without an answer when the watch ended", "still_waiting"),
        ("saw at least one error or timeout", "saw_error"),
        ("waited over 30 s for one page", "waited_long"),
        ("times put back in the queue", "put_back"),
    ],
)
def test_every_count_of_users_on_the_page_is_the_figure(
    shown: Page, figures: dict[str, Any], title: str, figure: str
) -> None:
    wanted = [str(figures[run]["users"][figure]) for run in ("left_alone", "acting")]
    assert shown.cells(title) == [wanted]


@pytest.mark.parametrize(
    ("title", "window"),
    [
        ("before the surge (20 s)", "before"),
        ("first half of the surge (60 s)", "first half"),
        ("second half of the surge (60 s)", "second half"),
    ],
)
def test_every_percentile_on_the_page_is_the_figure(
    shown: Page, figures: dict[str, Any], title: str, window: str
) -> None:
    for cell, run in zip(shown.cells(title)[0], ("left_alone", "acting"), strict=True):
        found = figures[run]["windows"][window]
        numbers = " / ".join(f"{found[name]:.2f}" for name in ("p50", "p90", "p95"))
        assert cell == f"{'≥ ' if found['cut_off'] else ''}{numbers} s"


@pytest.mark.parametrize(
    ("title", "instant"),
    [
        ("first request waits for a connection", "first_waiting"),
        ("alert fires", "alert_firing"),
        ("recovered: a whole period without waiting", "recovered"),
        ("levers at their baseline", "levers_back"),
        ("incident resolved", "resolved"),
    ],
)
def test_every_instant_on_the_page_is_the_figure(
    shown: Page, figures: dict[str, Any], title: str, instant: str
) -> None:
    found = [figures[run]["instants"][instant] for run in ("left_alone", "acting")]
    assert shown.cells(title) == [["–" if at is None else f"{at:.1f} s" for at in found]]


def test_the_pools_figures_on_the_page_are_those_of_the_json(shown: Page, figures: dict[str, Any]) -> None:
    runs = [figures[run] for run in ("left_alone", "acting")]
    assert [str(run["pool_timeouts"]) for run in runs] in shown.cells("pool timeouts")
    assert shown.cells("first pool timeout after the surge began")[0] == ["70.0 s", "–"]
    assert shown.cells("most requests waiting for a connection")[0] == [
        f"{run['most_pending']:.0f}" for run in runs
    ]
    assert shown.cells("incidents")[0] == [str(run["incidents"]) for run in runs]


def test_every_expectation_stands_on_the_page_with_its_outcome(shown: Page) -> None:
    verdict = judge_comparison(good_comparison())
    marks = [row[-1] for row in shown.rows if row[-1] in {"ok", "failed"}]
    assert marks == ["ok"] * len(verdict.expectations)


def test_the_machines_noise_is_in_it(shown: Page) -> None:
    assert shown.cells("served while saturated") == [["4.80 queries/s over 150 s", "saturated for 12 s only"]]
    assert shown.cells("capacity measured before") == [["4.80 queries/s"] * 2]
    assert shown.cells("stolen by its host") == [["3.4 %"] * 2]


def test_the_page_names_command_version_and_start_and_calls_simulated_what_is(shown: Page) -> None:
    text = " ".join(shown.texts)
    assert MADE.command in text
    assert "0.1.0" in text
    assert "2026-11-18 11:06:40 UTC" in text
    assert "600 simulated users" in text
    assert "The users are simulated." in text
    assert "seats, simulated" in text


def test_the_published_line_is_quoted_from_the_log_with_its_count(shown: Page) -> None:
    assert shown.texts.count(LINE) == 3
    assert "3 of 65 lines" in shown.texts


def test_what_it_would_have_done_and_what_it_did_are_told() -> None:
    listings = {each.title: each.lines for s in report_of(good_comparison()).sections for each in s.listings}
    would = listings["Left alone: what it would have done (observe mode, nothing was sent)"]
    assert [line.at for line in would] == ["13.2 s"]
    assert would[0].text.startswith("throttle_queue would act: ")
    did = [line.text for line in listings["Acting: what it did"]]
    assert did[0] == "PoolExhausted fires"
    assert did[-1] == "Incident 1 resolved"


def test_a_run_that_said_and_did_nothing_says_so() -> None:
    silent = replace(left_alone(), events=(), log=())
    text = " ".join(read(page(report_of(replace(good_comparison(), left_alone=silent)))).texts)
    assert "Nothing." in text
    assert "no request ran into the pool's patience" in text


def test_a_host_that_was_too_fast_is_said_in_the_conclusion_and_beside_the_machine() -> None:
    drill = left_alone()
    samples = tuple(replace(s, pool_timeouts=0, pool_uses=7 * (s.at - START)) for s in drill.samples)
    found = replace(good_comparison(), left_alone=replace(drill, samples=samples, log=()))
    report = report_of(found)
    assert (report.tone, report.verdict) == (Tone.UNSURE, "Inconclusive: play it again")
    assert "the host was too fast" in report.conclusion
    text = " ".join(read(page(report)).texts)
    assert "7.00 (+46 %). That is too fast for the failure to appear." in text


def test_a_failed_comparison_is_said_in_red_with_what_failed() -> None:
    found = replace(good_comparison(), left_alone=replace(left_alone(), events=left_alone().events[:2]))
    report = report_of(found)
    assert report.tone is Tone.BAD
    assert report.conclusion == "1 expectation failed: times it said what it would have done."


def test_the_charts_show_both_runs_with_the_lever_and_the_marks() -> None:
    found = good_comparison()
    alone, acting = (side_of(run, 40) for run in (found.left_alone, found.acting))
    charts = comparison_charts.charts(found, alone, acting)
    assert len({chart.title for chart in charts}) == len(charts) == 8
    for chart in charts:
        assert [series.paint for series in chart.series] == [Paint.FIRST, Paint.SECOND]
        assert all(series.points for series in chart.series)
        assert [band.name for band in chart.bands] == ["surge", "lever held"]
        assert [mark.letter for mark in chart.marks] == ["A", "B", "C", "T", "D"]
        assert (chart.since, chart.until) == (-20.0, 185.0)
    assert "T first pool timeout, left alone (70.0 s)" in comparison_charts.legend(charts[0].marks)


def test_the_latency_curve_does_not_fall_because_the_watching_ended() -> None:
    story = left_alone()
    waiting = date_of(700, 120.0, 60.0, OutcomeKind.UNFINISHED)
    soon = date_of(701, 110.0, 20.0)
    cut = replace(story, requests=(soon, waiting, date_of(702, 160.0, 20.0, OutcomeKind.UNFINISHED)))
    assert over_time.latency(cut, 95) == ((92.5, 20.0),)


def test_it_says_that_nobody_can_serve_all_who_arrive() -> None:
    html = page(report_of(good_comparison()))
    assert "can serve 1.0 such users a second, and 5.0 arrive" in html


def test_a_report_can_be_made_again_from_the_raw_runs(tmp_path: Path) -> None:
    name = shelf.name_of(MADE.at, "pool_exhaustion-comparison")
    raw = tmp_path / f"{name}.drills.json"
    comparison_file.save(good_comparison(), MADE, raw)
    made = comparison.again(raw)
    assert made == tmp_path / f"{name}.html"
    assert read(made.read_text()).texts == read(page(report_of(good_comparison()))).texts
    assert shelf.entries(tmp_path)[0].title == report_of(good_comparison()).title
    with pytest.raises(DrillFileError, match="cannot be read"):
        comparison.again(tmp_path / "none.drills.json")
