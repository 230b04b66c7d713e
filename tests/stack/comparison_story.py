"""A comparison as it should go, made by hand: the published failure left alone, none of it acting.

Seconds after the start: surge 20 to 140, 5 users a second, so 600 of them. Left alone the pool fills up from
30 on, times out 65 times from 90 on, and the run ends at 180. Acting, the story is `drill_story`'s.
"""

from dataclasses import replace

from stack.drills.comparison import Comparison, compared_plan, left_alone_plan
from stack.drills.observer import ObservedIncident
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult, Ending, LeverSample, LogMark, LogStamp, StackSample, Visit
from stack.load.load_log import RequestRecord
from stack.load.outcome_kind import OutcomeKind
from tests.stack.drill_story import START, event, good_drill, sample

SURGE_FROM, SURGE_UNTIL, WATCHED_UNTIL = 20.0, 140.0, 180.0
USERS = 600
TIMEOUTS = 65
LIMIT = 19 / 3
LINE = (
    "HikariPool-1 - Connection is not available, request timed out after 30000ms "
    "(total=10, active=10, idle=0, waiting=189)"
)


def arrival(user: int) -> float:
    return START + SURGE_FROM + user / 5


def date_of(user: int, offset: float, latency: float, kind: OutcomeKind = OutcomeKind.OK) -> RequestRecord:
    return RequestRecord(
        START + offset, latency, kind, "date", "surge", user, 200 if kind is OutcomeKind.OK else 503
    )


def visit_of(user: int, seconds: float, ending: Ending, *answers: float, put_back: int = 0) -> Visit:
    return Visit(user, arrival(user), arrival(user) + seconds, ending, answers, 5.0, put_back)


def saturated(offset: float) -> StackSample:
    pending = min(190.0, max(0.0, (offset - 30) * 5))
    timeouts = min(float(TIMEOUTS), max(0.0, (offset - 90) * 1.3)) // 1
    return replace(sample(offset, pending, 1000), levers=at_home(offset), pool_timeouts=timeouts)


def at_home(offset: float) -> tuple[LeverSample, ...]:
    levers = sample(offset, 0, 1000).levers
    return tuple(replace(each, leased=False, ramping=False) for each in levers)


def left_alone() -> DrillResult:
    acting = good_drill()
    served = [visit_of(user, 60, Ending.SERVED, 9.0, 12.0, 14.0, 8.0, 6.0) for user in range(40)]
    quick = [visit_of(user, 8, Ending.SERVED, 0.5, 0.6, 0.7, 0.8, 0.9) for user in (0, 1)]
    waiting = [
        visit_of(user, WATCHED_UNTIL - SURGE_FROM - user / 5, Ending.UNFINISHED) for user in range(40, USERS)
    ]
    return replace(
        acting,
        plan=left_alone_plan(DrillPlan()),
        surge_until=START + SURGE_UNTIL,
        ended_at=START + WATCHED_UNTIL,
        requests=(
            *(date_of(0, offset, 0.4) for offset in range(1, 20)),
            *(date_of(user, SURGE_FROM + user / 5, min(40.0, 0.5 + user / 8)) for user in range(400)),
            *(date_of(user, 90 + (user - 100) / 2, 50.0, OutcomeKind.TIMEOUT) for user in range(100, 165)),
            *(
                date_of(user, 120 + (user - 400) / 10, 60 - (user - 400) / 10, OutcomeKind.UNFINISHED)
                for user in range(400, 600)
            ),
        ),
        visits=(*quick, *served[2:], *waiting),
        samples=tuple(saturated(step / 2) for step in range(361)),
        events=(
            event(1, 33, "alert_firing", "PoolExhausted fires", alert="PoolExhausted"),
            event(2, 33, "incident_opened", "Incident 1 opened"),
            event(3, 33.2, "run_observed", "throttle_queue would act: Cap on active users: 1000 -> 8 users"),
        ),
        incidents=(ObservedIncident(1, "open", START + 33, None, None),),
        log=(
            LogStamp(START + 31.1, LogMark.POOL_SATURATED),
            *(LogStamp(START + 90 + n / 1.3, LogMark.POOL_TIMEOUT, LINE) for n in range(TIMEOUTS)),
        ),
    )


def acting() -> DrillResult:
    drill = good_drill()
    served = [visit_of(user, 20, Ending.SERVED, 1.0, 1.1, 1.2, 1.3, 1.4) for user in range(0, USERS, 5)]
    gave_up = [
        visit_of(user, 30, Ending.GAVE_UP, put_back=user % 50 == 1) for user in range(USERS) if user % 5
    ]
    requests = [each for each in drill.requests if each.issued_at < START + 100]
    steady = [date_of(user, 75 + user / 10, 1.0 + user / 1000) for user in range(600)]
    return replace(
        drill,
        plan=compared_plan(DrillPlan()),
        surge_until=START + SURGE_UNTIL,
        requests=(*requests, *steady),
        visits=(*served, *gave_up),
    )


def good_comparison() -> Comparison:
    return Comparison(left_alone(), acting(), LIMIT)
