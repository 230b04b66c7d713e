"""Taking evidence: quick first, slow beside; what fails, hangs or is killed loses nothing else."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from alerts import evidence_store
from alerts.evidence import (
    Asked,
    Capture,
    Captured,
    CaptureError,
    CaptureName,
    Column,
    Evidence,
    EvidenceState,
    Form,
    LineGroup,
    Lines,
    Pace,
    Table,
    Traits,
    Words,
)
from alerts.evidence_due import Chooser
from alerts.evidence_json import from_json, to_json
from alerts.evidence_taking import SLOW_SECONDS, EvidenceTaking
from alerts.timeline import TimelineKind
from tests.alerts.alert_rig import START, Rig
from tests.collector.threads_begun import ThreadsBegun
from tests.stack.service_rig import eventually

RULES = "- alert: Hot\n  expr: active == limit\n  annotations: {component: pool}\n"
POOL = Traits(CaptureName.POOL, "connection pool", Pace.QUICK)
LEVERS = Traits(CaptureName.LEVERS, "lever values", Pace.QUICK)
STATEMENTS = Traits(CaptureName.STATEMENTS, "statements", Pace.SLOW, "database", lane="database")
LOCKS = Traits(CaptureName.LOCKS, "locks", Pace.SLOW, "database", lane="database")
REDIS = Traits(CaptureName.REDIS, "INFO", Pace.SLOW, "redis", lane="redis")


@dataclass
class Scripted:
    """A capture that does what it is told."""

    traits: Traits
    act: Callable[[], object] = lambda: None
    asked: list[Asked] = field(default_factory=list)

    def take(self, asked: Asked, seconds: float) -> Captured:
        self.asked.append(asked)
        self.act()
        return Captured("here", (Words("t", self.traits.key),))


def refuses() -> None:
    raise CaptureError("127.0.0.1:5432 gave no whole answer within 5 s")


def breaks() -> None:
    raise ZeroDivisionError("oh\nno")


@dataclass
class Scene:
    """A rig that evaluates and follows, on clocks that the test turns."""

    rig: Rig
    captures: list[Capture] = field(default_factory=list)
    turned: list[float] = field(default_factory=lambda: [0.0])

    def __post_init__(self) -> None:
        self.rig.shows(active=1.0, limit=10.0, pending=0.0)
        self.restart()

    def restart(self) -> None:
        """kill -9, and a new one on the same database."""
        self.rig.restart()
        self.taking = EvidenceTaking(
            self.captures,
            Chooser({rule.name: rule.evidence for rule in self.rig.rules.alerting}, self.rig.topology),
            database=self.rig.database,
            clock=lambda: self.rig.at + 0.05,
            elapsed=lambda: self.turned[0],
        )

    def round(self) -> None:
        self.taking.follow(self.rig.round())

    def opens(self) -> None:
        self.rig.shows(active=10.0)
        self.round()

    def evidence(self) -> list[Evidence]:
        with self.rig.database.reading() as connection:
            return list(evidence_store.for_incident(connection, 1))

    def states(self) -> dict[str, str]:
        return {each.traits.key: each.state.value for each in self.evidence()}

    def rows(self) -> list[str]:
        return [row.text for row in self.rig.rows() if row.kind is TimelineKind.EVIDENCE]

    def settled(self) -> None:
        eventually(lambda: EvidenceState.TAKING not in {each.state for each in self.evidence()})


@pytest.fixture
def scene(rig: Callable[..., Rig]) -> Callable[..., Scene]:
    """Builds a scene from captures."""
    return lambda *captures: Scene(rig(RULES), list(captures))


def test_nothing_is_taken_while_there_is_no_incident(scene: Callable[..., Scene]) -> None:
    pool = Scripted(POOL)
    quiet = scene(pool)
    for _ in range(3):
        quiet.round()
    assert pool.asked == []


def test_quick_captures_are_stored_with_their_row_before_follow_returns(scene: Callable[..., Scene]) -> None:
    story = scene(Scripted(POOL), Scripted(LEVERS))
    story.opens()
    assert story.states() == {"pool": "taken", "levers": "taken"}
    (row,) = story.rows()
    assert row == "Evidence taken as the incident opened, in 0 s: connection pool, lever values"
    first = story.evidence()[0]
    assert first.captured == Captured("here", (Words("t", "pool"),))
    assert (first.asked_at, first.began_at) == (START + 1, START + 1.05)


def test_slow_captures_run_beside_and_leave_one_row_when_all_have_ended(scene: Callable[..., Scene]) -> None:
    gate = threading.Event()
    story = scene(Scripted(POOL), Scripted(STATEMENTS, gate.wait), Scripted(REDIS, refuses))
    story.opens()
    assert story.states()["statements:database"] == "taking"
    assert len(story.rows()) == 1
    gate.set()
    story.settled()
    assert story.states() == {"pool": "taken", "statements:database": "taken", "redis:redis": "failed"}
    slow = story.rows()[1]
    assert slow == (
        "Slower evidence taken as the incident opened, begun 50 ms after the opening, in 0 s: statements; "
        "failed: INFO (127.0.0.1:5432 gave no whole answer within 5 s)"
    )


def test_a_fault_of_ours_in_one_capture_is_kept_as_such_and_loses_no_other(
    scene: Callable[..., Scene],
) -> None:
    story = scene(Scripted(POOL, breaks), Scripted(LEVERS), Scripted(LOCKS, breaks), Scripted(REDIS))
    story.opens()
    story.settled()
    assert story.states() == {
        "pool": "failed", "levers": "taken", "locks:database": "failed", "redis:redis": "taken",
    }  # fmt: skip
    assert story.evidence()[0].error == "a fault of Showcall's own (ZeroDivisionError: oh)"


def test_a_capture_that_hangs_is_given_up_and_does_not_stop_the_rest(scene: Callable[..., Scene]) -> None:
    gate, threads = threading.Event(), ThreadsBegun()
    story = scene(Scripted(STATEMENTS, gate.wait), Scripted(REDIS))
    story.opens()
    eventually(lambda: story.states()["redis:redis"] == "taken")
    story.turned[0] += SLOW_SECONDS + 0.5
    story.round()
    assert story.states()["statements:database"] == "taking", "it may still say itself why it failed"
    story.turned[0] += 1.0
    story.round()
    assert story.states()["statements:database"] == "failed"
    assert story.evidence()[0].error == "no answer within 5 s"
    assert threads.alive("evidence-") == ("evidence-database",)
    gate.set()
    eventually(lambda: not threads.alive("evidence-"))
    assert story.states()["statements:database"] == "failed", "what comes later changes nothing"


def test_f16_captures_of_one_connection_wait_for_each_other_and_never_double(
    scene: Callable[..., Scene],
) -> None:
    gate, locks = threading.Event(), Scripted(LOCKS)
    story = scene(Scripted(STATEMENTS, gate.wait), locks)
    story.opens()
    story.turned[0] += SLOW_SECONDS + 2
    story.round()
    assert story.states() == {"statements:database": "failed", "locks:database": "failed"}
    story.rig.shows(active=1.0)
    story.rig.leases.now = ()
    for _ in range(40):
        story.rig.round()
    story.rig.shows(active=10.0)
    story.round()
    gate.set()
    with story.rig.database.reading() as connection:
        again = evidence_store.for_incident(connection, 2)
    assert {each.error for each in again} == {
        "left out: an earlier look over the same connection has not ended"
    }
    assert locks.asked == []


def test_one_that_is_not_reached_in_time_says_who_took_the_time(scene: Callable[..., Scene]) -> None:
    story = scene(Scripted(STATEMENTS), Scripted(LOCKS))
    slow = story.captures[0]
    assert isinstance(slow, Scripted)
    slow.act = lambda: story.turned.__setitem__(0, SLOW_SECONDS)
    story.opens()
    story.settled()
    assert story.states() == {"statements:database": "taken", "locks:database": "failed"}
    assert story.evidence()[1].error == "not begun: those before it on the same connection took all of 5 s"


def test_quick_captures_share_a_tenth_of_a_second(scene: Callable[..., Scene]) -> None:
    story = scene(Scripted(POOL), Scripted(LEVERS))
    slow = story.captures[0]
    assert isinstance(slow, Scripted)
    slow.act = lambda: story.turned.__setitem__(0, 0.2)
    story.opens()
    assert story.states() == {"pool": "taken", "levers": "failed"}
    assert story.evidence()[1].error == "left out: those before it took all of 100 ms"


def test_killed_while_it_was_being_taken_it_is_taken_again_and_the_first_try_is_kept(
    scene: Callable[..., Scene],
) -> None:
    gate = threading.Event()
    story = scene(Scripted(POOL), Scripted(STATEMENTS, gate.wait), Scripted(REDIS))
    story.opens()
    eventually(lambda: story.states()["redis:redis"] == "taken")
    story.captures[1] = Scripted(STATEMENTS)
    story.restart()
    story.round()
    story.settled()
    found = [(each.taking, each.traits.key, each.state.value) for each in story.evidence()]
    assert found == [
        (1, "pool", "taken"),
        (1, "statements:database", "interrupted"),
        (1, "redis:redis", "taken"),
        (2, "statements:database", "taken"),
    ]
    gate.set()
    assert "begun 1.0 s after the opening" in story.rows()[-1]


def test_killed_between_the_opening_and_the_evidence_the_next_one_takes_it_all(
    scene: Callable[..., Scene],
) -> None:
    story = scene(Scripted(POOL))
    story.rig.shows(active=10.0)
    story.rig.round()
    story.restart()
    for _ in range(3):
        story.round()
    assert story.states() == {"pool": "taken"}
    assert "begun 1.0 s after the opening" in story.rows()[0]


def test_a_database_that_takes_nothing_costs_no_evidence(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = scene(Scripted(POOL))
    store = evidence_store.add_all
    monkeypatch.setattr(evidence_store, "add_all", lambda *_: 1 / 0)
    story.opens()
    assert story.evidence() == []
    monkeypatch.setattr(evidence_store, "add_all", store)
    story.round()
    assert story.states() == {"pool": "taken"}


def test_every_kind_of_piece_comes_back_as_it_was() -> None:
    number = Column("n", Form.NUMBER, "s", "what it means")
    group = LineGroup("took <n>", 3, "slow", 1.0, 2.0, "took 4\n at x", ("took 3", "took 4"))
    pieces = (
        Table("t", (number, Column("c", Form.CODE)), ((1.5, "SELECT ?"), (None, ""))),
        Lines("l", (group,), "note"),
        Words("w", "text"),
    )
    captured = Captured("somewhere", pieces, ("a note",))
    assert from_json(to_json(captured)) == captured
    endless = Captured("", (Table("t", (number,), ((float("nan"),), (float("inf"),))),))
    assert from_json(to_json(endless)).pieces == (Table("t", (number,), ((None,), (None,))),)
