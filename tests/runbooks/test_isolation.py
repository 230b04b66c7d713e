"""What raises takes nothing else along, save when the database is gone: then acting stops."""

import pytest
from sqlalchemy.exc import OperationalError

from runbooks.isolation import isolated
from runbooks.run_keeper import RunKeeper
from runbooks.starter import Starter
from tests.runbooks.scene import Scene


def out_of_order(*_args: object) -> None:
    raise RuntimeError("out of order")


def test_a_run_that_raises_keeps_neither_the_step_nor_the_next_one_from_going_on(
    world: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tick(2)
    posts = len(world.lever.posts)
    with monkeypatch.context() as broken:
        broken.setattr(RunKeeper, "carry_on", out_of_order)
        world.tick(3)
    world.tick(10)
    assert len(world.lever.posts) > posts


def test_a_decision_that_raises_does_not_stop_the_runs_under_way(
    world: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tick(2)
    posts = len(world.lever.posts)
    monkeypatch.setattr(Starter, "_consider", out_of_order)
    world.tick(12)
    assert len(world.lever.posts) > posts


def test_without_the_database_acting_stops() -> None:
    with pytest.raises(OperationalError), isolated("run_failed"):
        raise OperationalError("UPDATE", {}, Exception("disk full"))
