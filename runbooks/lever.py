"""A lever: one typed knob of the stack that can be read, set within bounds and put back.

The values here cross every file of the room. A call to a lever never raises for what the other side does:
its outcome is one of the result values, and an answer that did not arrive is ``Unknown``, never "failed".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from settings.schema import LeverSettings

OWNER = "showcall"
"""How we sign our leases at the target."""

LeverValue: TypeAlias = float | str
"""A number for levers with bounds, a state's name for levers with states."""


@dataclass(frozen=True, slots=True)
class LeverLease:
    """The lease as the target tells it; ``until`` is Unix seconds."""

    owner: str
    run_id: str
    until: float


@dataclass(frozen=True, slots=True)
class LeverReading:
    """What a lever said of itself.

    Attributes:
        baseline: the target's own baseline, or None where it does not say.
        version: grows with every change; None where the target has no versions.
        at: Unix seconds at which the question was asked.
        ramping: the target is putting the lever back by itself.
    """

    value: LeverValue
    baseline: LeverValue | None
    version: int | None
    lease: LeverLease | None
    at: float
    ramping: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One write to a lever.

    Attributes:
        if_version: the version it was decided on; the target refuses (409) when it is another by now.
        request_id: the same id is never applied twice.
        lease_seconds: 0 ends the lease (only with the baseline as value).
        put_back_excess: users above a lower cap return to the head of the waiting queue.
    """

    value: LeverValue
    if_version: int | None
    request_id: str
    lease_seconds: float
    run_id: str
    put_back_excess: bool = False


@dataclass(frozen=True, slots=True)
class RampBack:
    """Ask the target to start its own ramp back to the baseline now."""

    if_version: int | None
    request_id: str
    run_id: str


class UnknownKind(StrEnum):
    """Why it is not known whether a request did anything."""

    TIMEOUT = "timeout"
    CONNECTION_REFUSED = "connection_refused"
    RESET = "reset"
    DNS = "dns"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    NOT_VISIBLE = "not_visible"


@dataclass(frozen=True, slots=True)
class Applied:
    """The target says that it did it; ``reading`` is what it reads after."""

    reading: LeverReading


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody changed the lever since the version we decided on; nothing was applied."""

    reading: LeverReading


@dataclass(frozen=True, slots=True)
class Refused:
    """The target understood and will not; nothing was applied and sending again will not help."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No clear answer: it may have been applied. Read the lever to find out."""

    kind: UnknownKind
    text: str


SetResult: TypeAlias = Applied | Conflict | Refused | Unknown
ReadResult: TypeAlias = LeverReading | Refused | Unknown


class Lever(Protocol):
    """One knob. ``now`` (Unix seconds) only stamps the reading."""

    @property
    def settings(self) -> LeverSettings:
        """Name, bounds, baseline and safe direction, from ``config.yaml``."""

    def read(self, now: float) -> ReadResult:
        """Ask the target for the present value."""

    def set(self, change: Change, now: float) -> SetResult:
        """Write a value; at most one effect for one ``request_id``."""

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        """Start the target's own ramp; ``Refused`` where the target has none."""


def number(value: LeverValue) -> float:
    """The value of a numeric lever.

    Raises:
        TypeError: a state was found where a number belongs.
    """
    if isinstance(value, str):
        raise TypeError(f"lever value {value!r} is a state; a number is wanted here")
    return value


def worded(value: LeverValue, unit: str = "") -> str:
    """The value as a person reads it: ``8 users``, ``FORCED_OPEN``."""
    text = value if isinstance(value, str) else f"{value:g}"
    return f"{text} {unit}".strip()
