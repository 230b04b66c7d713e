"""``kill -9`` of a real process between sending and the receipt, and random troubles: nothing is lost."""

import contextlib
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.outbox import Moment
from alerts.timeline import TimelineKind
from database import Database
from tests.outbox.fake_slack import TOKEN, Step, fake_slack
from tests.outbox.outbox_rig import START, Rig, worker

ROOT = Path(__file__).parents[2]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", list(Moment))
def test_f60_a_process_killed_between_send_and_receipt_neither_doubles_nor_loses(
    rig: Rig, moment: Moment
) -> None:
    number = rig.open()
    for attempt in (1, 1, 2):
        rig.tell(number, f"row before kill {attempt}", TimelineKind.LEVER_FAILED)
        command = [
            sys.executable, "-m", "tests.outbox.killed_worker", str(rig.database.engine.url),
            rig.slack.address, str(rig.token_file), moment.value, str(rig.now),
            str(attempt),
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=ROOT, timeout=30, check=False)
        assert ended.returncode == -9
        rig.pass_time(20)
    rig.resolve(number)
    rig.restarted()
    rig.settle()
    assert len(rig.slack.roots()) == 1
    said = rig.told()
    assert said.count("row before kill 1") == 2
    assert said.count("row before kill 2") == 1
    assert "resolved · critical" in rig.slack.roots()[0].shown


TROUBLES = [
    Step(status=429, headers={"Retry-After": "3"}), Step(status=503), Step(status=500, applied=True),
    Step(cut=True), Step(cut=True, applied=True), Step(error="internal_error"), Step(error="token_revoked"),
]  # fmt: skip
EVENTS = st.sampled_from(["open", "tell", "resolve", "trouble", "wait", "kill before", "kill after"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(EVENTS, st.integers(0, 6)), min_size=4, max_size=20))
def test_nothing_is_lost_in_any_sequence_of_troubles(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, fake_slack() as slack:
        database = Database(f"sqlite:///{folder}/showcall.db")
        database.create_all()
        token_file = Path(folder) / "token"
        token_file.write_text(TOKEN, encoding="utf-8")
        clock = [START]
        rig = Rig(database, slack, token_file, worker(database, slack, token_file, clock, []), clock, [])
        told = [play(rig, what, which) for what, which in events]
        slack.script.clear()
        rig.restarted()
        rig.settle(900)
        check(rig, [each for each in told if each])
        database.close()


def play(rig: Rig, what: str, which: int) -> str:
    """One event; what it wants to be told, if anything."""
    opened = _opened(rig)
    match what:
        case "open":
            rig.open(f"Trouble {len(opened) + 1}")
        case "tell" if opened:
            text = f"told at {rig.now:.1f} number {which} of {opened[which % len(opened)]}"
            rig.tell(opened[which % len(opened)], text, TimelineKind.LEVER_FAILED)
            rig.turn_for(0.5)
            return text
        case "resolve" if opened:
            rig.resolve(opened[which % len(opened)])
        case "trouble":
            rig.slack.script.append(replace(TROUBLES[which % len(TROUBLES)]))
        case "kill before" | "kill after":
            _kill(rig, Moment.BEFORE_SEND if what == "kill before" else Moment.SENT)
    rig.turn_for(1 + 3 * which)
    return ""


def _opened(rig: Rig) -> list[int]:
    with rig.database.reading() as connection:
        return [found[0] for found in connection.exec_driver_sql("SELECT id FROM incidents ORDER BY id")]


def _kill(rig: Rig, wanted: Moment) -> None:
    def hook(moment: Moment) -> None:
        if moment is wanted:
            raise Killed

    rig.restarted(hook)
    with contextlib.suppress(Killed):
        rig.turn_for(10)
    rig.restarted()


def check(rig: Rig, told: list[str]) -> None:
    """Every incident has one message that is true, and every row stands in Slack exactly once."""
    said = rig.told()
    assert [text for text in told if said.count(text) != 1] == []
    opened = _opened(rig)
    assert len(rig.slack.roots()) == len(opened)
    with rig.database.reading() as connection:
        states = {
            found[0]: found[1] for found in connection.exec_driver_sql("SELECT id, state FROM incidents")
        }
    for number in opened:
        root = next(root for root in rig.slack.roots() if f"Incident {number}:" in root.shown)
        assert f"{states[number]} · critical" in root.shown
