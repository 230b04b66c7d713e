"""A runbook that protects never moves a lever the other way."""

from dataclasses import replace

import pytest

from runbooks.decision import DecisionReason, DecisionVerdict, Situation, decide
from runbooks.kill_switch import KillSwitch
from runbooks.lever import LeverReading
from settings.schema import RunbookMode

NOW = 1_800_000_000.0

SITUATION = Situation(
    runbook="throttle_queue",
    mode=RunbookMode.AUTO,
    kill_switch=KillSwitch(engaged=False),
    busy=None,
    earlier=(),
    limited=None,
    reading=LeverReading(1000.0, 1000.0, 1, None, NOW),
    baseline=1000.0,
    target=8.0,
    unit="users",
    guards=(),
    protects="down",
)


def test_a_throttle_lowers_a_cap_that_is_above_it() -> None:
    assert decide(SITUATION).verdict is DecisionVerdict.RUN


@pytest.mark.parametrize(("protects", "value"), [("down", 5.0), ("up", 20.0)])
def test_a_lever_that_is_safer_already_is_left_where_it_is(protects: str, value: float) -> None:
    reading = LeverReading(value, value, 1, None, NOW)
    seen = replace(SITUATION, reading=reading, baseline=value, protects=protects)
    decided = decide(seen)
    assert (decided.verdict, decided.reason) == (DecisionVerdict.REFUSE, DecisionReason.ALREADY_THERE)
    assert f"{value:g} users, safer than 8" in decided.text
