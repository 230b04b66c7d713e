"""F27: PostgreSQL restarts, or the network is cut at a commit. Nothing is lost and nothing is done twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from alerts.running_action import RunningAction
from alerts.timeline import TimelineKind
from database import Database, NotLeadingError
from leader_lock import DatabaseInUseError, LeaderLock
from postgresql import server as server_of
from tests.alerts.alert_rig import TOPOLOGY, configured
from tests.alerts.alert_rig import Rig as AlertRig
from tests.alerts.test_alert_evaluator import POOL, exhausted
from tests.outbox.fake_slack import TOKEN, fake_slack
from tests.outbox.outbox_rig import START, Rig, worker
from tests.postgresql.postgresql_rig import Lost, Network, Place
from tests.postgresql.test_postgresql_database import opened
from tests.stack.service_rig import eventually

COMMITS_OF_AN_ATTEMPT = 4  # claims of the past, what is new, the claim, how it ended


@pytest.fixture
def database(place: Place, line: Network) -> Iterator[Database]:
    """Reached over a network that can be cut."""
    opened(place).close()
    database = Database(place.url_by(line.port))
    yield database
    database.close()


@pytest.mark.parametrize("lost", Lost)
def test_f27_a_commit_whose_answer_is_lost_is_read_back_and_told_once(
    database: Database, line: Network, tmp_path: Path, lost: Lost
) -> None:
    up = AlertRig(database, *configured(tmp_path, POOL, TOPOLOGY))
    exhausted(up)
    up.round()
    line.lose_commit(lost)
    problem = up.round().problem
    assert line.cuts == 1
    assert problem is not None
    assert "not be stored" in problem
    assert database.trouble is not None
    assert up.states() == {"Pool": "firing" if lost is Lost.HAPPENED else "pending"}
    assert [evaluation.problem for evaluation in up.rounds(3)] == [None] * 3
    assert up.kinds() == ["alert_pending", "alert_firing", "incident_opened"]
    with database.transaction():
        pass
    assert database.trouble is None


@pytest.mark.parametrize("lost", Lost)
@pytest.mark.parametrize("number", range(COMMITS_OF_AN_ATTEMPT))
def test_f27_a_message_whose_commit_is_lost_goes_out_once(
    database: Database, line: Network, tmp_path: Path, lost: Lost, number: int
) -> None:
    (tmp_path / "slack.token").write_text(TOKEN, encoding="utf-8")
    clock, actions = [START], list[RunningAction]()
    with fake_slack() as slack:
        made = worker(database, slack, tmp_path / "slack.token", clock, actions)
        rig = Rig(database, slack, tmp_path / "slack.token", made, clock, actions)
        rig.open()
        line.lose_commit(lost, after=number)
        with pytest.raises(OperationalError):
            rig.turn_for(5)
        assert line.cuts == 1
        rig.turn_for(10)
        rig.settle()
        assert len(slack.roots()) == 1
        assert rig.told().count("Incident opened") == 1
        rig.tell(1, "the next word", TimelineKind.LEVER_FAILED)
        rig.settle()
        assert rig.told().count("the next word") == 1


def test_f27_rules_go_on_in_memory_while_the_database_cannot_even_be_read(
    place: Place, tmp_path: Path
) -> None:
    database = opened(place)
    up = AlertRig(database, *configured(tmp_path, POOL.replace("for: 1s", "for: 4s"), TOPOLOGY))
    up.round()
    place.server.stop()
    try:
        exhausted(up)
        assert all(evaluation.problem for evaluation in up.rounds(6))
        (shown,) = up.evaluator.rules[0].alerts
        assert shown.state.value == "firing"
    finally:
        place.server.start()
    assert up.round().problem is None
    assert up.kinds() == ["alert_firing", "incident_opened"]
    assert up.rows()[0].at == up.at
    database.close()


def test_f27_a_second_showcall_on_a_database_is_refused_and_told_who_has_it(place: Place) -> None:
    first, second = (LeaderLock(server_of(place.url), name) for name in ("concert", "matinee"))
    first.take()
    with pytest.raises(DatabaseInUseError, match=rf"{place.name}: already used by .*concert \d+@.*127.0.0.1"):
        second.take(patience=0.2)
    assert not second.leads
    second.release()
    first.release()
    third = LeaderLock(server_of(place.url), "concert")
    third.take()
    third.release()


def test_f27_whoever_lost_the_lock_writes_nothing_until_it_is_held_again(place: Place) -> None:
    database = opened(place)
    lock = LeaderLock(server_of(place.url), "concert")
    lock.take()
    database.fence = lock
    begins = lock.follower()
    assert not begins()
    add = text("insert into users values ('kim', 'viewer', null)")
    place.end_sessions()
    assert lock.leads  # nobody has told us yet, and still:
    with pytest.raises(NotLeadingError, match="the database's lock was lost"), database.transaction() as tx:
        tx.execute(add)
    lock.look()
    assert (lock.leads, bool(lock.trouble)) == (False, True)
    with pytest.raises(NotLeadingError), database.transaction() as tx:
        tx.execute(add)
    lock.look()
    assert (lock.leads, lock.trouble, lock.term) == (True, "", 2)
    with pytest.raises(NotLeadingError, match="taken anew meanwhile"), database.transaction() as tx:
        tx.execute(add)
    assert begins()
    with database.transaction() as tx:
        tx.execute(add)
    assert not begins()
    lock.release()
    database.close()


def test_f27_a_lock_that_another_one_took_is_left_to_it(place: Place) -> None:
    database = opened(place)
    lock, other = (LeaderLock(server_of(place.url), name) for name in ("concert", "another"))
    lock.take()
    database.fence = lock
    place.end_sessions()
    eventually(lambda: led(other))
    for _ in range(3):
        lock.look()
    assert not lock.leads
    assert lock.trouble is not None
    assert "another Showcall acts on" in lock.trouble
    with pytest.raises(NotLeadingError), database.transaction():
        pass
    other.release()
    eventually(lambda: led(lock))
    with database.transaction():
        pass
    lock.release()
    database.close()


def led(lock: LeaderLock) -> bool:
    """Whether it is held after one more look."""
    lock.look()
    return lock.leads
