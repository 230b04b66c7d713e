"""Runs whose lever or runbook left the configuration while they were under way."""

import pytest

from alerts.timeline import TimelineKind
from runbooks import lease_store
from runbooks.catalog_files import Catalog
from runbooks.lease_store import LeasesInDatabase
from runbooks.run import RunState
from tests.runbooks.fake_lever import Mode
from tests.runbooks.scene import Scene


def held(world: Scene) -> int:
    with world.database.reading() as connection:
        return len(lease_store.held(connection))


def without_runbook(world: Scene) -> None:
    world.catalog = Catalog(())
    world.restart()


def test_a_run_without_its_runbook_is_told_once_and_ends_when_the_target_has_ramped_back(
    world: Scene,
) -> None:
    world.tick(3)
    posts = len(world.lever.posts)
    without_runbook(world)
    world.tick(30)
    assert held(world) == 1
    assert [row.reason for row in world.rows(TimelineKind.LEVER_UNKNOWN)] == ["no_runbook"]
    world.tick(70)
    assert (len(world.lever.posts), world.lever.value) == (posts, 1000)
    assert world.run.state is RunState.LET_GO
    assert held(world) == 0


def test_a_run_without_its_runbook_ends_when_somebody_took_the_lever(world: Scene) -> None:
    world.tick(3)
    without_runbook(world)
    world.lever.turn_by_hand(500)
    world.tick()
    assert (world.run.state, held(world)) == (RunState.NEEDS_PERSON, 0)


@pytest.mark.parametrize(
    ("mode", "state"), [(Mode.FAIL, RunState.EXPIRED), (Mode.APPLY_THEN_RESET, RunState.LET_GO)]
)
def test_an_open_first_move_without_its_runbook_is_never_sent_again(
    world: Scene, mode: Mode, state: RunState
) -> None:
    world.lever.modes = [mode]
    world.tick()
    without_runbook(world)
    world.tick(100)
    assert len(world.lever.posts) == 1
    assert (world.run.state, held(world)) == (state, 0)


def test_a_run_without_its_lever_ends_when_its_lease_must_have_run_out(world: Scene) -> None:
    world.tick(3)
    world.levers = world.levers[1:]
    world.catalog = Catalog(())
    world.restart()
    world.tick(30)
    assert world.run.state is RunState.HOLDING
    assert [row.reason for row in world.rows(TimelineKind.LEVER_UNKNOWN)] == ["no_lever"]
    world.tick(40)
    assert (world.run.state, world.run.reason, held(world)) == (RunState.NEEDS_PERSON, "no_lever", 0)
    assert LeasesInDatabase(world.database).held() == ()
