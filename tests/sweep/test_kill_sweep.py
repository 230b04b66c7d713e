"""F40, F52, F60: killed with SIGKILL at every point around an action, twenty times each, half of them twice.

Whatever the moment: one effect, one known end, no second run before the cooldown is over, a timeline that
tells of every effect, and every word in Slack exactly once, because what may have been said is looked for.
Some are down for so long between two lives that the target has put the lever back by itself.
"""

import html
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from alerts import incident_store, outbox_channel_store, timeline_store
from alerts.incident import Incident, IncidentState
from alerts.notification import STEPS, UNTOLD
from alerts.outbox_worker import OutboxWorker
from alerts.timeline import NewTimelineRow, TimelineKind
from database import Database
from metrics.store import Store
from runbooks import intent_store
from runbooks.intent import IntentState, Purpose
from runbooks.run import RunState
from tests.outbox.fake_slack import TOKEN, FakeSlack, Message, fake_slack
from tests.runbooks.fake_lever import FakeLever, Mode, serving
from tests.runbooks.scene import (
    START,
    Facts,
    FakeIncidents,
    Scene,
)
from tests.sweep.life import (
    BASELINE,
    LifePlan,
    Point,
    SharedClock,
    brisk_throttle,
    levers_at,
    live_on,
    loop_of,
    opened,
    outbox,
)

ROOT = Path(__file__).parents[2]
TIMES = 20
FINAL = {RunState.SUCCEEDED, RunState.LET_GO}
MODES = {Point.K4_SENT_AND_APPLIED: Mode.APPLY_THEN_HANG, Point.K5_SENT_AND_NOT_APPLIED: Mode.HANG}
MOST = {
    Point.K0_BEFORE_INTENT: 3,
    Point.K1_INTENT_COMMITTED: 3,
    Point.K2_LEASE_WRITTEN: 3,
    Point.K3_BEFORE_CONNECT: 3,
    Point.K6_ANSWER_RECEIVED: 4,
    Point.K7_RESULT_WRITTEN: 8,
    Point.K8_VERIFIED_NOT_TOLD: 2,
    Point.K9_BEFORE_SLACK: 4,
    Point.K10_SLACK_SENT: 4,
    Point.K11_WHILE_RAMPING: 3,
}
"""At which passing of a point a life may end; the others have one."""

SURELY_SET = frozenset(Point) - {
    Point.K0_BEFORE_INTENT,
    Point.K1_INTENT_COMMITTED,
    Point.K3_BEFORE_CONNECT,
    Point.K5_SENT_AND_NOT_APPLIED,
    Point.K9_BEFORE_SLACK,
    Point.K10_SLACK_SENT,
}
"""Where the lever has moved before the end."""

COOLDOWN = 30.0

