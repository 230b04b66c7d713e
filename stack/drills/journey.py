"""What one ticket buyer does: take a token, wait, ask five times for the dates, leave."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stack.drills.plan import DrillPlan
from stack.drills.result import Ending, Visit
from stack.load.outcome_kind import OutcomeKind
from stack.load.virtual_user import Answer, Ask, VirtualUser

ISSUE, WAIT, DATE, LEAVE = "issue", "wait", "date", "leave"

TOKEN_PATH = "/api/v1/user/queue/token"  # noqa: S105 - a path
_SENT_BACK = 403


@dataclass(slots=True)
class _Progress:
    """A visit while it lasts."""

    answers: list[float] = field(default_factory=list)
    waited: float = 0.0
    put_back: int = 0


class TicketJourney:
    """The journey of every user of a drill; visits are kept as they end, those cut off included.

    ``inside`` holds the tokens of users who neither left nor gave up.
    """

    def __init__(self, plan: DrillPlan) -> None:
        self._plan = plan
        self.visits: list[Visit] = []
        self.inside: set[str] = set()

    async def __call__(self, user: VirtualUser) -> None:
        """Walk the whole journey."""
        arrived_at, progress, ending = user.intends_at, _Progress(), Ending.UNFINISHED
        try:
            ending = await self._visit(user, progress)
        finally:
            self.visits.append(
                Visit(
                    user=user.number,
                    arrived_at=arrived_at,
                    ended_at=user.intends_at,
                    ending=ending,
                    answers=tuple(progress.answers),
                    waited=progress.waited,
                    put_back=progress.put_back,
                )
            )

    async def _visit(self, user: VirtualUser, progress: _Progress) -> Ending:
        issued = await user.ask(_issue(user.number % self._plan.members + 1))
        if issued.value is None:
            return Ending.FAILED
        token = issued.value
        self.inside.add(token)
        stopped = await self._wait(user, token, progress) or await self._queries(user, token, progress)
        if stopped is None or stopped is Ending.FAILED:
            await user.ask(_leave(token))
        self.inside.discard(token)
        return stopped or Ending.SERVED

    async def _queries(self, user: VirtualUser, token: str, progress: _Progress) -> Ending | None:
        while True:
            answer = await user.ask(_dates(self._plan.concert_id, token))
            if answer.ok and answer.status == _SENT_BACK:
                progress.put_back += 1
                await user.think(self._plan.ask_every)
                if stopped := await self._wait(user, token, progress):
                    return stopped
                continue
            if not answer.ok:
                return _ending_of(answer)
            user.check("a date answer lists dates", bool(answer.value))
            progress.answers.append(answer.seconds)
            if len(progress.answers) == self._plan.queries:
                return None
            await user.think(self._plan.think)

    async def _wait(self, user: VirtualUser, token: str, progress: _Progress) -> Ending | None:
        """Until admitted (None), or until it ends otherwise. A user who gives up just stops asking."""
        began = user.intends_at
        try:
            while True:
                looked = await user.ask(_look(token))
                if looked.value is None:
                    return _ending_of(looked)
                if looked.value == 0:
                    return None
                patience_left = began + self._plan.waiting_patience - user.intends_at
                if patience_left <= self._plan.ask_every:
                    await user.think(max(0.0, patience_left))
                    return Ending.GAVE_UP
                await user.think(self._plan.ask_every)
        finally:
            progress.waited += user.intends_at - began


def _ending_of(answer: Answer[Any]) -> Ending:
    return Ending.PLACE_LOST if answer.kind is OutcomeKind.HTTP_404 else Ending.FAILED


def _issue(user_id: int) -> Ask[str]:
    return Ask(ISSUE, "POST", f"/api/v1/user/{user_id}/queue/token/issue", _token)


def _look(token: str) -> Ask[int]:
    return Ask(WAIT, "GET", f"{TOKEN_PATH}/query", _waiting_number, with_token(token))


def _dates(concert_id: int, token: str) -> Ask[Sequence[Any]]:
    path = f"/api/v1/concert/{concert_id}/date"
    return Ask(DATE, "GET", path, _date_list, with_token(token), expected=frozenset({200, _SENT_BACK}))


def _leave(token: str) -> Ask[None]:
    return Ask(LEAVE, "DELETE", TOKEN_PATH, _nothing, with_token(token), expected=frozenset({200, 204, 404}))


def with_token(token: str) -> Mapping[str, str]:
    """The header by which the service knows a user."""
    return {"waitingToken": token}


def _token(body: bytes) -> str:
    token = json.loads(body)["waitingToken"]
    if not isinstance(token, str) or not token.isprintable() or not token:
        raise ValueError("waitingToken")
    return token


def _waiting_number(body: bytes) -> int:
    return int(json.loads(body)["waitingNumber"])


def _date_list(body: bytes) -> Sequence[Any]:
    dates = json.loads(body)["dates"]
    if not isinstance(dates, list):
        raise TypeError("dates")
    return dates


def _nothing(body: bytes) -> None:
    del body
