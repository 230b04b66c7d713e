"""A circuit breaker over Resilience4j's actuator endpoint (see docs/levers/resilience4j.md).

The endpoint creates a breaker for any name it is asked about, so a typo answers "changed successfully" and
protects nothing: the list is asked first, unknown names are refused, and every change is read back. A stock
endpoint knows no versions and leases; where it tells them, they are honoured.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from runbooks.lever import Applied, Change, LeverReading, RampBack, ReadResult, Refused, SetResult
from runbooks.levers import answers
from runbooks.levers.wire import Answer, Wire
from settings.schema import LeverSettings

VERBS = {
    "FORCED_OPEN": "FORCE_OPEN",
    "CLOSED": "CLOSE",
    "DISABLED": "DISABLE",
    "METRICS_ONLY": "METRICS_ONLY",
}
"""The state as it is read, and the word that asks for it."""

MOVES_BY_ITSELF = frozenset({"OPEN", "HALF_OPEN"})
"""States that a breaker told CLOSED goes through on its own: as a lever it still stands at CLOSED."""


class Resilience4jLever:
    """The state of one circuit breaker."""

    def __init__(self, settings: LeverSettings) -> None:
        self._settings = settings
        self._wire = Wire(settings.url, settings.timeout)
        self._name = settings.breaker or ""
        self._path = "/" + quote(self._name, safe="")
        self._what = f"{settings.url}{self._path}"

    @property
    def settings(self) -> LeverSettings:
        """Name, states, baseline and safe state."""
        return self._settings

    def read(self, now: float) -> ReadResult:
        """The present state; version and lease where the target tells them."""
        listed = answers.understood(self._wire.ask("GET"), self._settings.url, self._listed)
        if not isinstance(listed, Mapping):
            return listed
        single = self._wire.ask("GET", self._path)
        if isinstance(single, Answer) and single.status == 404:
            # A stock endpoint has no page for a single breaker: what the list says of it is all there is.
            return answers.understood(Answer(200, listed), self._what, partial(_reading, at=now))
        return answers.understood(single, self._what, partial(_reading, at=now))

    def set(self, change: Change, now: float) -> SetResult:
        """Ask for a state, and read back that it is there."""
        known = self.read(now)
        if not isinstance(known, LeverReading):
            return known
        verb = VERBS.get(str(change.value))
        if verb is None or change.value not in self._settings.states:
            wanted = ", ".join(self._settings.states)
            return Refused(f"lever {self._settings.name}: state {change.value!r} (want one of {wanted})")
        answer = self._wire.ask("POST", self._path, {"updateState": verb, **answers.lease_fields(change)})
        result = answers.understood(
            answer, self._what, lambda clear: answers.outcome(clear, _reading(clear, now, known))
        )
        if not isinstance(result, Applied):
            return result
        return answers.shown(change.value, self.read(now), self._what)

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        """Back to the baseline at once: a state has no ramp."""
        change = Change(
            value=self._settings.baseline,
            if_version=ramp_back.if_version,
            request_id=ramp_back.request_id,
            lease_seconds=0,
            run_id=ramp_back.run_id,
        )
        return self.set(change, now)

    def _listed(self, answer: Answer) -> Mapping[str, Any] | Refused:
        breakers = answer.body.get("circuitBreakers")
        if not isinstance(breakers, dict):
            raise answers.BadAnswerError(f"circuitBreakers: {breakers!r} is not an object")
        found = breakers.get(self._name)
        if isinstance(found, dict):
            return found
        known = ", ".join(sorted(breakers)) or "none"
        return Refused(f"{self._settings.url}: there is no circuit breaker {self._name!r} (known: {known})")


def _reading(answer: Answer, at: float, before: LeverReading | None = None) -> LeverReading:
    body = answer.body
    state = body.get("state", body.get("currentState", before.value if before else None))
    if not isinstance(state, str):
        raise answers.BadAnswerError(f"state: {state!r} is not a state's name")
    baseline = body.get("baseline")
    return LeverReading(
        value="CLOSED" if state in MOVES_BY_ITSELF else state,
        baseline=baseline if isinstance(baseline, str) else None,
        version=answers.version_of(body),
        lease=answers.lease_of(body),
        at=at,
        ramping=bool(body.get("ramping", False)),
    )
