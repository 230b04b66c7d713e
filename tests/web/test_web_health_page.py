"""The Health page: how Showcall itself is, for people."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from alerts.rule_outcome import RuleHealth
from tests.web.desk import NOW, Desk
from web.app import create_app
from web.database_trouble import DatabaseTrouble
from web.health_page import HEADLINES
from web.parts import ConsoleParts, JobHealth, LoopHealth, StorageHealth

JOB = JobHealth(
    name="backup", title="Backup of the database", outcome="done", text="showcall-x.db, 3.1 MB, checked",
    started_at=NOW - 7200, succeeded_at=NOW - 7199, seconds=0.6, due_at=NOW + 3600,
    postponed_since=None, runs=4, failures=1,
)  # fmt: skip
STORAGE = StorageHealth(
    series=1234, resident_bytes=90 * 2**20, database_bytes=3 * 2**20, disk_free_bytes=40 * 2**30,
    disk_low_bytes=2**28, folder="var",
)  # fmt: skip
FULL = replace(
    STORAGE, disk_free_bytes=2**20, write_error="database or disk is full",
    troubles=("the database takes no writes (database or disk is full)", "the disk of var is nearly full"),
)  # fmt: skip


def at_desk(desk: Desk, *jobs: JobHealth, storage: StorageHealth = STORAGE, **parts: object) -> Desk:
    """The same desk with jobs and a disk."""
    changed: ConsoleParts = replace(desk.parts, jobs=lambda: jobs, storage=lambda: storage, **parts)  # type: ignore[arg-type]
    return replace(desk, parts=changed, client=create_app(changed).test_client())


def status_page(desk: Desk) -> str:
    desk.sign_in()
    answer = desk.client.get("/status")
    assert answer.status_code == 200
    return answer.text


def test_the_page_asks_for_a_session(desk: Desk) -> None:
    assert desk.client.get("/status").status_code in {302, 401}


def test_it_shows_jobs_targets_loops_and_room(desk: Desk) -> None:
    page = status_page(at_desk(desk, JOB))
    for shown in (
        "Backup of the database",
        "showcall-x.db, 3.1 MB, checked",
        "600 ms",
        "1234",
        "90MiB",
        "40GiB",
    ):
        assert shown in page
    assert "refused: nothing listens" in page
    assert 'aria-current="page">Health' in page


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (replace(JOB, outcome="failed", text="no room", complaint="failed 3 times in a row: no room"),
         "failed 3 times in a row: no room"),
        (replace(JOB, postponed_since=NOW - 60), "until no lever is held"),
        (replace(JOB, outcome="never", started_at=None, succeeded_at=None, seconds=None, text=""), "not yet"),
    ],
)  # fmt: skip
def test_a_job_that_failed_waits_or_never_ran_says_so(desk: Desk, job: JobHealth, shown: str) -> None:
    assert shown in status_page(at_desk(desk, job))


def test_a_rule_that_fails_is_named_with_its_error(desk: Desk) -> None:
    broken = replace(desk.parts.rules()[0], health=RuleHealth.ERR, error="many-to-many matching")
    page = status_page(at_desk(desk, JOB, rules=lambda: (broken,)))
    assert f"<strong>{broken.rule.name}</strong>: many-to-many matching" in page


def test_the_worst_thing_is_the_headline(desk: Desk) -> None:
    assert HEADLINES["warn"] in status_page(at_desk(desk, JOB))  # redis is down
    desk.loops.append(LoopHealth("evaluation", False, 44.0))
    assert HEADLINES["fail"] in status_page(at_desk(desk, JOB))


def test_f22_a_full_disk_is_said_on_every_page_and_to_machines(desk: Desk) -> None:
    full = at_desk(desk, JOB, storage=FULL)
    full.sign_in()
    for path in ("/", "/incidents", "/account"):
        page = full.client.get(path).text
        assert page.count("the database takes no writes (database or disk is full)") == 1, path
    answer = full.client.get("/health")
    assert answer.status_code == 503
    assert full.json("/health")["checks"]["storage"][0]["status"] == "fail"
    low = at_desk(desk, JOB, storage=replace(FULL, write_error="", troubles=FULL.troubles[1:]))
    assert low.client.get("/health").status_code == 200
    assert low.json("/health")["checks"]["storage"][0]["status"] == "warn"


def test_machines_hear_of_jobs(desk: Desk) -> None:
    checks = at_desk(desk, JOB, replace(JOB, name="digest", complaint="overdue for 70 min")).json("/health")[
        "checks"
    ]
    assert checks["job:backup"][0]["status"] == "pass"
    assert checks["job:digest"][0] == {"status": "warn", "observedValue": "overdue for 70 min"}


def test_a_page_without_a_database_is_one_sentence_and_one_line_in_the_log(desk: Desk) -> None:
    desk.sign_in()
    with desk.database.transaction() as tx:
        tx.exec_driver_sql("DROP TABLE incidents")
    with capture_logs() as logs:
        answers = [desk.client.get("/incidents", headers={"Accept": "text/html"}) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert "The database does not answer (no such table: incidents)" in answers[0].text
    assert [line["event"] for line in logs] == ["database_trouble"]
    assert "exc_info" not in logs[0]


def test_f26_trouble_that_lasts_is_told_now_and_then_with_how_often_it_was_not() -> None:
    at = [100.0]
    trouble = DatabaseTrouble(lambda: at[0])
    error = OperationalError("SELECT 1", None, Exception("database is locked"))
    with capture_logs() as logs:
        for _ in range(100):
            trouble.tell(error, "events")
            at[0] += 1.0
    assert [line["untold"] for line in logs] == [0, 29, 29, 29]
    assert logs[0]["problem"] == "database is locked"