Live = Callable[[LifePlan], int]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """Lets a Showcall live according to a plan; gives the exit code."""
    command = [sys.executable, str(ROOT / "tests/sweep/life.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def one(plan: LifePlan) -> int:
            requests.write(f"{plan.to_json()}\n")
            requests.flush()
            return int(answers.readline())

        yield one
        requests.close()


@dataclass
class World:
    """The scene with its clock, its Slack, and what the lives in it need to know."""

    scene: Scene
    slack: FakeSlack
    clock: SharedClock
    plan: LifePlan
    slept: bool = False

    def end_of(self, live: Live, point: Point, chance: random.Random) -> bool:
        """Let a Showcall live; whether it was killed."""
        nth = chance.randint(1, MOST.get(point, 1))
        delay = chance.uniform(0.02, 0.25)
        self.scene.lever.modes = [MODES[point]] if point in MODES else []
        code = live(replace(self.plan, point=point, nth=nth, delay=delay))
        assert code in {0, -signal.SIGKILL}
        self.scene.lever.modes = []
        self.scene.now = self.clock()
        self.scene.store = Store()
        self.scene.loop = None
        return code != 0

    def sleep(self, seconds: float) -> None:
        """Nobody is there for longer than the lease: the target lets go by itself."""
        self.scene.now += seconds
        self.clock.set(self.scene.now)
        self.slept = True

    def is_over(self) -> bool:
        return bool(self.scene.runs()) and self.scene.run.state in FINAL

    def go_on_until(self, done: Callable[[], bool], worker: OutboxWorker) -> None:
        """A Showcall that nobody kills, for two seconds at least."""
        self.scene.loop = self.scene.loop or loop_of(self.scene)
        for second in range(200):
            if second >= 2 and done():
                return
            live_on(self.scene, float(self.scene.lever.value))
            self.scene.scrape()
            self.clock.set(self.scene.now)
            self.scene.act()
            worker.turn()
        raise AssertionError(self.scene.story())

    def pending(self) -> int:
        with self.scene.database.reading() as connection:
            return outbox_channel_store.statuses(connection)[0].pending

    def resolve(self) -> None:
        """The evaluator's part at the end of an incident."""
        with self.scene.database.transaction() as tx:
            incident = incident_store.get(tx, 1)
            assert incident is not None
            ended = replace(incident, state=IncidentState.RESOLVED, resolved_at=self.scene.now)
            incident_store.change(tx, ended)
            row = NewTimelineRow(
                self.scene.now, TimelineKind.INCIDENT_RESOLVED, "quiet", "Incident resolved after it all", 1
            )
            timeline_store.append(tx, row)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, to be copied."""
    file = tmp_path_factory.mktemp("sweep") / "empty.db"
    database = Database(f"sqlite:///{file}")
    database.create_all()
    database.close()
    return file


@pytest.fixture
def world(tmp_path: Path, empty_database: Path) -> Iterator[World]:
    shutil.copy(empty_database, tmp_path / "showcall.db")
    database = opened(f"{tmp_path}/showcall.db")
    clock = SharedClock.made(tmp_path / "clock", START)
    lever = FakeLever(
        value=BASELINE,
        baseline=BASELINE,
        now=START,
        clock=clock,
        ramp_every=1.0,
        ledger_file=tmp_path / "ledger",
    )
    token = tmp_path / "slack.token"
    token.write_text(TOKEN)
    with serving(lever) as url, fake_slack() as slack:
        scene = Scene(
            database=database,
            lever=lever,
            store=Store(),
            incidents=FakeIncidents(),
            catalog=brisk_throttle(),
            levers=levers_at(url),
        )
        plan = LifePlan(
            Point.K0_BEFORE_INTENT, 1, 0.1, f"{tmp_path}/showcall.db", f"{tmp_path}/clock",
            url, slack.address, str(token),
        )  # fmt: skip
        outbox(database, plan, lambda: scene.now).register()
        open_incident(database)
        yield World(scene, slack, clock, plan)
    database.close()


def open_incident(database: Database) -> None:
    """Incident 1, as the evaluator opens it."""
    incident = Incident(0, "Connection pool exhausted", IncidentState.OPEN, "pool", "critical", START)
    row = NewTimelineRow(START, TimelineKind.INCIDENT_OPENED, "first_alert", "Incident opened", 1)
    with database.transaction() as tx:
        assert incident_store.add(tx, incident) == 1
        timeline_store.append(tx, row)


@pytest.mark.parametrize("seed", range(TIMES))
@pytest.mark.parametrize("point", list(Point))
def test_f40_f52_f60_killed_anywhere_around_an_action(
    world: World, live: Live, point: Point, seed: int
) -> None:
    chance = random.Random(f"{point}/{seed}")
    killed(world, live, point, seed, chance)
    worker = new_outbox(world)
    world.go_on_until(world.is_over, worker)
    check_effects(world)
    check_cooldown(world)
    world.resolve()
    world.go_on_until(lambda: world.pending() == 0, new_outbox(world))
    check_timeline(world)
    check_slack(world)


def killed(world: World, live: Live, point: Point, seed: int, chance: random.Random) -> None:
    """The lives of one case. Every other case has two, and every other of those a long time in between."""
    twice, apart = seed % 2 == 1, seed % 4 == 3
    if point is Point.K11_WHILE_RAMPING and twice:
        # The other way back: the lease runs out, and the target ramps by itself.
        assert world.end_of(live, Point.K7_RESULT_WRITTEN, chance)
        world.sleep(chance.uniform(61.0, 90.0))
        assert world.end_of(live, point, chance)
        return
    assert world.end_of(live, point, chance), "the life did not pass its point"
    if twice:
        if apart and point in SURELY_SET:
            world.sleep(chance.uniform(61.0, 90.0))
        world.end_of(live, chance.choice(list(Point)), chance)


def new_outbox(world: World) -> OutboxWorker:
    """The outbox of another Showcall on the same data."""
    worker = outbox(world.scene.database, world.plan, lambda: world.scene.now)
    worker.register()
    return worker


def check_effects(world: World) -> None:
    """One cut, known to be over, nothing sent twice or unknown, the lever where it belongs."""
    lever = world.scene.lever
    assert [run.state in FINAL for run in world.scene.runs()] == [True], world.scene.story()
    run = world.scene.run
    assert [effect.value for effect in lever.changes(run.key)].count(8) == 1
    with world.scene.database.reading() as connection:
        journal = {intent.request_id: intent for intent in intent_store.of_run(connection, run.key)}
    assert [intent.purpose for intent in journal.values()].count(Purpose.FIRST) == 1
    assert IntentState.OPEN not in {intent.state for intent in journal.values()}
    sent = Counter(effect.request_id for effect in lever.ledger if effect.what == "set")
    assert sent.keys() <= journal.keys()
    assert max(sent.values()) == 1
    lever.advance(world.scene.now + 10.0)
    assert (lever.value, lever.lease, lever.ramping) == (BASELINE, None, False)
    assert lever.ledger_file is not None
    assert len(lever.ledger_file.read_text().splitlines()) == len(lever.ledger)


def check_cooldown(world: World) -> None:
    """The same alert right after the run's end, at another Showcall: nothing is begun before it is over."""
    scene = world.scene
    ended = scene.run.ended_at
    assert ended is not None
    left = COOLDOWN - (scene.now - ended)
    assert left > 10.0
    scene.loop = loop_of(scene)
    scene.incidents.firing = ("PoolExhausted",)
    scene.facts = Facts()
    for second in range(int(left) - 1):
        scene.scrape()
        world.clock.set(scene.now)
        if second % 8 == 0:
            scene.act()
    assert len(scene.runs()) == 1, scene.story()
    refused = scene.rows(TimelineKind.RUN_REFUSED)
    assert [row.reason for row in refused][-1:] == ["cooldown"], scene.story()
    scene.over()


def check_timeline(world: World) -> None:
    """Every effect of ours in the ledger has its row, and what happens once is told once."""
    scene = world.scene
    told = Counter(row.kind for row in scene.rows())
    assert (told[TimelineKind.RUN_STARTED], told[TimelineKind.RUN_ENDED]) == (1, 1), scene.story()
    overtaken = "overtaken" in {row.reason for row in scene.rows(TimelineKind.LEVER_UNKNOWN)}
    unseen = world.slept and overtaken and told[TimelineKind.LEVER_SET] == 0
    assert told[TimelineKind.LEVER_SET] == 1 or unseen, scene.story()
    requests = {row.details.get("request") for row in scene.rows()}
    effects = [effect for effect in scene.lever.changes(scene.run.key) if effect.what == "set"]
    assert [effect for effect in effects if effect.request_id not in requests] == []


def check_slack(world: World) -> None:
    """One message, every row of the incident in its thread, and none twice."""
    (root,) = world.slack.roots()
    said = Counter(line for message in world.slack.thread(root) for line in lines_of(message))
    rows = [row for row in world.scene.rows() if row.incident_id == 1 and row.kind not in STEPS | UNTOLD]
    told = Counter(html.escape(row.text, quote=False) for row in rows)
    assert {text: said[text] for text in told} == dict(told), said


def lines_of(message: Message) -> Iterator[str]:
    """What a message says line by line, without the times."""
    for block in message.blocks:
        for line in block["text"]["text"].splitlines():
            yield line.partition(">  ")[2]
