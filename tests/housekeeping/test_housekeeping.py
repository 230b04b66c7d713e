"""Jobs over restarts: what was missed is done once, what died is known, what is stopped goes on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from housekeeping.backup_store import BackupError
from housekeeping.job import Job, JobOutcome, Stop
from housekeeping.keeper import Housekeeping, NotLookedError
from housekeeping.schedule import Every, next_due
from tests.housekeeping.house import DAY, NIGHTLY, NOW, House, Labour, eventually


@contextmanager
def at_work(keeper: Housekeeping) -> Iterator[Housekeeping]:
    keeper.start()
    try:
        yield keeper
    finally:
        assert keeper.stop(5.0)


def test_a_new_job_waits_for_its_time_of_day_and_then_runs_once(house: House) -> None:
    labour = Labour()
    with at_work(house.keeper(labour.job())) as keeper:
        keeper.look()
        assert labour.times == []
        house.clock[0] = next_due(NIGHTLY, NOW)
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)
        keeper.look()
        keeper.look()
    assert len(labour.times) == 1
    state = house.state("backup")
    assert (state.runs, state.failures, state.text) == (1, 0, "did it")
    assert state.due_at == next_due(NIGHTLY, house.clock[0])


def test_what_was_missed_while_the_process_was_down_is_done_once_at_the_start(house: House) -> None:
    house.keeper(Labour().job()).recall()
    house.clock[0] = NOW + 5 * DAY
    labour = Labour()
    with at_work(house.keeper(labour.job())) as keeper:
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)
        keeper.look()
    assert len(labour.times) == 1
    assert NOW + 5 * DAY < house.state("backup").due_at <= NOW + 6 * DAY


def test_a_run_whose_process_was_killed_is_known_to_have_died_and_is_tried_again(house: House) -> None:
    labour = Labour(hold=True)
    first = house.keeper(labour.job(schedule=Every(DAY)))
    first.start()
    first.look()
    assert labour.began.wait(5)
    second = Labour()
    house.clock[0] = NOW + 30
    after = house.keeper(second.job(schedule=Every(DAY)))  # as after kill -9: nobody told the row
    after.recall()
    died = house.state("backup")
    assert (died.outcome, died.cut_short, died.in_a_row) == (JobOutcome.DIED, 1, 1)
    assert died.due_at == NOW + 30 + 600
    labour.let_go.set()
    assert first.stop(5.0)


def test_a_stop_ends_a_running_job_between_two_steps_and_it_goes_on_after_the_next_start(
    house: House,
) -> None:
    labour = Labour(hold=True)
    keeper = house.keeper(labour.job(schedule=Every(DAY)))
    keeper.start()
    keeper.look()
    assert labour.began.wait(5)
    assert keeper.stop(5.0)
    stopped = house.state("backup")
    assert (stopped.outcome, stopped.in_a_row) == (JobOutcome.STOPPED, 0)
    again = Labour()
    with at_work(house.keeper(again.job(schedule=Every(DAY)))) as keeper:
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)


def test_a_job_that_hangs_does_not_keep_showcall_from_ending(house: House) -> None:
    hangs, forever = threading.Event(), threading.Event()

    def work(_now: float, _stop: Stop) -> str:
        hangs.set()
        forever.wait(30)
        return ""

    keeper = house.keeper(Job("backup", "Backup", Every(DAY), work))
    keeper.start()
    keeper.look()
    assert hangs.wait(5)
    assert not keeper.stop(0.1)
    (thread,) = [each for each in threading.enumerate() if each.name.startswith("job-backup")]
    assert thread.daemon
    forever.set()
    thread.join(5)


def test_a_job_that_fails_says_why_and_is_tried_again_after_ten_minutes(house: House) -> None:
    labour = Labour(error=BackupError("no room at all"))
    with at_work(house.keeper(labour.job(schedule=Every(DAY)))) as keeper:
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.FAILED)
        assert keeper.statuses()[0].complaint == "failed once: no room at all"
        assert house.state("backup").due_at == NOW + 600
        labour.error = None
        house.clock[0] = NOW + 601
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)
        assert keeper.statuses()[0].complaint == ""


def test_a_job_that_breaks_is_no_end_of_the_others(house: House) -> None:
    broken, good = Labour(error=ZeroDivisionError("unexpected")), Labour()
    with at_work(house.keeper(broken.job("one", Every(DAY)), good.job("two", Every(DAY)))) as keeper:
        keeper.look()
        eventually(lambda: house.state("two").outcome is JobOutcome.DONE)
        eventually(lambda: house.state("one").outcome is JobOutcome.FAILED)
    assert house.state("one").text == "ZeroDivisionError: unexpected"


def test_a_heavy_job_waits_while_a_lever_is_held_says_so_and_runs_when_it_is_let_go(house: House) -> None:
    labour, held = Labour(), [True]
    with at_work(house.keeper(labour.job(schedule=Every(DAY)), held=lambda: held[0])) as keeper:
        keeper.look()
        assert house.state("backup").postponed_since == NOW
        house.clock[0] = NOW + 3600
        keeper.look()
        assert labour.times == []
        assert house.state("backup").postponed_since == NOW
        held[0] = False
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)
    assert house.state("backup").postponed_since is None


def test_a_lever_held_for_ever_is_not_the_end_of_backups(house: House) -> None:
    labour = Labour()
    with at_work(house.keeper(labour.job(schedule=Every(DAY)), held=lambda: True)) as keeper:
        keeper.look()
        house.clock[0] = NOW + 6 * 3600
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)


def test_a_job_that_runs_is_not_begun_again_however_often_somebody_looks(house: House) -> None:
    labour = Labour(hold=True)
    with at_work(house.keeper(labour.job(schedule=Every(1.0)))) as keeper:
        keeper.look()
        assert labour.began.wait(5)
        house.clock[0] = NOW + 60
        keeper.look()
        keeper.look()
        assert len(labour.times) == 1
        labour.let_go.set()


def test_a_database_that_takes_nothing_is_told_without_a_trace_and_looked_at_again(house: House) -> None:
    labour = Labour()
    keeper = house.keeper(labour.job(schedule=Every(DAY)))
    keeper.recall()
    with house.database.transaction() as tx:
        tx.exec_driver_sql("ALTER TABLE housekeeping_jobs RENAME TO gone")
    with pytest.raises(NotLookedError, match="no such table"):
        keeper.look()
    with house.database.transaction() as tx:
        tx.exec_driver_sql("ALTER TABLE gone RENAME TO housekeeping_jobs")
    with at_work(keeper):
        keeper.look()
        eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)


def test_what_a_run_came_to_is_written_once_the_database_takes_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housekeeping.keeper.WRITE_AGAIN_SECONDS", 0.05)
    labour = Labour(hold=True)
    with at_work(house.keeper(labour.job(schedule=Every(DAY)))) as keeper:
        keeper.look()
        assert labour.began.wait(5)
        with capture_logs() as logs:
            with house.database.transaction() as tx:
                tx.exec_driver_sql("ALTER TABLE housekeeping_jobs RENAME TO gone")
            labour.let_go.set()
            eventually(lambda: any(line["event"] == "job_not_noted" for line in logs))
            with house.database.transaction() as tx:
                tx.exec_driver_sql("ALTER TABLE gone RENAME TO housekeeping_jobs")
            eventually(lambda: house.state("backup").outcome is JobOutcome.DONE)
