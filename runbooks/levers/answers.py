"""The wire contract of levers: what is written, and what the JSON answers mean, as values."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from runbooks.lever import (
    OWNER,
    Applied,
    Change,
    Conflict,
    LeverLease,
    LeverReading,
    LeverValue,
    ReadResult,
    Refused,
    SetResult,
    Unknown,
    UnknownKind,
)
from runbooks.levers.wire import Answer

CONFLICT = 409
TRY_LATER = frozenset({408, 425, 429})


class BadAnswerError(ValueError):
    """An answer that does not keep the contract; names the key, the value found and the value wanted."""


def lease_of(body: Mapping[str, Any]) -> LeverLease | None:
    """The ``lease`` of an answer, None when the lever is free."""
    lease = body.get("lease")
    if lease is None:
        return None
    if not isinstance(lease, dict):
        raise BadAnswerError(f"lease: {lease!r} is not an object or null")
    until = str(lease.get("until"))
    try:
        ends = datetime.fromisoformat(until).timestamp()
    except ValueError:
        raise BadAnswerError(f"lease.until: {until!r} is not an ISO time in UTC") from None
    return LeverLease(str(lease.get("owner")), str(lease.get("runId")), ends)


def version_of(body: Mapping[str, Any]) -> int | None:
    """The ``version`` of an answer, None where the target has no versions."""
    version = body.get("version")
    if version is None or (isinstance(version, int) and not isinstance(version, bool)):
        return version
    raise BadAnswerError(f"version: {version!r} is not a whole number")


def number_of(body: Mapping[str, Any], key: str) -> float:
    """A finite number of an answer."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadAnswerError(f"{key}: {value!r} is not a number")
    return float(value)


def unclear(answer: Answer, what: str) -> Refused | Unknown:
    """What an answer other than 200 and 409 means: a clear no, or not known."""
    said = str(answer.body.get("message") or f"HTTP {answer.status}")
    text = f"{what}: {said}" if said.startswith("HTTP") else f"{what}: {said} (HTTP {answer.status})"
    if answer.status >= 500 or answer.status in TRY_LATER:
        return Unknown(UnknownKind.SERVER_ERROR, text)
    if 300 <= answer.status < 400:
        return Refused(f"{what}: HTTP {answer.status} points elsewhere; redirects are not followed")
    return Refused(text)


Understood = TypeVar("Understood")


def understood(
    answer: Answer | Refused | Unknown, what: str, meaning: Callable[[Answer], Understood]
) -> Understood | Refused | Unknown:
    """What an answer means when it is a 200 or 409 that keeps the contract; else why it means nothing."""
    if not isinstance(answer, Answer):
        return answer
    if answer.status not in (200, CONFLICT):
        return unclear(answer, what)
    try:
        return meaning(answer)
    except BadAnswerError as error:
        return Unknown(UnknownKind.BAD_ANSWER, f"{what}: {error}")


def outcome(answer: Answer, reading: LeverReading) -> SetResult:
    """Applied or Conflict, by the status."""
    return Conflict(reading) if answer.status == CONFLICT else Applied(reading)


def shown(wanted: LeverValue, read_back: ReadResult, what: str) -> SetResult:
    """What a "yes" is worth once it is read back: a change that cannot be seen is not known to be applied."""
    if not isinstance(read_back, LeverReading):
        return Unknown(UnknownKind.NOT_VISIBLE, f"{what}: answered yes, but could not be read back")
    if read_back.value != wanted:
        text = f"{what}: answered yes, but reads {read_back.value} (want {wanted})"
        return Unknown(UnknownKind.NOT_VISIBLE, text)
    return Applied(read_back)


def lease_fields(change: Change) -> dict[str, object]:
    """The fields of a write that make it safe: version, idempotency key, lease and who we are."""
    return {
        "ifVersion": change.if_version,
        "requestId": change.request_id,
        "leaseSeconds": change.lease_seconds,
        "owner": OWNER,
        "runId": change.run_id,
    }
