"""The page Reports, and a report served as the document that it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from reports import shelf
from settings.schema import RunbookMode
from tests.reports.test_report_page import a_report
from tests.web.desk import NOW, Desk

NAME = "20261122T160000Z-pool_exhaustion-comparison"


@pytest.fixture
def folder(desk: Desk, tmp_path: Path) -> Path:
    """The desk's own shelf."""
    settings = desk.parts.settings.model_copy(update={"data_dir": tmp_path / "var"})
    desk.client.application.extensions["showcall"] = replace(desk.parts, settings=settings)
    return tmp_path / "var" / "reports"


@pytest.fixture
def kept(folder: Path) -> Path:
    return shelf.keep(folder, NAME, replace(a_report(), since=NOW - 100, until=NOW), {"pool_timeouts": 65})


def test_without_a_report_the_page_says_how_to_make_one(desk: Desk, folder: Path) -> None:
    desk.sign_in()
    page = desk.client.get("/reports").text
    assert "showcall drill pool_exhaustion --compare" in page
    assert "Latest report" not in desk.client.get("/").text


def test_the_list_shows_title_time_conclusion_and_headline_figures(desk: Desk, kept: Path) -> None:
    desk.sign_in()
    page = desk.client.get("/reports").text
    for words in (
        "Prevented",
        "2026-11-22 16:00:00 UTC",
        "Pool timeouts",
        ">65<",
        f"/reports/{NAME}",
        "badge ok",
    ):
        assert words in page, words


def test_a_report_is_served_with_a_policy_under_which_it_can_do_nothing(desk: Desk, kept: Path) -> None:
    desk.sign_in()
    answer = desk.client.get(f"/reports/{NAME}")
    assert answer.status_code == 200
    assert answer.text == kept.read_text()
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/reports", f"/reports/{NAME}"])
def test_reports_are_for_those_who_are_signed_in(desk: Desk, kept: Path, path: str) -> None:
    answer = desk.client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert "/sign-in" in answer.headers["Location"]


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fshowcall",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        f"{NAME}.html",
        f"{NAME}.drills.json",
        "20261122T160000Z-nothing",
        "..",
        f"{NAME}%00",
        f"{NAME}%0a",
        "....//showcall",
    ],
)
def test_s01_a_path_that_is_no_reports_name_leads_nowhere(desk: Desk, kept: Path, name: str) -> None:
    (kept.parent.parent / "showcall.html").write_text("secret")
    desk.sign_in()
    answer = desk.client.get(f"/reports/{name}")
    assert answer.status_code in {404, 308}
    assert "secret" not in answer.text


def test_a_report_with_a_broken_summary_is_listed_with_what_is_wrong(desk: Desk, kept: Path) -> None:
    kept.with_suffix(".json").write_text('{"title": "<script>"}')
    desk.sign_in()
    page = desk.client.get("/reports").text
    assert "is not the summary of a report" in page
    assert "<script>" not in page.replace('<script type="module"', "")


def test_now_leads_to_the_latest_report(desk: Desk, kept: Path) -> None:
    desk.sign_in()
    page = desk.client.get("/").text
    assert f"/reports/{NAME}" in page
    assert "2026-11-22 16:00 UTC" in page


def test_an_incident_leads_to_the_reports_that_cover_its_time_and_to_no_other(desk: Desk, kept: Path) -> None:
    desk.sign_in()
    inside = desk.open_incident()
    assert f"/reports/{NAME}" in desk.client.get(f"/incidents/{inside}").text
    outside = desk.open_incident(opened_at=NOW - 500)
    assert f"/reports/{NAME}" not in desk.client.get(f"/incidents/{outside}").text


@pytest.mark.parametrize(
    ("mode", "badge", "says"),
    [
        (RunbookMode.OBSERVE, "observe mode", "say what they would do and send nothing (observe mode)"),
        (RunbookMode.ASK, "ask mode", "ask a person before they act (ask mode)"),
    ],
)
def test_the_console_shows_on_every_page_that_runbooks_do_not_act_alone(
    desk: Desk, mode: RunbookMode, badge: str, says: str
) -> None:
    runbooks = desk.parts.settings.runbooks.model_copy(update={"mode": mode})
    settings = desk.parts.settings.model_copy(update={"runbooks": runbooks})
    desk.client.application.extensions["showcall"] = replace(desk.parts, settings=settings)
    desk.client.application.jinja_env.globals["mode"] = mode.value
    desk.sign_in()
    assert f"{badge}</span>" in desk.client.get("/incidents").text
    assert says in desk.client.get("/").text


def test_in_auto_mode_there_is_no_such_badge(desk: Desk) -> None:
    desk.sign_in()
    assert "auto mode</span>" not in desk.client.get("/incidents").text
