"""What became of everybody who arrived in the surge, judged at one moment after it.

Every one of them is counted, those who never got an answer too: a run that ends while people wait must not
look better than one that sees them through.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stack.drills.figures import Window, within_objective
from stack.drills.journey import DATE
from stack.drills.result import DrillResult, Ending, Visit

LONG_WAIT = 30.0
"""Seconds. The pool's own patience: who waited longer for one page was where the published users were."""


@dataclass(frozen=True, slots=True)
class Fates:
    """Users who arrived in the surge; ``served``, ``gave_up`` and ``failed`` add up to ``arrived``.

    Attributes:
        served: got all their answers; ``within_objective``: every one of them in time.
        gave_up: left the waiting queue.
        failed: lost their place, met errors to the end, or were still without what they came for.
        still_waiting: how many of the failed were still without it.
        saw_error: met at least one failed request, a timeout of their own included.
        waited_long: waited over 30 s for one page of dates.
        put_back: times that users were sent back to the waiting queue.
    """

    arrived: int
    served: int
    within_objective: int
    gave_up: int
    failed: int
    still_waiting: int
    saw_error: int
    waited_long: int
    put_back: int


def fates(result: DrillResult, judged_at: float) -> Fates:
    """The fates of the surge's users as they stand at ``judged_at`` (Unix seconds)."""
    surge = Window("surge", result.surge_from, result.surge_until)
    arrived = [visit for visit in result.visits if surge.holds(visit.arrived_at)]
    ended = [visit for visit in arrived if _ended(visit, judged_at)]
    endings = Counter(visit.ending for visit in ended)
    users = {visit.user for visit in arrived}
    still_waiting = len(arrived) - len(ended)
    return Fates(
        arrived=len(arrived),
        served=endings[Ending.SERVED],
        within_objective=sum(1 for visit in ended if within_objective(visit, result.plan)),
        gave_up=endings[Ending.GAVE_UP],
        failed=endings[Ending.FAILED] + endings[Ending.PLACE_LOST] + still_waiting,
        still_waiting=still_waiting,
        saw_error=len(_met_errors(result, judged_at) & users),
        waited_long=len(
            {
                user
                for user, longest in _longest_waits(result, judged_at, users).items()
                if longest > LONG_WAIT
            }
        ),
        put_back=sum(visit.put_back for visit in arrived),
    )


def _ended(visit: Visit, judged_at: float) -> bool:
    return visit.ending is not Ending.UNFINISHED and visit.ended_at <= judged_at


def _met_errors(result: DrillResult, judged_at: float) -> set[int]:
    return {
        each.user
        for each in result.requests
        if each.kind.failed and each.issued_at + each.latency <= judged_at
    }


def _longest_waits(result: DrillResult, judged_at: float, users: Collection[int]) -> Mapping[int, float]:
    longest: dict[int, float] = {}
    for each in result.requests:
        if each.name == DATE and each.user in users:
            waited = min(each.latency, judged_at - each.issued_at)
            longest[each.user] = max(waited, longest.get(each.user, 0.0))
    return longest
