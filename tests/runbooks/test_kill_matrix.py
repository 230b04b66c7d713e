"""F40, F52: killed with SIGKILL at every point around an action, the next Showcall finishes it once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from metrics.store import Store
from runbooks.run import ACTIVE, RunState
from tests.runbooks.fake_lever import Mode
from tests.runbooks.killed_showcall import TICKS, Point
from tests.runbooks.scene import Scene

ROOT = Path(__file__).parents[2]
MODES = {Point.K4_SENT_AND_APPLIED: Mode.APPLY_THEN_HANG, Point.K5_SENT_AND_NOT_APPLIED: Mode.HANG}


def kill_a_showcall_at(point: Point, world: Scene) -> None:
    """Let another process act on this world's database and lever, until it dies there."""
    if point in MODES:
        world.lever.modes = [MODES[point]]
    arguments = [
        sys.executable,
        str(ROOT / "tests/runbooks/killed_showcall.py"),
        point.value,
        str(world.database.engine.url.database),
        *(lever.url for lever in world.levers),
        str(world.now),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    died = subprocess.run(arguments, env=environment, timeout=60, check=False, cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    world.now += TICKS.get(point, 1)
    if world.lever.lease is not None:
        # The lever's clock stood still while the other process lived through its seconds.
        world.lever.lease["until"] = world.now + 50
    # Metrics are in memory: the next Showcall starts without any.
    world.store = Store()


@pytest.mark.parametrize("point", [point for point in Point if point is not Point.K11_WHILE_RAMPING])
def test_f40_f52_killed_around_an_action_there_is_one_effect_and_a_known_end(
    world: Scene, point: Point
) -> None:
    kill_a_showcall_at(point, world)
    world.tick(4)
    cuts = [effect for effect in world.lever.changes() if effect.value == 8]
    assert len(cuts) == 1
    assert cuts[0].run_id == "throttle_queue-1-1"
    world.calm()
    world.tick(8)
    world.over()
    world.tick(60)
    assert [run.state for run in world.runs()] == [RunState.SUCCEEDED]
    assert (world.lever.value, world.lever.lease) == (1000, None)
    assert [effect.value for effect in world.lever.changes()].count(8) == 1
    told = [row.kind for row in world.rows()]
    assert told.count(TimelineKind.LEVER_SET) == 1
    assert told.count(TimelineKind.RUN_ENDED) == 1


def test_f40_killed_while_ramping_back_the_ramp_goes_on_where_it_was(world: Scene) -> None:
    kill_a_showcall_at(Point.K11_WHILE_RAMPING, world)
    assert world.run.state is RunState.RELEASING
    assert 60 < world.lever.value < 100
    world.over()
    world.tick(40)
    values = [effect.value for effect in world.lever.changes()]
    assert values == [8, 9, 18, 36, 72, 144, 288, 576, 1000]
    assert [run.state for run in world.runs()] == [RunState.SUCCEEDED]


def test_f52_a_run_in_progress_is_taken_over_and_said_so(world: Scene) -> None:
    kill_a_showcall_at(Point.K8_VERIFIED, world)
    assert world.run.state in ACTIVE
    world.calm()
    world.tick()
    taken = world.rows(TimelineKind.SHOWCALL)
    assert [row.reason for row in taken] == ["taken_over"]
    assert len(world.lever.changes()) == 1


def test_f52_killed_for_longer_than_the_lease_the_targets_ramp_is_noticed(world: Scene) -> None:
    kill_a_showcall_at(Point.K6_ANSWER_RECEIVED, world)
    world.over()
    world.warm(70)
    world.tick(30)
    assert world.lever.value == 1000
    assert [effect.value for effect in world.lever.changes()].count(8) == 1
    assert world.run.state is RunState.LET_GO
