"""What a drill leaves behind: raw observations only. Every figure is computed from them, now or later."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stack.drills.observer import ObservedEvent, ObservedIncident
from stack.drills.plan import DrillPlan
from stack.load.load_log import CheckCount, RequestRecord
from stack.local.state import Capacity

LeverValue = int | float | str


class Ending(StrEnum):
    """How a user's visit ended."""

    SERVED = "served"
    GAVE_UP = "gave_up"
    FAILED = "failed"
    PLACE_LOST = "place_lost"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Visit:
    """One user's journey.

    Attributes:
        answers: seconds of each date answer, from the first attempt to the good answer.
        waited: seconds spent waiting for admission, all times together.
        put_back: how often the user was sent back to the waiting queue.
    """

    user: int
    arrived_at: float
    ended_at: float
    ending: Ending
    answers: tuple[float, ...]
    waited: float
    put_back: int


@dataclass(frozen=True, slots=True)
class LeverSample:
    """A lever as the target itself reports it."""

    name: str
    value: LeverValue
    baseline: LeverValue
    leased: bool
    ramping: bool

    @property
    def at_baseline(self) -> bool:
        """Where it belongs, held by nobody and not on its way."""
        return self.value == self.baseline and not self.leased and not self.ramping


@dataclass(frozen=True, slots=True)
class StackSample:
    """The management port at one instant: pool, waiting queue, levers (those that could be read)."""

    at: float
    pool_active: float
    pool_max: float
    pool_pending: float
    pool_timeouts: float
    pool_uses: float
    queue_waiting: float
    queue_active: float
    queue_abandoned: float
    levers: tuple[LeverSample, ...]

    def lever(self, name: str) -> LeverSample | None:
        """The lever of that name, None where it could not be read."""
        return next((lever for lever in self.levers if lever.name == name), None)


@dataclass(frozen=True, slots=True)
class Failing:
    """Something that could not be read: when, and why in words."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A timeline row, and when the drill got to see it."""

    event: ObservedEvent
    seen_at: float


class LogMark(StrEnum):
    """Lines of the service's log that a drill looks for."""

    POOL_SATURATED = "pool_saturated"
    POOL_TIMEOUT = "pool_timeout"
    LEVER_CHANGED = "lever_changed"


@dataclass(frozen=True, slots=True)
class LogStamp:
    """Such a line, with the service's own time; ``text`` is the line itself for pool timeouts, else empty."""

    at: float
    mark: LogMark
    text: str = ""


@dataclass(frozen=True, slots=True)
class Generator:
    """The load generator on itself.

    Attributes:
        dropped: arrivals that did not fit in; above 0 the load was not the one planned.
        lag_p99: seconds that requests went out after their intended time; it is part of every latency.
        checks: what was expected of the answers.
    """

    dropped: int
    lag_p99: float
    lag_maximum: float
    checks: Mapping[str, CheckCount]


@dataclass(frozen=True, slots=True)
class MachineUse:
    """Processors over the whole run: how many, per cent busy, per cent stolen by other guests of the host."""

    processors: int
    busy_percent: float
    steal_percent: float


@dataclass(frozen=True, slots=True)
class DrillResult:
    """Everything that was seen. Times are Unix seconds.

    Attributes:
        surge_from: when the surge began; ``surge_until`` when it ended or the drill was cut off.
        complete: False when a person stopped the drill.
        observed: whether a platform was watched at all.
    """

    plan: DrillPlan
    capacity: Capacity
    started_at: float
    surge_from: float
    surge_until: float
    ended_at: float
    complete: bool
    observed: bool
    requests: tuple[RequestRecord, ...]
    visits: tuple[Visit, ...]
    samples: tuple[StackSample, ...]
    sampling_failures: tuple[Failing, ...]
    events: tuple[SeenEvent, ...]
    incidents: tuple[ObservedIncident, ...]
    log: tuple[LogStamp, ...]
    generator: Generator
    machine: MachineUse
