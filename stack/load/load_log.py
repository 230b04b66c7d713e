"""What the users of one run met, written as it happens: a record per request, checks, counts, lag.

Nothing is computed here that could get lost with a cancelled task: every answer is a row the moment it is
known, and what is still open when the run is cut off is a row with the time it had waited by then.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stack.load.histogram import LatencyHistogram, RecentLatencies
from stack.load.outcome_kind import OutcomeKind

_KINDS = tuple(OutcomeKind)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as sent, a retry being one of its own.

    Attributes:
        issued_at: Unix seconds at which it was meant to be sent; ``latency`` counts from here, so a late
            generator shows as latency instead of hiding it (no coordinated omission).
        latency: seconds until the answer was complete, or until the failure was known.
        name: what was asked, e.g. ``date``.
        phase: the stage of the load it was issued in.
        user: number of the user.
        status: HTTP status, 0 without an answer.
    """

    issued_at: float
    latency: float
    kind: OutcomeKind
    name: str
    phase: str
    user: int
    status: int


@dataclass(frozen=True, slots=True)
class CheckCount:
    """How often something expected of the answers held."""

    passed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Seconds; None where nothing was counted."""

    count: int
    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    maximum: float

    @classmethod
    def of(cls, histogram: LatencyHistogram) -> "LatencySummary":
        """The usual percentiles of a histogram."""
        p50, p90, p95, p99 = (histogram.percentile(percent) for percent in (50, 90, 95, 99))
        return cls(histogram.count, histogram.mean, p50, p90, p95, p99, histogram.maximum)


class LoadLog:
    """Append-only columns of one run.

    Args:
        phase_of: the phase of an instant in Unix seconds.
    """

    def __init__(self, phase_of: Callable[[float], str]) -> None:
        self._phase_of = phase_of
        self._names: dict[str, int] = {}
        self._phases: dict[str, int] = {}
        self._issued, self._latency = array("d"), array("d")
        self._kind, self._name, self._phase = array("B"), array("H"), array("H")
        self._user, self._status = array("L"), array("H")
        self._by_name: dict[str, tuple[LatencyHistogram, RecentLatencies]] = {}
        self._checks: dict[str, CheckCount] = {}
        self._failures: Counter[tuple[str, OutcomeKind]] = Counter()
        self._open: dict[int, float] = {}
        self.lag = LatencyHistogram()
        self.started = self.finished = self.dropped = 0

    def __len__(self) -> int:
        return len(self._issued)

    def sending(self, user: int, issued_at: float, now: float) -> None:
        """A request goes out at ``now`` that was meant for ``issued_at``."""
        self._open[user] = issued_at
        self.lag.record(now - issued_at)

    def ended(
        self, user: int, name: str, *, issued_at: float, now: float, kind: OutcomeKind, status: int
    ) -> None:
        """The request that ``sending`` announced is over."""
        self._open.pop(user, None)
        latency = max(0.0, now - issued_at)
        self._issued.append(issued_at)
        self._latency.append(latency)
        self._kind.append(_KINDS.index(kind))
        self._name.append(_number(self._names, name))
        self._phase.append(_number(self._phases, self._phase_of(issued_at)))
        self._user.append(user)
        self._status.append(status)
        if kind.failed:
            self._failures[name, kind] += 1
        if kind is not OutcomeKind.UNFINISHED:
            whole, recent = self._by_name.setdefault(name, (LatencyHistogram(), RecentLatencies()))
            whole.record(latency)
            recent.record(now, latency)

    def check(self, name: str, passed: bool) -> None:
        """Count one check."""
        count = self._checks.get(name, CheckCount())
        self._checks[name] = CheckCount(count.passed + passed, count.failed + (not passed))

    def records(self) -> Iterator[RequestRecord]:
        """Every request so far, in the order in which they ended."""
        names, phases = tuple(self._names), tuple(self._phases)
        columns = (self._issued, self._latency, self._kind, self._name, self._phase, self._user, self._status)
        for issued, latency, kind, name, phase, user, status in zip(*columns, strict=True):
            yield RequestRecord(issued, latency, _KINDS[kind], names[name], phases[phase], user, status)

    @property
    def checks(self) -> Mapping[str, CheckCount]:
        """Every check by name."""
        return dict(self._checks)

    @property
    def open_requests(self) -> int:
        """Requests that are on their way."""
        return len(self._open)

    def oldest_open(self, now: float) -> float:
        """Seconds since the longest open request was meant to go out; 0 without one."""
        return max(0.0, now - min(self._open.values())) if self._open else 0.0

    def failures(self, name: str | None = None) -> Counter[OutcomeKind]:
        """Failed requests by kind, of one request name or of all."""
        counted: Counter[OutcomeKind] = Counter()
        for (of_name, kind), count in self._failures.items():
            if name in (None, of_name):
                counted[kind] += count
        return counted

    def latency(self, name: str) -> LatencySummary:
        """Of every ended request of that name, failed ones included."""
        return LatencySummary.of(self._by_name[name][0] if name in self._by_name else LatencyHistogram())

    def latency_lately(self, name: str, now: float) -> LatencySummary:
        """Of the requests of that name that ended in the last 10 s."""
        known = self._by_name.get(name)
        return LatencySummary.of(known[1].merged(now) if known else LatencyHistogram())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the requests seen so far."""
        return tuple(self._names)


def _number(numbers: dict[str, int], text: str) -> int:
    return numbers.setdefault(text, len(numbers))
