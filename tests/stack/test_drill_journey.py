import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from stack.drills.journey import TicketJourney
from stack.drills.plan import DrillPlan
from stack.drills.result import Ending, Visit
from stack.load.engine import LoadEngine, LoadSettings, OpenArrivals
from stack.load.http_client import Address
from stack.load.load_log import LoadLog
from stack.load.outcome_kind import OutcomeKind
from stack.load.stages import Stage
from stack.load.steady_clock import steady
from stack.load.virtual_user import Patience
from tests.stack.scripted_server import Reply, Seen, of_json, serving

PLAN = DrillPlan(
    think=0.05,
    ask_every=0.1,
    waiting_patience=0.35,
    patience=Patience(timeout=2, retries=5, retry_pause=0.02),
)
DATES = of_json({"concertId": 451, "dates": [{"scheduleId": 1, "startsAt": "x", "freeSeats": 3}]})


@dataclass
class Box:
    """A ticket office whose answers a test sets per question; numbers are counted per question."""

    waiting: Callable[[int], Reply] = lambda number: of_json({"waitingNumber": 0})
    dates: Callable[[int], Reply] = lambda number: DATES
    issue: Callable[[int], Reply] = lambda number: of_json({"waitingToken": f"t{number}", "waitingNumber": 1})
    asked: list[str] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Reply:
        question = self._question(seen)
        self.asked.append(question)
        number = self.asked.count(question)
        answers = {"issue": self.issue, "wait": self.waiting, "date": self.dates}
        return answers[question](number) if question in answers else of_json({"left": True})

    @staticmethod
    def _question(seen: Seen) -> str:
        if re.fullmatch(r"/api/v1/user/\d+/queue/token/issue", seen.path):
            return "issue"
        if seen.headers.get("waitingtoken") != "t1":
            return "stranger"
        return {
            "GET /api/v1/user/queue/token/query": "wait",
            "GET /api/v1/concert/451/date": "date",
            "DELETE /api/v1/user/queue/token": "leave",
        }.get(f"{seen.method} {seen.path}", "stranger")


def visit(office: Box, cut_off_after: float | None = None) -> tuple[Visit, LoadLog]:
    """One user's visit to the office."""
    journey = TicketJourney(PLAN)

    async def run() -> LoadLog:
        async with serving(office) as server:
            engine = LoadEngine(
                Address("127.0.0.1", server.port),
                journey,
                OpenArrivals((Stage(0.1, 10),), 10),
                settings=LoadSettings(PLAN.patience, graceful_seconds=10),
                clock=steady(lambda: 0.0),
            )
            if cut_off_after is not None:
                asyncio.get_running_loop().call_later(cut_off_after, engine.stop)
            return await engine.run()

    log = asyncio.run(run())
    assert "stranger" not in office.asked
    (only,) = journey.visits
    return only, log


def test_an_admitted_user_asks_five_times_and_leaves() -> None:
    office = Box()
    seen, log = visit(office)
    assert office.asked == ["issue", "wait", "date", "date", "date", "date", "date", "leave"]
    assert (seen.ending, len(seen.answers), seen.put_back) == (Ending.SERVED, 5, 0)
    assert log.checks["a date answer lists dates"].passed == 5
    issued = [record.issued_at for record in log.records() if record.name == "date"]
    assert all(later - earlier >= PLAN.think for earlier, later in pairwise(issued))


def test_a_waiting_user_asks_again_and_again_until_admitted() -> None:
    office = Box(waiting=lambda number: of_json({"waitingNumber": max(0, 3 - number)}))
    seen, log = visit(office)
    assert office.asked[:5] == ["issue", "wait", "wait", "wait", "date"]
    assert seen.ending is Ending.SERVED
    assert seen.waited >= 2 * PLAN.ask_every
    issued = [record.issued_at for record in log.records() if record.name == "wait"]
    assert issued[1] - issued[0] >= PLAN.ask_every


