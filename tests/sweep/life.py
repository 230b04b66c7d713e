"""One life of a Showcall: it acts on a lever and tells Slack, and ends with SIGKILL at a named point.

``python tests/sweep/life.py`` reads one plan per line (JSON) and forks a child for each, so that a life costs
milliseconds; it answers with the child's exit status. The child shares a database, a lever and a Slack with
the test that started it, and a clock by a file.
"""

import gc
import json
import mmap
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, event

from alerts import timeline_store
from alerts.outbox import Moment
from alerts.outbox_worker import OutboxWorker
from alerts.slack import credentials
from alerts.slack.channel import SlackChannel
from alerts.timeline import NewTimelineRow, TimelineKind
from database import Database
from metrics.store import Store
from runbooks import intent_store, lease_store
from runbooks.catalog_files import Catalog
from runbooks.intent import Intent
from runbooks.lease import Lease
from runbooks.lever import Change, Lever, LeverReading, RampBack, ReadResult, SetResult
from runbooks.lever_writer import LeverWriter
from runbooks.levers import factory
from runbooks.levers.wire import Wire
from runbooks.run import Run
from runbooks.run_loop import RunLoop
from runbooks.runbook import ControlDo
from settings.schema import LeverSettings, RunbooksSettings
from tests.outbox.fake_slack import CHANNEL
from tests.runbooks.fake_lever import FakeLever
from tests.runbooks.scene import (
    START,
    FakeIncidents,
    Scene,
    lever_settings,
    rate_settings,
    shipped_throttle,
)

TICKS = 25
"""Seconds of the scene's time that a life lasts at most."""

TELLING = 8
"""Seconds that it goes on after the run where it is to end while it tells."""

WATCHED = 3
"""Seconds for which the stack has been watched when an alert fires, as a rate needs."""

SURGE_LASTS = 6.0 + WATCHED
"""Seconds after the scene's start at which everybody has gone."""

BASELINE = 128
"""Of the lever: four steps from the cut, however long the ramp."""


def brisk_throttle() -> Catalog:
    """The shipped throttle_queue as it is, but for waiting: what it does in 60 s it does in 20."""
    (shipped,) = shipped_throttle().runbooks
    assert isinstance(shipped.do, ControlDo)
    law = replace(shipped.do.law, quiet=3.0, ramp_every=1.0)
    return Catalog((replace(shipped, do=replace(shipped.do, law=law)),))


def levers_at(address: str) -> tuple[LeverSettings, LeverSettings]:
    """The lever that is moved, and the one that is reserved with it."""
    nowhere = "http://127.0.0.1:1"
    return lever_settings(address, maximum=BASELINE, baseline=BASELINE), rate_settings(nowhere)


@dataclass
class Still:
    """The lever that is only reserved: nobody may move it, so it needs no server."""

    settings: LeverSettings

    def read(self, now: float) -> ReadResult:
        return LeverReading(self.settings.baseline, self.settings.baseline, 1, None, now)

    def set(self, change: Change, now: float) -> SetResult:
        raise AssertionError(f"{self.settings.name} was set to {change.value} at {now}")

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        raise AssertionError(f"{self.settings.name} was let go at {now} ({ramp_back.run_id})")


def loop_of(world: Scene, wrapped: Callable[[Lever], Lever] = lambda lever: lever) -> RunLoop:
    """The run loop of a Showcall in the scene; ``wrapped``: the lever in other hands."""
    moved, reserved = world.levers
    return RunLoop(
        world.database,
        RunbooksSettings(),
        catalog=world.catalog,
        levers={moved.name: wrapped(factory.build([moved])[moved.name]), reserved.name: Still(reserved)},
        asker=world.store,
        incidents=world.incidents,
        clock=lambda: world.now,
    )


