"""A drill as it should go, made by hand: tests bend single observations of it and look at the figures.

The story, in seconds after the start: surge 20 to 110; first wait at 31, alert at 33, cut at 33.4, backlog
gone at 43, release at 160 to 180, resolved at 200, end at 205. One sample every half second.
"""

from dataclasses import replace

from stack.drills.observer import ObservedEvent, ObservedIncident
from stack.drills.plan import DrillPlan
from stack.drills.result import (
    DrillResult,
    Ending,
    Generator,
    LeverSample,
    LogMark,
    LogStamp,
    MachineUse,
    SeenEvent,
    StackSample,
    Visit,
)
from stack.load.load_log import CheckCount, RequestRecord
from stack.load.outcome_kind import OutcomeKind
from stack.local.state import Capacity

START = 1_795_000_000.0
RAMP = {160.0: 10, 161.0: 20, 164.0: 40, 167.0: 80, 170.0: 160, 173.0: 320, 176.0: 640, 179.0: 1000}


def cap_at(offset: float) -> int:
    if offset < 33.5 or offset >= 179:
        return 1000
    if offset < 160:
        return 8 if offset < 60 else 9 if offset < 80 else 10
    return max((at, value) for at, value in RAMP.items() if at <= offset)[1]


def pending_at(offset: float) -> float:
    if 31 <= offset < 33.5:
        return 38.0
    return max(0.0, 38 - 4 * (offset - 33.5)) if 33.5 <= offset < 43 else 0.0


def sample(offset: float, pending: float | None = None, cap: float | None = None) -> StackSample:
    waiting = pending_at(offset) if pending is None else pending
    value = cap_at(offset) if cap is None else cap
    levers = (
        LeverSample(
            "active_users_cap", value, 1000, leased=33.5 <= offset < 160, ramping=160 <= offset < 179
        ),
        LeverSample("admission_rate", 100, 100, leased=False, ramping=False),
        LeverSample("circuit_breaker", "METRICS_ONLY", "METRICS_ONLY", leased=False, ramping=False),
    )
    return StackSample(START + offset, 10, 10, waiting, 0, 4.8 * offset, 100, 8, 0, levers)


def event(number: int, offset: float, kind: str, text: str, **details: object) -> SeenEvent:
    observed = ObservedEvent(number, START + offset, 1, kind, "because", text, details)
    return SeenEvent(observed, START + offset + 0.2)


def date(
    offset: float, latency: float, kind: OutcomeKind = OutcomeKind.OK, status: int = 200
) -> RequestRecord:
    return RequestRecord(START + offset, latency, kind, "date", "surge", 1, status)


def visit(ended: float, ending: Ending = Ending.SERVED, *answers: float, put_back: int = 0) -> Visit:
    return Visit(1, START + ended - 20, START + ended, ending, answers, 5.0, put_back)


def good_drill() -> DrillResult:
    return DrillResult(
        plan=DrillPlan(),
        capacity=Capacity(4.8, 1_500_000, "2026-11-22T16:00:00.000Z", 1.2, ok=True),
        started_at=START,
        surge_from=START + 20,
        surge_until=START + 110,
        ended_at=START + 205,
        complete=True,
        observed=True,
        requests=(
            *(date(offset, 0.4) for offset in range(1, 20)),
            *(date(offset / 2, 6.0) for offset in range(62, 86)),
            date(33.6, 0.05, status=403),
            date(36, 1.0, OutcomeKind.HTTP_503, 503),
            *(date(offset / 2, 1.0 + offset / 400) for offset in range(130, 219)),
            *(date(offset, 0.5) for offset in range(120, 200, 5)),
        ),
        visits=(
            visit(15, Ending.SERVED, 0.4, 0.4, 0.4, 0.4, 0.4),
            visit(40, Ending.SERVED, 6.0, 6.0, 3.0, 2.0, 1.0),
            visit(41, Ending.GAVE_UP),
            visit(70, Ending.SERVED, 1.2, 1.2, 1.2, 1.2, 1.2, put_back=1),
            visit(75, Ending.GAVE_UP),
            visit(80, Ending.FAILED),
        ),
        samples=tuple(sample(step / 2) for step in range(411)),
        sampling_failures=(),
        events=(
            event(1, 32, "alert_pending", "PoolExhausted pending"),
            event(2, 33, "alert_firing", "PoolExhausted fires", alert="PoolExhausted"),
            event(3, 33, "incident_opened", "Incident 1 opened"),
            event(4, 33.4, "lever_set", "active_users_cap 1000 to 8"),
            event(5, 44, "verified", "backlog gone"),
            event(6, 160, "releasing", "release by ramp"),
            event(7, 200, "incident_resolved", "Incident 1 resolved"),
        ),
        incidents=(ObservedIncident(1, "resolved", START + 33, START + 60, START + 200),),
        log=(LogStamp(START + 31.1, LogMark.POOL_SATURATED),),
        generator=Generator(0, 0.004, 0.02, {"a date answer lists dates": CheckCount(148, 0)}),
        machine=MachineUse(2, 71.0, 3.4),
    )


def with_pending(drill: DrillResult, since: float, until: float, pending: float) -> DrillResult:
    """The drill with that many waiting for a connection from ``since`` to before ``until``."""
    samples = tuple(
        replace(each, pool_pending=pending) if since <= each.at - START < until else each
        for each in drill.samples
    )
    return replace(drill, samples=samples)


def with_caps(drill: DrillResult, since: float, *caps: float) -> DrillResult:
    """The drill with these values of the cap, one every two seconds from ``since`` on."""
    samples = []
    for each in drill.samples:
        index = int((each.at - START - since) // 2)
        inside = each.at - START >= since and index < len(caps)
        samples.append(sample(each.at - START, each.pool_pending, caps[index]) if inside else each)
    return replace(drill, samples=tuple(samples))


def without_events(drill: DrillResult, *kinds: str) -> DrillResult:
    return replace(drill, events=tuple(seen for seen in drill.events if seen.event.kind not in kinds))
