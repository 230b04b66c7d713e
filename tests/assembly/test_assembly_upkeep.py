"""Housekeeping in a whole Showcall: a backup that really starts, and what people are told."""

import json
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import InProcess, Process, Typed, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack

EXIT_PROBLEM = 1


def backups(site: Site) -> list[Path]:
    return sorted((site.data_dir / "backups").glob("*.db"))


def make_backup(site: Site, typed: Typed) -> Path:
    code, said, error = typed("backup", "--config", str(site.config_file))
    assert (code, error) == (0, ""), error
    made = backups(site)[-1]
    assert f"{made.name}, " in said
    assert ", checked; 1 of at most 7 kept in " in said.replace("\n", " ")
    return made


def test_a_backup_made_while_it_runs_is_put_back_and_a_showcall_starts_on_it(
    stack: FakeStack, site: Site, run_apart: Callable[[], Process], typed: Typed
) -> None:
    process = run_apart()
    eventually(lambda: process.console.status("/-/ready") == 200, "ready")
    stack.surge()
    eventually(lambda: process.story.rows(TimelineKind.LEVER_SET), "it acted")
    made = make_backup(site, typed)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    rows = len(process.story.rows())
    refused, _, error = typed("restore", str(made), "--config", str(site.config_file))
    assert refused == EXIT_PROBLEM
    assert "already used by another Showcall" in error
    stack.calm()
    assert process.terminate() == 0
    with sqlite3.connect(site.database_file) as lost:
        lost.execute("DELETE FROM timeline")
    code, said, _ = typed("restore", str(made), "--config", str(site.config_file))
    assert code == 0
    assert f"is {made.name} now; the one before is " in said.replace("\n", " ")
    again = run_apart()
    eventually(lambda: again.console.status("/-/ready") == 200, "ready again")
    assert 0 < len(again.story.rows(TimelineKind.LEVER_SET)) <= rows
    eventually(lambda: not again.story.leases(), "the lease of the past is let go of", within=40)
    assert again.terminate() == 0


def test_a_backup_where_there_is_no_database_and_a_restore_of_no_backup_are_refused_in_plain_words(
    site: Site, typed: Typed, tmp_path: Path
) -> None:
    code, _, error = typed("backup", "--config", str(site.write()))
    assert code == EXIT_PROBLEM
    assert f"{site.database_file}: there is no database yet" in error
    wrong = tmp_path / "wrong.db"
    wrong.write_text("no database")
    code, _, error = typed("restore", str(wrong), "--config", str(site.config_file))
    assert code == EXIT_PROBLEM
    assert f"{wrong}: cannot be read as a database" in error
    assert "Traceback" not in error


def test_jobs_are_on_the_page_in_the_health_check_and_in_the_metrics(
    site: Site, run_here: Callable[[], InProcess], typed: Typed
) -> None:
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    make_backup(site, typed)
    running.showcall.upkeep.look()
    visitor = running.signed_in()
    page = visitor.get("/status")[1]
    for shown in (
        "Backup of the database",
        "Retention",
        "Daily digest",
        "1 of at most 7 kept",
        "housekeeping",
    ):
        assert shown in page
    checks = json.loads(visitor.get("/health")[1])["checks"]
    assert checks["job:backup"][0]["status"] == "pass"
    assert checks["storage"][0]["status"] == "pass"
    metrics = visitor.get("/metrics")[1]
    assert 'showcall_job_runs_total{job="backup",outcome="done"} 1.0' in metrics
    assert "showcall_database_bytes " in metrics
    assert "showcall_disk_free_bytes " in metrics
    assert 'showcall_loop_turns_total{loop="housekeeping"}' in metrics


def test_f22_too_little_room_is_said_on_the_console_and_warns(
    site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.config["housekeeping"] = {"disk_low_bytes": str(10**18)}
    running = run_here()
    visitor = running.signed_in()
    assert "is nearly full" in visitor.get("/")[1]
    assert "is nearly full" in visitor.get("/incidents")[1]
    assert json.loads(visitor.get("/health")[1])["checks"]["storage"][0]["status"] == "warn"


@pytest.mark.parametrize("key", ["timezone", "at"])
def test_f35_a_time_that_is_none_is_answered_with_its_line(site: Site, typed: Typed, key: str) -> None:
    site.config["housekeeping"] = {key: "Asia/Soul" if key == "timezone" else "25:00"}
    code, _, error = typed("check", "--config", str(site.write()))
    assert code == 2
    wanted = {
        "timezone": "'Asia/Soul' is not a time zone (did you mean 'Asia/Seoul'?)",
        "at": "'25:00' is not a time of day (want e.g. 03:30)",
    }
    assert f"housekeeping.{key}: {wanted[key]}" in error