def opened(file: str) -> Database:
    """The database in a file, without waiting for the disk: a process that is killed loses nothing by that.

    What the kernel has taken is there for whoever opens the file next; only a machine that loses its power
    tells FULL from OFF. One engine serves all files, one after the other: statements are compiled once.
    """
    database, where = _only_database()
    database.close()
    where[:] = [file]
    return database


@cache
def _only_database() -> tuple[Database, list[str]]:
    database, where = Database("sqlite:////nowhere"), list[str]()

    def connect(_dialect: object, _record: object, arguments: list[str], _named: object) -> None:
        arguments[:] = where

    event.listen(database.engine, "do_connect", connect)
    event.listen(database.engine, "connect", lambda each, _: each.execute("PRAGMA synchronous=OFF"))
    return database, where


class Point(StrEnum):
    """Where a life ends.

    The run, its intent and what the cooldown is counted from are one transaction here: K0 is inside it, K1
    after it. K2 is inside the other one, of the result, when the lease is written and not committed.
    """

    K0_BEFORE_INTENT = "k0"
    K1_INTENT_COMMITTED = "k1"
    K2_LEASE_WRITTEN = "k2"
    K3_BEFORE_CONNECT = "k3"
    K4_SENT_AND_APPLIED = "k4"
    K5_SENT_AND_NOT_APPLIED = "k5"
    K6_ANSWER_RECEIVED = "k6"
    K7_RESULT_WRITTEN = "k7"
    K8_VERIFIED_NOT_TOLD = "k8"
    K9_BEFORE_SLACK = "k9"
    K10_SLACK_SENT = "k10"
    K11_WHILE_RAMPING = "k11"


@dataclass(frozen=True)
class LifePlan:
    """Where everything is, and when to die.

    ``nth``: at which passing of the point; ``delay``: seconds from the sending to death where an answer is
    waited for.
    """

    point: Point
    nth: int
    delay: float
    database: str
    clock_file: str
    lever: str
    slack: str
    token_file: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "LifePlan":
        found = json.loads(text)
        return LifePlan(**{**found, "point": Point(found["point"])})


class SharedClock:
    """A time that two processes see: eight bytes of a file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)

    @staticmethod
    def made(path: Path, now: float) -> "SharedClock":
        path.write_bytes(struct.pack("d", now))
        return SharedClock(path)

    def __call__(self) -> float:
        return float(struct.unpack("d", self._bytes[:])[0])

    def set(self, now: float) -> None:
        self._bytes[:] = struct.pack("d", now)


def live_on(world: Scene, value: float) -> None:
    """What the stack does at this moment: it waits until the throttle is there, and goes home in the end."""
    if world.now - START > SURGE_LASTS:
        world.over()
    elif value < BASELINE:
        world.facts = replace(world.facts, pending=0.0, active=min(value, 40.0))


def outbox(database: Database, plan: LifePlan, clock: Callable[[], float], **more: Any) -> OutboxWorker:
    """A worker for the Slack of this sweep."""
    secret = credentials.token(Path(plan.token_file), {})
    channel = SlackChannel(CHANNEL, secret, plan.slack, 1.0, "http://console.test")
    return OutboxWorker(database, channel, actions=tuple, clock=clock, jitter=lambda: 0.5, **more)


@dataclass
class Reaper:
    """Ends the process at the nth passing of its point."""

    plan: LifePlan
    passed: int = 0
    over: bool = False

    def at(self, point: Point) -> None:
        if point is not self.plan.point:
            return
        self.passed += 1
        if self.passed == self.plan.nth:
            die()

    def soon(self, *points: Point) -> None:
        if self.plan.point in points:
            threading.Timer(self.plan.delay, die).start()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


@dataclass
class Watched:
    """The lever in the hands of somebody who may die; its value is the scene's."""

    inner: Lever
    reaper: Reaper
    world: Scene
    reads: int = 0

    @property
    def settings(self) -> LeverSettings:
        return self.inner.settings

    def read(self, now: float) -> ReadResult:
        if self.world.lever.value == 8:
            self.reaper.at(Point.K7_RESULT_WRITTEN)
        result = self.inner.read(now)
        if isinstance(result, LeverReading) and result.ramping:
            self.reaper.at(Point.K11_WHILE_RAMPING)
        self.world.lever.value = getattr(result, "value", self.world.lever.value)
        return result

    def set(self, change: Change, now: float) -> SetResult:
        self.reaper.soon(Point.K4_SENT_AND_APPLIED, Point.K5_SENT_AND_NOT_APPLIED)
        result = self.inner.set(change, now)
        self.reaper.at(Point.K6_ANSWER_RECEIVED)
        if 8 < float(change.value) < BASELINE:
            self.reaper.at(Point.K11_WHILE_RAMPING)
        self.world.lever.value = change.value
        return result

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        return self.inner.let_go(ramp_back, now)