def test_a_user_out_of_patience_just_stops_asking() -> None:
    office = Box(waiting=lambda number: of_json({"waitingNumber": 50}))
    seen, log = visit(office)
    assert (seen.ending, seen.answers) == (Ending.GAVE_UP, ())
    assert set(office.asked) == {"issue", "wait"}
    assert 3 <= office.asked.count("wait") <= 4
    assert PLAN.waiting_patience <= seen.ended_at - seen.arrived_at < 1.5
    assert log.failures().total() == 0


def test_a_user_put_back_waits_again_and_goes_on_where_they_were() -> None:
    def dates(number: int) -> Reply:
        return of_json({"message": "not yet", "waitingNumber": 2}, 403) if number == 3 else DATES

    office = Box(dates=dates, waiting=lambda number: of_json({"waitingNumber": 1 if number == 2 else 0}))
    seen, log = visit(office)
    assert "".join(question[0] for question in office.asked) == "iwdddwwdddl"
    assert (seen.ending, len(seen.answers), seen.put_back) == (Ending.SERVED, 5, 1)
    assert log.failures().total() == 0


def test_patience_starts_anew_each_time_a_user_is_put_back() -> None:
    office = Box(
        dates=lambda number: of_json({"waitingNumber": 2}, 403) if number in (1, 2) else DATES,
        waiting=lambda number: of_json({"waitingNumber": 0 if number % 3 == 0 else 1}),
    )
    seen, _ = visit(office)
    assert (seen.ending, seen.put_back) == (Ending.SERVED, 2)
    assert seen.waited > PLAN.waiting_patience


def test_a_user_put_back_for_too_long_gives_up_with_the_answers_so_far() -> None:
    office = Box(
        dates=lambda number: DATES if number < 3 else of_json({"waitingNumber": 2}, 403),
        waiting=lambda number: of_json({"waitingNumber": 0 if number == 1 else 9}),
    )
    seen, _ = visit(office)
    assert (seen.ending, len(seen.answers), seen.put_back) == (Ending.GAVE_UP, 2, 1)


def test_a_503_is_retried_and_the_time_counts_from_the_first_attempt() -> None:
    office = Box(dates=lambda number: Reply(503) if number in (1, 2) else DATES)
    seen, log = visit(office)
    assert seen.ending is Ending.SERVED
    assert seen.answers[0] >= 2 * PLAN.patience.retry_pause
    assert log.failures("date") == {OutcomeKind.HTTP_503: 2}


def test_a_user_refused_to_the_end_fails_and_leaves() -> None:
    office = Box(dates=lambda number: Reply(503))
    seen, _ = visit(office)
    assert (seen.ending, office.asked.count("date"), office.asked[-1]) == (Ending.FAILED, 6, "leave")


def test_a_user_without_a_token_fails_at_the_door() -> None:
    office = Box(issue=lambda number: of_json({"waitingToken": ""}))
    seen, log = visit(office)
    assert seen.ending is Ending.FAILED
    assert set(office.asked) == {"issue"}
    assert log.failures() == {OutcomeKind.BAD_BODY: 6}


def test_a_token_that_is_gone_ends_the_visit_without_retries() -> None:
    office = Box(waiting=lambda number: Reply(404))
    seen, _ = visit(office)
    assert seen.ending is Ending.PLACE_LOST
    assert office.asked == ["issue", "wait"]


def test_an_answer_without_dates_fails_its_check_but_is_an_answer() -> None:
    seen, log = visit(Box(dates=lambda number: of_json({"dates": []})))
    assert seen.ending is Ending.SERVED
    assert log.checks["a date answer lists dates"].failed == 5


def test_a_visit_cut_off_by_the_end_of_the_run_is_kept_as_unfinished() -> None:
    seen, _ = visit(Box(dates=lambda number: Reply(delay=20)), cut_off_after=0.4)
    assert (seen.ending, seen.answers) == (Ending.UNFINISHED, ())
