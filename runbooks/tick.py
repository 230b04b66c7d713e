"""One step of the run loop, and one run seen at it."""

from dataclasses import dataclass

from runbooks.kill_switch import KillSwitch
from runbooks.lever import LeverReading
from runbooks.run import Run
from runbooks.run_memory import RunMemory
from runbooks.runbook import Runbook


@dataclass(frozen=True, slots=True)
class Tick:
    """``now`` in Unix seconds; ``lag``: seconds that our own loop was late; how the kill switch stands."""

    now: float
    lag: float
    kill_switch: KillSwitch


@dataclass(frozen=True, slots=True)
class Seen:
    """A run at one step: what it remembers, and what its lever says."""

    run: Run
    memory: RunMemory
    reading: LeverReading
    tick: Tick

    @property
    def now(self) -> float:
        """The step's time."""
        return self.tick.now


@dataclass(frozen=True, slots=True)
class Moment(Seen):
    """A run at one step that its runbook can decide about."""

    runbook: Runbook
