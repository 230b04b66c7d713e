"""While nothing waits, the database is not asked again; what anybody writes is seen by the very next step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from database import Database
from runbooks import kill_switch_store, request_store
from runbooks.request import NewRequest, RequestKind
from runbooks.run import ACTIVE, RunState
from settings.schema import RunbookMode
from tests.runbooks.scene import Scene, scene


@pytest.fixture(autouse=True)
def _marks_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a commit changes a mark."""
    monkeypatch.setattr("database.MARK_SECONDS", 1e9)


@contextmanager
def statements(world: Scene) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(world.database.engine, "before_cursor_execute", note)


def put_to_rest(world: Scene) -> None:
    world.incidents.resolved = True
    world.tick(2)
    with statements(world) as found:
        world.act()
    assert found == []


def test_a_step_asks_the_database_nothing_while_nothing_waits(world: Scene) -> None:
    put_to_rest(world)


@pytest.mark.parametrize("kind", [RequestKind.KILL_SWITCH_ON, RequestKind.RELEASE])
def test_what_somebody_else_asks_for_is_answered_by_the_next_step(world: Scene, kind: RequestKind) -> None:
    put_to_rest(world)
    other = Database(f"sqlite:///{world.database.place}")
    with other.transaction() as tx:
        request = request_store.add(tx, NewRequest(kind=kind, who="min", at=world.now))
    other.close()
    world.act()
    assert world.answered(request).answered_at == world.now
    with world.database.reading() as connection:
        assert kill_switch_store.read(connection).engaged is (kind is RequestKind.KILL_SWITCH_ON)


def test_an_incident_ends_the_rest_although_nobody_wrote_anything(world: Scene) -> None:
    put_to_rest(world)
    world.incidents.resolved = False
    world.act()
    assert world.lever.value == 8


def test_a_question_that_stands_is_withdrawn_in_time_although_nobody_writes_anything(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with scene(tmp_path_factory.mktemp("asking"), RunbookMode.ASK) as world:
        world.tick(2)
        expires = world.run.expires_at
        assert expires is not None
        world.now = expires
        world.act()
        assert world.run.state is RunState.EXPIRED


def test_a_run_under_way_goes_on_at_every_step_until_its_lever_is_back(world: Scene) -> None:
    world.tick(4)
    world.calm()
    world.tick(10)
    world.over()
    world.incidents.resolved = True
    for _ in range(60):
        going_on = world.run.state in ACTIVE
        with statements(world) as found:
            world.tick()
        assert found or not going_on
    assert world.run.state is RunState.SUCCEEDED
