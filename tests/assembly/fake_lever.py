"""A lever of the fake stack: versions, remembered requests, leases that really end, its ramp, faults."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Value = int | str
Json = Mapping[str, Any]


class Fault(StrEnum):
    """What goes wrong with a request."""

    ERROR = "error"  # 500, not applied
    HANG = "hang"  # no answer, not applied
    RESET_AFTER = "reset_after"  # applied, then the connection is reset
    ERROR_AFTER = "error_after"  # applied, then a 500
    SLOW_ANSWER = "slow_answer"  # applied, answered too late
    LATE = "late"  # no answer; delivered to the lever later, when nobody waits any more


@dataclass(frozen=True, slots=True)
class Write:
    """One line of the ledger: a write as the lever judged it.

    Attributes:
        kind: ``set`` or ``release``.
        status: what the lever answered, whether or not the answer arrived; None when it never reached it.
        before, after: its value; ``applied``: the write did something (a renewal does, a repetition not).
    """

    at: float
    lever: str
    kind: str
    body: Json
    status: int | None
    before: Value
    after: Value
    applied: bool

    @property
    def request_id(self) -> str:
        return str(self.body.get("requestId"))

    @property
    def cut(self) -> bool:
        """It lowered a number."""
        return self.applied and isinstance(self.before, int) and self.after < self.before  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class HeldLease:
    owner: str
    run_id: str
    until: float

    def shown(self) -> Json:
        until = datetime.fromtimestamp(self.until, UTC).isoformat(timespec="milliseconds")
        return {"owner": self.owner, "runId": self.run_id, "until": until.replace("+00:00", "Z")}


@dataclass
class FakeLever:
    """One lever. ``write_faults`` are used up one by one, then ``steady_fault`` holds for every write."""

    name: str
    ledger: list[Write]
    baseline: Value
    ramp_every: float = 0.2
    value: Value = 0
    version: int = 7
    lease: HeldLease | None = None
    ramping: bool = False
    write_faults: list[Fault] = field(default_factory=list)
    steady_fault: Fault | None = None
    read_fault: Fault | None = None

    def __post_init__(self) -> None:
        self.value = self.baseline
        self._answers: dict[str, tuple[int, Json]] = {}
        self._ramp_due = 0.0
        self._lock = threading.RLock()

    def next_fault(self) -> Fault | None:
        with self._lock:
            return self.write_faults.pop(0) if self.write_faults else self.steady_fault

    def reading(self) -> Json:
        with self._lock:
            return {
                "value": self.value,
                "baseline": self.baseline,
                "version": self.version,
                "lease": None if self.lease is None else self.lease.shown(),
                "ramping": self.ramping,
            }

    def write(self, kind: str, value: Value | None, body: Json, now: float) -> tuple[int, Json]:
        """A write arrives: apply it, repeat the answer, or refuse an old version."""
        with self._lock:
            before, known = self.value, self._answers.get(str(body.get("requestId")))
            status, answer = known or self._judged(kind, value, body, now)
            applied = known is None and status == 200
            self.ledger.append(Write(now, self.name, kind, body, status, before, self.value, applied))
            if applied:
                self._answers[str(body.get("requestId"))] = (status, answer)
            return status, answer

    def unreached(self, kind: str, body: Json, now: float) -> None:
        """A write that a fault kept from the lever."""
        with self._lock:
            self.ledger.append(Write(now, self.name, kind, body, None, self.value, self.value, applied=False))

    def step(self, now: float, line_waits: bool) -> None:
        """Let time pass: a lease ends, the ramp doubles unless the line waits."""
        with self._lock:
            if self.lease is not None and now >= self.lease.until:
                self._let_go(now)
            if self.ramping and now >= self._ramp_due and not line_waits:
                self._ramp(now)

    def take_by_hand(self, value: Value) -> None:
        """A person turns the knob at the target."""
        with self._lock:
            self.value, self.lease, self.ramping, self.version = value, None, False, self.version + 1

    def _judged(self, kind: str, value: Value | None, body: Json, now: float) -> tuple[int, Json]:
        if body.get("ifVersion") != self.version:
            return 409, {"message": f"{self.name}: the version is {self.version}", **self.reading()}
        if kind == "release":
            self._let_go(now)
        else:
            assert value is not None
            seconds = float(body.get("leaseSeconds", 0))
            lease = HeldLease(str(body.get("owner")), str(body.get("runId")), now + seconds)
            self.value, self.ramping, self.version = value, False, self.version + 1
            self.lease = lease if seconds else None
        return 200, self.reading()

    def _let_go(self, now: float) -> None:
        self.lease, self.version = None, self.version + 1
        self.ramping, self._ramp_due = self.value != self.baseline, now

    def _ramp(self, now: float) -> None:
        if isinstance(self.value, int) and isinstance(self.baseline, int):
            self.value = min(self.baseline, max(self.value * 2, self.value + 1))
        else:
            self.value = self.baseline
        self.version += 1
        self.ramping, self._ramp_due = self.value != self.baseline, now + self.ramp_every
