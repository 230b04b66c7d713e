"""A run loop in a process of its own that kills itself with SIGKILL at a named point.

Usage: python tests/runbooks/killed_showcall.py <point> <database file> <lever url> <rate url> <now>
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from database import Database
from metrics.store import Store
from runbooks.lever import Change, Lever, RampBack, ReadResult, SetResult
from runbooks.levers import factory
from runbooks.run_loop import RunLoop
from settings.schema import LeverSettings, RunbooksSettings
from tests.runbooks.fake_lever import FakeLever
from tests.runbooks.scene import FakeIncidents, Scene, lever_settings, rate_settings, shipped_throttle


class Point(StrEnum):
    """Where it dies: the kill matrix around one action."""

    K0_BEFORE_INTENT = "k0"
    K1_INTENT_COMMITTED = "k1"
    K4_SENT_AND_APPLIED = "k4"  # the server is told to apply and hang
    K5_SENT_AND_NOT_APPLIED = "k5"  # the server is told to hang
    K6_ANSWER_RECEIVED = "k6"
    K7_RESULT_WRITTEN = "k7"
    K8_VERIFIED = "k8"
    K11_WHILE_RAMPING = "k11"


TICKS = {Point.K7_RESULT_WRITTEN: 2, Point.K8_VERIFIED: 12, Point.K11_WHILE_RAMPING: 60}
"""How many seconds it lives at most; the others die in the first."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Deadly:
    """A lever that kills its user."""

    inner: Lever
    point: Point
    reads: int = 0

    @property
    def settings(self) -> LeverSettings:
        return self.inner.settings

    def read(self, now: float) -> ReadResult:
        self.reads += 1
        if self.point is Point.K0_BEFORE_INTENT:
            die()
        if self.point is Point.K7_RESULT_WRITTEN and self.reads == 2:
            die()
        if self.point is Point.K8_VERIFIED and self.reads == TICKS[self.point]:
            die()
        return self.inner.read(now)

    def set(self, change: Change, now: float) -> SetResult:
        if self.point is Point.K1_INTENT_COMMITTED:
            die()
        if self.point in {Point.K4_SENT_AND_APPLIED, Point.K5_SENT_AND_NOT_APPLIED}:
            threading.Timer(0.15, die).start()
        result = self.inner.set(change, now)
        if self.point is Point.K6_ANSWER_RECEIVED or 60 < float(change.value) < 100:
            die()
        return result

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        return self.inner.let_go(ramp_back, now)


def live(point: Point, database: Path, urls: tuple[str, str], now: float) -> None:
    """Watch for a while, then act until death."""
    levers = (lever_settings(urls[0]), rate_settings(urls[1]))
    world = Scene(
        database=Database(f"sqlite:///{database}"),
        lever=FakeLever(),
        store=Store(),
        incidents=FakeIncidents(),
        catalog=shipped_throttle(),
        levers=levers,
        now=now - 12,
    )
    world.warm()
    built = dict(factory.build(levers))
    built["active_users_cap"] = Deadly(built["active_users_cap"], point)
    clock: Callable[[], float] = lambda: world.now  # noqa: E731 (a name for the loop's clock)
    world.loop = RunLoop(
        world.database,
        RunbooksSettings(),
        catalog=world.catalog,
        levers=built,
        asker=world.store,
        incidents=world.incidents,
        clock=clock,
    )
    for second in range(TICKS.get(point, 1)):
        if second == 3:
            world.lever.value = 8
            world.calm()
        if second == 12:
            world.over()
        world.tick()


if __name__ == "__main__":
    live(Point(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3], sys.argv[4]), float(sys.argv[5]))
