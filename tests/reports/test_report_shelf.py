import json
from dataclasses import replace
from pathlib import Path

import pytest

from reports import shelf
from reports.document import Tone
from tests.reports.test_report_page import a_report

NAME = "20261122T160000Z-pool_exhaustion-comparison"


def test_a_report_is_kept_with_its_summary_and_found_again(tmp_path: Path) -> None:
    kept = shelf.keep(tmp_path / "reports", NAME, a_report(), {"pool_timeouts": 65})
    assert kept == tmp_path / "reports" / f"{NAME}.html"
    entry = shelf.entries(tmp_path / "reports")[0]
    assert (entry.name, entry.title, entry.tone, entry.at) == (NAME, "Pool", Tone.GOOD, 1_795_363_200.0)
    assert [(tile.title, tile.first, tile.second) for tile in entry.headline] == [
        ("Pool timeouts", "65", "0")
    ]
    assert json.loads(kept.with_suffix(".json").read_text())["figures"] == {"pool_timeouts": 65}
    assert not list(kept.parent.glob("*.new"))


def test_the_newest_report_comes_first_and_other_files_are_left_out(tmp_path: Path) -> None:
    for day in ("21", "23", "22"):
        shelf.keep(tmp_path, f"202611{day}T160000Z-pool", a_report(), {})
    (tmp_path / "notes.html").write_text("mine")
    (tmp_path / "20261124T160000Z-pool.drills.json").write_text("{}")
    assert [entry.name[:8] for entry in shelf.entries(tmp_path)] == ["20261123", "20261122", "20261121"]
    assert shelf.entries(tmp_path / "not there") == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"title": 1}', '{"tone": "loud"}', '{"at": "noon"}', "\x00"]
)
def test_a_report_with_a_broken_summary_is_listed_with_what_is_wrong(tmp_path: Path, text: str) -> None:
    shelf.keep(tmp_path, NAME, a_report(), {})
    (tmp_path / f"{NAME}.json").write_text(text)
    entry = shelf.entries(tmp_path)[0]
    assert entry.title == NAME
    assert entry.problem.startswith(f"{NAME}.json: is not the summary of a report")
    assert not entry.covers(0.0)


def test_a_report_whose_summary_is_gone_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    shelf.keep(tmp_path, NAME, a_report(), {})
    (tmp_path / f"{NAME}.json").unlink()
    assert "cannot be read: No such file" in shelf.entries(tmp_path)[0].problem


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "..",
        "/etc/passwd",
        "20261122T160000Z-pool/../../x",
        "20261122T160000Z-pool\n",
        "20261122T160000Z-pool.html",
        "",
        "20261122T160000Z",
        "20261122T160000Z-Pool",
        "2026\u0661122T160000Z-pool",
    ],
)
def test_s01_a_name_that_is_none_leads_nowhere_and_is_not_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "reports"
    folder.mkdir()
    assert shelf.page_file(folder, name) is None
    with pytest.raises(ValueError, match="is no name for a report"):
        shelf.keep(folder, name, a_report(), {})


def test_s01_a_link_to_a_file_elsewhere_is_not_a_report(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / f"{NAME}.html").symlink_to(tmp_path / "secret.html")
    assert shelf.page_file(folder, NAME) is None
    assert shelf.entries(folder) == []


def test_a_report_is_named_by_its_time_and_subject() -> None:
    assert shelf.name_of(1_795_363_200.0, "pool_exhaustion-comparison") == NAME


def test_a_report_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    shelf.keep(tmp_path, NAME, a_report(), {})
    shelf.keep(tmp_path, NAME, replace(a_report(), title="Again"), {})
    assert [entry.title for entry in shelf.entries(tmp_path)] == ["Again"]


def test_a_report_covers_the_time_it_speaks_of(tmp_path: Path) -> None:
    shelf.keep(tmp_path, NAME, replace(a_report(), since=100.0, until=200.0), {})
    entry = shelf.entries(tmp_path)[0]
    assert [entry.covers(at) for at in (99.0, 100.0, 150.0, 200.0, 201.0)] == [False, True, True, True, False]
