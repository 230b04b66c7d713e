"""What a run remembers from one step to the next; stored with the run, so that a restart goes on from it."""

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from runbooks.admission_law import Control, Phase
from runbooks.hold_and_release import Hold
from runbooks.lever import LeverValue
from runbooks.run import RunState
from runbooks.verification import Watch


@dataclass(frozen=True, slots=True)
class RunMemory:
    """A run's memory; times are Unix seconds.

    Attributes:
        value: what we set last, and expect to read.
        baseline: where the lever goes back to.
        since: when it was first set; ``until``: when the target's lease ends.
        renewed_at: the last write that renewed the lease; ``tried_at``: the last attempt at any write.
        control, hold: the law's memory; one of the two.
        ending: what the run will have been when the lever is back, with the reason; None while it goes on.
        stopped: a person said stop: nothing more is sent, the target's lease runs out.
        told: the reason last shown on the timeline, so that it is shown once.
        not_before: after a lever failed, the earliest next attempt.
    """

    value: LeverValue
    baseline: LeverValue
    since: float
    until: float
    renewed_at: float
    tried_at: float
    control: Control | None = None
    hold: Hold | None = None
    watch: Watch | None = None
    ending: RunState | None = None
    ending_reason: str = ""
    stopped: bool = False
    told: str = ""
    not_before: float = 0.0


def releasing(memory: RunMemory) -> bool:
    """Whether the law is letting go."""
    if memory.control is not None:
        return memory.control.phase is Phase.RELEASE
    return memory.hold is not None and memory.hold.releasing


_ADAPTER = TypeAdapter(RunMemory)


def to_json(memory: RunMemory) -> str:
    """The memory as it is stored with the run."""
    return json.dumps(asdict(memory))


def from_json(text: str) -> RunMemory:
    """The stored memory."""
    return _ADAPTER.validate_python(json.loads(text))