def set_traps(reaper: Reaper) -> None:
    """Death inside the code itself, at places that no seam reaches."""
    add, send, ask, append = intent_store.add, LeverWriter.send, Wire.ask, timeline_store.append
    save_lease = lease_store.save

    def intent_added(tx: Connection, intent: Intent) -> None:
        reaper.at(Point.K0_BEFORE_INTENT)
        add(tx, intent)

    def sent(self: LeverWriter, run: Run, intent: Intent) -> Run:
        reaper.at(Point.K1_INTENT_COMMITTED)
        return send(self, run, intent)

    def lease_saved(tx: Connection, lease: Lease) -> None:
        save_lease(tx, lease)
        reaper.at(Point.K2_LEASE_WRITTEN)

    def asked(self: Wire, method: str, *rest: Any) -> Any:
        if method == "POST":
            reaper.at(Point.K3_BEFORE_CONNECT)
        return ask(self, method, *rest)

    def appended(tx: Connection, row: NewTimelineRow) -> int:
        if row.kind in {TimelineKind.VERIFIED, TimelineKind.RUN_ENDED}:
            reaper.at(Point.K8_VERIFIED_NOT_TOLD)
        reaper.over = reaper.over or row.kind is TimelineKind.RUN_ENDED
        return append(tx, row)

    intent_store.add = intent_added
    lease_store.save = lease_saved
    LeverWriter.send = sent  # type: ignore[method-assign]
    Wire.ask = asked  # type: ignore[method-assign, assignment]
    timeline_store.append = appended


def live(plan: LifePlan) -> None:
    """Watch, act and tell until death, or until the run is over."""
    clock, reaper = SharedClock(Path(plan.clock_file)), Reaper(plan)
    set_traps(reaper)
    world = Scene(
        database=opened(plan.database),
        lever=FakeLever(),
        store=Store(),
        incidents=FakeIncidents(),
        catalog=brisk_throttle(),
        levers=levers_at(plan.lever),
        now=clock(),
    )
    world.loop = loop_of(world, lambda lever: Watched(lever, reaper, world))
    points = {Moment.BEFORE_SEND: Point.K9_BEFORE_SLACK, Moment.SENT: Point.K10_SLACK_SENT}
    worker = outbox(
        world.database, plan, lambda: world.now, at_moment=lambda moment: reaper.at(points[moment])
    )
    reaper.over = any(run.ended_at is not None for run in world.runs())
    if not world.runs():
        world.warm(WATCHED)
    for _ in seconds_of(reaper):
        live_on(world, float(world.lever.value))
        world.scrape()
        clock.set(world.now)
        world.act()
        worker.turn()


def seconds_of(reaper: Reaper) -> Iterator[None]:
    """A life's seconds."""
    telling = TELLING if reaper.plan.point in {Point.K9_BEFORE_SLACK, Point.K10_SLACK_SENT} else 0
    for _ in range(TICKS):
        if reaper.over:
            break
        yield
    for _ in range(telling):
        yield


def serve() -> None:
    """Fork a life for each line until the input ends."""
    brisk_throttle()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            gc.disable()
            live(LifePlan.from_json(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
