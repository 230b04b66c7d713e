"""The daily digest: what it says, and that it says it once."""

from dataclasses import replace
from datetime import UTC, datetime

from alerts import timeline_store
from alerts.incident import Incident, IncidentState
from alerts.timeline import TimelineKind, TimelineRow
from housekeeping import job_store
from housekeeping.daily_digest import DailyDigest, Standing
from housekeeping.job import JobOutcome, JobState, Stop, begun, ended
from housekeeping.schedule import DailyAt, latest_due
from reports.digest import DigestFacts, digest_row
from tests.housekeeping.house import DAY, NOW, House

AT_NINE = DailyAt("09:00", "UTC")
DUE = latest_due(AT_NINE, NOW)
QUIET = DigestFacts("2026-09-21", DUE - DAY, DUE, (), ())
INCIDENT = Incident(
    id=12, title="Pool exhausted", state=IncidentState.RESOLVED, cause="database", severity="critical",
    opened_at=DUE - 7200, resolved_at=DUE - 7200 + 423,
)  # fmt: skip


def digest(house: House, standing: Standing | None = None) -> DailyDigest:
    return DailyDigest(house.database, AT_NINE, "backup", lambda: standing or Standing())


def told(house: House) -> list[TimelineRow]:
    with house.database.reading() as connection:
        rows = timeline_store.latest(connection, 1000)
    return [row for row in reversed(rows) if row.kind is TimelineKind.DIGEST]


def test_a_quiet_day_is_one_line() -> None:
    row = digest_row(QUIET, NOW)
    assert (
        row.text
        == "Digest of 2026-09-21, the last 1d 0h 0m 0s: no incident; no action; last backup: none yet"
    )
    assert (row.kind, row.incident_id, row.at) == (TimelineKind.DIGEST, None, NOW)


def test_incidents_are_named_with_how_long_they_lasted_and_why() -> None:
    still = replace(
        INCIDENT, id=13, state=IncidentState.OPEN, resolved_at=None, opened_at=DUE - 60, cause=None
    )
    text = digest_row(replace(QUIET, incidents=(INCIDENT, still)), NOW).text
    assert "2 incidents (#13 Pool exhausted: not over after 60.0 s, " in text
    assert "#12 Pool exhausted: lasted 7m 3s, cause database)" in text


def test_of_many_incidents_only_the_newest_are_named() -> None:
    many = tuple(replace(INCIDENT, id=number) for number in range(1, 9))
    row = digest_row(replace(QUIET, incidents=many), NOW)
    assert "8 incidents (#8 " in row.text
    assert " and 3 more)" in row.text
    assert len(row.details["incidents"]) == 8  # type: ignore[arg-type]


def test_what_fails_is_named() -> None:
    facts = replace(QUIET, failing_rules=("A", "B"), failing_targets=("redis",), backup_problem="no room",
                    backup_at=DUE - DAY)  # fmt: skip
    text = digest_row(facts, NOW).text
    assert "failing rules: A, B; targets without data: redis" in text
    when = datetime.fromtimestamp(DUE - DAY, UTC).strftime("%Y-%m-%d %H:%M UTC")
    assert text.endswith(f"last backup: {when} (the latest failed: no room)")


def test_a_day_is_told_from_what_is_stored(house: House) -> None:
    number = house.incident(DUE - 7200, DUE - 6600)
    house.incident(DUE - 3 * DAY, DUE - 2 * DAY)
    house.run(number, DUE - 7000)
    house.run(number, DUE - 6900, undone=DUE - 6800)
    began = begun(JobState("backup", NOW), DUE - 3601)
    backup = ended(began, JobOutcome.DONE, "", due_at=NOW, now=DUE - 3600, seconds=1.0)
    with house.database.transaction() as tx:
        job_store.save(tx, [backup], NOW)
    assert digest(house, Standing(rules=("A",))).run(NOW, Stop()) == "told the digest of 2026-09-21"
    (row,) = told(house)
    assert "1 incident (#1 Pool exhausted: lasted 10m 0s, cause pool); " in row.text
    assert (
        "2 actions (throttle_queue 2), 1 undone; failing rules: A; last backup: 2026-09-21 08:00 UTC"
        in row.text
    )
    assert row.details["undone"] == ["throttle_queue-1-2"]


def test_a_day_is_told_once_however_often_it_is_tried(house: House) -> None:
    for later in (0, 60, 3600):
        digest(house).run(NOW + later, Stop())
    assert len(told(house)) == 1
    digest(house).run(NOW + DAY, Stop())
    digest(house).run(NOW, Stop())  # the clock was set back by a day
    assert [row.details["day"] for row in told(house)] == ["2026-09-21", "2026-09-22"]


def test_days_that_were_missed_are_told_as_one_and_nothing_falls_between_two(house: House) -> None:
    digest(house).run(NOW, Stop())
    digest(house).run(NOW + 4 * DAY, Stop())
    first, second = told(house)
    assert second.details["since"] == first.details["until"]
    digest(house).run(NOW + 40 * DAY, Stop())
    assert told(house)[-1].details["since"] == DUE + 33 * DAY
