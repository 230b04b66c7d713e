"""A numeric lever behind the wire contract that any service can offer (see docs/levers/http_json.md)."""

from collections.abc import Mapping
from functools import partial

from runbooks.lever import OWNER, Change, LeverReading, LeverValue, RampBack, ReadResult, SetResult
from runbooks.levers import answers
from runbooks.levers.wire import Answer, Wire
from settings.schema import LeverSettings


class HttpJsonLever:
    """A number that is read by GET, written by POST, and ramped back by POST to ``/release``."""

    def __init__(self, settings: LeverSettings) -> None:
        self._settings = settings
        self._wire = Wire(settings.url, settings.timeout)

    @property
    def settings(self) -> LeverSettings:
        """Name, bounds, baseline and safe direction."""
        return self._settings

    def read(self, now: float) -> ReadResult:
        """The present value, baseline, version and lease."""
        return answers.understood(self._wire.ask("GET"), self._settings.url, partial(_reading, at=now))

    def set(self, change: Change, now: float) -> SetResult:
        """Write a value under a lease."""
        body: dict[str, object] = {"value": _plain(change.value), **answers.lease_fields(change)}
        if change.put_back_excess:
            body["putBackExcess"] = True
        return self._write("", body, now)

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:
        """Start the target's ramp back to the baseline."""
        body = {"requestId": ramp_back.request_id, "ifVersion": ramp_back.if_version, "owner": OWNER}
        return self._write("/release", body, now)

    def _write(self, path: str, body: Mapping[str, object], now: float) -> SetResult:
        answer = self._wire.ask("POST", path, body)
        return answers.understood(
            answer, self._settings.url + path, lambda clear: answers.outcome(clear, _reading(clear, now))
        )


def _reading(answer: Answer, at: float) -> LeverReading:
    return LeverReading(
        value=answers.number_of(answer.body, "value"),
        baseline=answers.number_of(answer.body, "baseline"),
        version=answers.version_of(answer.body),
        lease=answers.lease_of(answer.body),
        at=at,
        ramping=bool(answer.body.get("ramping", False)),
    )


def _plain(value: LeverValue) -> float | int | str:
    """Whole numbers without a fraction: a target that counts users wants ``8``, not ``8.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
