"""What is forgotten, and above all what is not."""

import shutil
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import incident_store
from alerts.alert_state import AlertState
from database import Database
from housekeeping import retention
from housekeeping.job import Stop, StoppedError
from housekeeping.retention import OWN_SHELVES, Retention
from runbooks import kill_switch_store, run_store
from runbooks.intent import Purpose
from runbooks.kill_switch import KillSwitch
from runbooks.run import RunState
from tests.housekeeping.house import DAY, NOW, House

KEEP = 90 * DAY
OLD = NOW - 100 * DAY


def forget(house: House) -> str:
    return Retention(house.database, OWN_SHELVES, KEEP).run(NOW, Stop())


def a_whole_incident(house: House, resolved: float | None, rows: int = 5) -> int:
    opened = OLD if resolved is None else resolved - 600
    number = house.incident(opened, resolved)
    house.rows(opened, number, rows)
    house.alert(number, opened, AlertState.INACTIVE)
    key = house.run(number, opened)
    house.intents(key, opened, Purpose.FIRST)
    house.intents(key, opened, Purpose.RENEW, 3)
    return number


def test_an_old_incident_goes_with_everything_that_belongs_to_it(house: House) -> None:
    before = house.counts()
    a_whole_incident(house, OLD)
    assert house.counts() != before
    said = forget(house)
    assert house.counts() == before
    assert "5 timeline rows" in said
    assert "1 incidents" in said
    assert forget(house) == "nothing was old enough"


@pytest.mark.parametrize("why", ["unresolved", "young", "leased", "run not over", "alert not over"])
def test_an_incident_that_something_needs_stays_with_everything(house: House, why: str) -> None:
    resolved = {"unresolved": None, "young": NOW - 80 * DAY}.get(why, OLD)
    number = a_whole_incident(house, resolved)
    if why == "leased":
        house.lease(number, "throttle_queue-1-1")
    elif why == "run not over":
        house.run(number, OLD, RunState.HOLDING, over=False)
    elif why == "alert not over":
        house.alert(number, OLD, AlertState.FIRING)
    before = house.counts()
    forget(house)
    after = house.counts()
    gone = {name: before[name] - count for name, count in after.items() if before[name] != count}
    assert gone == {"lever_intents": 3}  # the renewals of its finished run
    with house.database.reading() as connection:
        assert incident_store.get(connection, number) is not None
        assert run_store.for_incident(connection, number)


def test_renewals_of_finished_runs_go_after_a_day_and_of_others_stay(house: House) -> None:
    number = house.incident(NOW - 3 * DAY, None)
    over = house.run(number, NOW - 3 * DAY)
    held = house.run(number, NOW - 3 * DAY, RunState.HOLDING, over=False)
    fresh = house.run(number, NOW - 3600)
    for key, at in ((over, NOW - 3 * DAY), (held, NOW - 3 * DAY), (fresh, NOW - 3600)):
        house.intents(key, at, Purpose.FIRST)
        house.intents(key, at, Purpose.RENEW, 4)
    assert forget(house) == "forgot 4 lease renewals"
    assert house.counts()["lever_intents"] == 11


def test_the_kill_switch_stands_as_it_stands_however_old_its_last_turn_is(house: House) -> None:
    with house.database.transaction() as tx:
        for engaged in (True, False, True):
            kill_switch_store.turn(tx, KillSwitch(engaged=engaged, at=OLD, who="mina", why="x"))
    forget(house)
    with house.database.reading() as connection:
        assert kill_switch_store.read(connection).engaged
    assert house.counts()["kill_switch"] == 1


def test_no_transaction_takes_more_than_a_slice_away_and_others_write_in_between(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 50)
    house.rows(OLD, None, 400)
    number = a_whole_incident(house, OLD, rows=400)
    steps: list[int] = []

    def note() -> None:
        steps.append(sum(house.counts().values()))

    Retention(house.database, OWN_SHELVES, KEEP, on_slice=note).run(NOW, Stop())
    assert max(before - after for before, after in pairwise(steps)) <= 51
    assert len(steps) >= 16
    with house.database.reading() as connection:
        assert incident_store.get(connection, number) is None


def test_a_writer_waits_only_for_a_slice(house: House) -> None:
    house.rows(OLD, None, 20_000)
    waits: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            began = time.monotonic()
            house.rows(NOW)
            waits.append(time.monotonic() - began)
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    forget(house)
    done.set()
    writer.join()
    assert house.counts()["timeline"] == len(waits)
    assert max(waits) < 2.0
    assert len(waits) > 10


def test_a_stop_in_the_middle_leaves_an_incident_that_the_next_run_takes_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 3)
    number = a_whole_incident(house, OLD)
    stop = Stop()
    with pytest.raises(StoppedError):
        Retention(house.database, OWN_SHELVES, KEEP, on_slice=stop.ask).run(NOW, stop)
    with house.database.reading() as connection:
        assert incident_store.get(connection, number) is not None
    forget(house)
    assert house.counts()["incidents"] == 0


def test_room_that_became_free_is_given_back_to_the_file_system(house: House) -> None:
    house.rows(OLD, None, 20_000)
    with house.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    before = house.file.stat().st_size
    forget(house)
    with house.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert house.file.stat().st_size < before / 2


Story = st.lists(
    st.tuples(
        st.floats(0, 200),  # opened, days ago
        st.one_of(st.none(), st.floats(0, 200)),  # resolved, days ago
        st.sampled_from(["nothing", "lease", "run", "alert"]),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=Story, keep=st.floats(1, 150))
def test_whatever_happened_nothing_that_is_needed_is_forgotten_and_nothing_old_is_left(
    story: list[tuple[float, float | None, str, int]], keep: float, empty_database: Path
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "PAUSE_SECONDS", 0.0)
        file = Path(shutil.copy(empty_database, folder))
        database = Database(f"sqlite:///{file}")
        house = House(database, file)
        needed: dict[int, int] = {}
        expendable: set[int] = set()
        for opened, resolved, need, rows in story:
            began, ended = NOW - opened * DAY, None if resolved is None else NOW - resolved * DAY
            number = house.incident(began, ended)
            house.rows(began, number, rows)
            house.run(number, began - 120)
            if need == "lease":
                house.lease(number, "key")
            elif need == "run":
                house.run(number, began, RunState.HOLDING, over=False)
            elif need == "alert":
                house.alert(number, began, AlertState.FIRING)
            before = NOW - keep * DAY
            if ended is not None and max(ended, began - 60) < before and need == "nothing":
                expendable.add(number)
            else:
                needed[number] = rows
        Retention(database, OWN_SHELVES, keep * DAY).run(NOW, Stop())
        with database.reading() as connection:
            left = {each.id for each in incident_store.recent(connection)}
            counted = "SELECT count(*) FROM timeline WHERE incident_id = ?"
            rows_left = {
                number: connection.exec_driver_sql(counted, (number,)).scalar_one() for number in left
            }
        database.close()
    assert left == needed.keys()
    assert rows_left == needed
    assert not expendable & left
