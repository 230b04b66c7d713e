"""The figures of one window of a drill: how date requests issued in it went, and who was served in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stack.drills.journey import DATE
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult, Ending, Visit
from stack.load.histogram import percentile
from stack.load.load_log import RequestRecord
from stack.load.outcome_kind import OutcomeKind


@dataclass(frozen=True, slots=True)
class Window:
    """From ``since`` up to but not including ``until`` (Unix seconds)."""

    name: str
    since: float
    until: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(0.0, self.until - self.since)

    def holds(self, at: float) -> bool:
        """Whether an instant lies in it."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in one window.

    Attributes:
        dates: date requests issued in it that count for the percentiles.
        p50: seconds, likewise p90 and p95, of those; a failed one counts as the client's whole timeout.
        cut_off: how many of those had no answer yet when the drill ended and count with what they had waited
            by then: where there are any, the percentiles are lower bounds.
        failures: failed requests of any sort issued in it, by kind.
        put_back: date requests answered by being sent back to the waiting queue.
        arrived: users who arrived in it; the other counts are of users whose visit *ended* in it.
        within_objective: users served with every one of their answers within the objective.
        pending_mean: requests waiting for a connection, mean and maximum of the samples.
        pool_timeouts: by the service's counter.
    """

    window: Window
    dates: int
    cut_off: int
    p50: float | None
    p90: float | None
    p95: float | None
    failures: Mapping[OutcomeKind, int]
    put_back: int
    arrived: int
    served: int
    within_objective: int
    gave_up: int
    failed: int
    pending_mean: float | None
    pending_maximum: float | None
    pool_timeouts: float


def figures(result: DrillResult, window: Window) -> Figures:
    """The figures of one window."""
    requests = [record for record in result.requests if window.holds(record.issued_at)]
    latencies = date_latencies(requests, result.plan)
    ended = [visit for visit in result.visits if window.holds(visit.ended_at)]
    endings = Counter(visit.ending for visit in ended)
    pending = [sample.pool_pending for sample in result.samples if window.holds(sample.at)]
    return Figures(
        window=window,
        dates=len(latencies),
        cut_off=sum(1 for each in requests if each.name == DATE and was_cut_off(each, result.plan)),
        p50=percentile(latencies, 50),
        p90=percentile(latencies, 90),
        p95=percentile(latencies, 95),
        failures=failures_by_kind(requests),
        put_back=sum(1 for record in requests if sent_back(record)),
        arrived=sum(1 for visit in result.visits if window.holds(visit.arrived_at)),
        served=endings[Ending.SERVED],
        within_objective=sum(1 for visit in ended if within_objective(visit, result.plan)),
        gave_up=endings[Ending.GAVE_UP],
        failed=endings[Ending.FAILED] + endings[Ending.PLACE_LOST],
        pending_mean=sum(pending) / len(pending) if pending else None,
        pending_maximum=max(pending, default=None),
        pool_timeouts=timeouts_in(result, window),
    )


def date_latencies(requests: Iterable[RequestRecord], plan: DrillPlan) -> list[float]:
    """Seconds of every date request, as its user has to judge it.

    A failed one counts as at least the client's timeout, so that refusing quickly cannot look like serving
    well. One sent back to the queue is no answer and does not count. One cut off by the end of the drill
    counts with what it had waited if that is over the objective already; else nothing is known of it.
    """
    return [
        max(record.latency, plan.patience.timeout) if record.kind.failed else record.latency
        for record in requests
        if record.name == DATE and not sent_back(record) and not _unknown(record, plan)
    ]


def sent_back(record: RequestRecord) -> bool:
    """A date request answered 403: the user was put back to the waiting queue."""
    return record.name == DATE and record.kind is OutcomeKind.OK and record.status == 403


def failures_by_kind(requests: Iterable[RequestRecord]) -> Mapping[OutcomeKind, int]:
    """Failed requests by kind, the most frequent first."""
    return dict(Counter(record.kind for record in requests if record.kind.failed).most_common())


def within_objective(visit: Visit, plan: DrillPlan) -> bool:
    """Served, and every answer in time, counted from the first attempt at it."""
    return visit.ending is Ending.SERVED and max(visit.answers) <= plan.wanted.objective


def timeouts_in(result: DrillResult, window: Window) -> float:
    """Growth of the pool's timeout counter over the samples in and just before the window."""
    counts: Sequence[float] = [s.pool_timeouts for s in result.samples if s.at < window.until]
    before = [s.pool_timeouts for s in result.samples if s.at < window.since]
    if not counts:
        return 0.0
    return counts[-1] - (before[-1] if before else counts[0])


def was_cut_off(record: RequestRecord, plan: DrillPlan) -> bool:
    """Still without an answer when the drill ended: it waited at least so long."""
    return record.kind is OutcomeKind.UNFINISHED and not _unknown(record, plan)


def _unknown(record: RequestRecord, plan: DrillPlan) -> bool:
    return record.kind is OutcomeKind.UNFINISHED and record.latency <= plan.wanted.objective
