"""Bodies sent to the levers, read and checked; what is wrong is said all at once."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from stack.service.breaker import BreakerState
from stack.service.lever_board import Bounds
from stack.service.levers import Change, Release

A_PERSON = "person"

B = TypeVar("B", bound=BaseModel)

UPDATES = {
    "CLOSE": BreakerState.CLOSED,
    "FORCE_OPEN": BreakerState.FORCED_OPEN,
    "DISABLE": BreakerState.DISABLED,
    "METRICS_ONLY": BreakerState.METRICS_ONLY,
}
"""Resilience4j's ``updateState`` words, and METRICS_ONLY, which its endpoint lacks."""


class BadRequestError(Exception):
    """The body cannot be understood; ``str()`` says every problem of it."""


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")
    return value


RequestId = Annotated[str, Field(min_length=1, max_length=120)]
LeaseSeconds = Annotated[float, Field(ge=0, le=3600)]
RunId = Annotated[str, Field(max_length=120)] | None


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    owner: Annotated[str, Field(min_length=1, max_length=120)] = A_PERSON


class _ChangeBody(_Body):
    value: Annotated[int, BeforeValidator(_no_bool)]
    if_version: int
    request_id: RequestId
    lease_seconds: LeaseSeconds = 0.0
    run_id: RunId = None
    put_back_excess: bool = False


class _ReleaseBody(_Body):
    if_version: int
    request_id: RequestId
    run_id: RunId = None


class _BreakerBody(_Body):
    update_state: str
    if_version: int | None = None
    request_id: RequestId | None = None
    lease_seconds: LeaseSeconds = 0.0
    run_id: RunId = None


def read_change(raw: bytes, bounds: Bounds | None) -> tuple[Change, bool]:
    """A lever's POST: the change, and whether users above the new cap go back to the line.

    Raises:
        BadRequestError: not JSON, unknown or missing keys, or a value out of bounds.
    """
    body = _read(_ChangeBody, raw)
    if bounds is not None and not bounds.minimum <= body.value <= bounds.maximum:
        raise BadRequestError(
            f"value: {body.value} {bounds.unit} is out of bounds (want {bounds.minimum} to {bounds.maximum})"
        )
    wanted = Change(body.value, body.lease_seconds, body.owner, body.run_id, body.if_version, body.request_id)
    return wanted, body.put_back_excess


def read_release(raw: bytes) -> Release:
    """A lever's POST to ``/release``.

    Raises:
        BadRequestError: not JSON, or unknown or missing keys.
    """
    body = _read(_ReleaseBody, raw)
    return Release(body.owner, body.if_version, body.request_id)


def read_breaker_change(raw: bytes) -> Change:
    """A breaker's POST in Resilience4j's form, with our optional lease.

    Raises:
        BadRequestError: not JSON, unknown keys, or a state nobody knows.
    """
    body = _read(_BreakerBody, raw)
    state = UPDATES.get(body.update_state)
    if state is None:
        raise BadRequestError(f"updateState: {body.update_state!r} is none of {', '.join(UPDATES)}")
    return Change(state.value, body.lease_seconds, body.owner, body.run_id, body.if_version, body.request_id)


def _read(model: type[B], raw: bytes) -> B:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise BadRequestError("; ".join(_problem(found) for found in error.errors())) from None


def _problem(found: Any) -> str:
    key = ".".join(str(part) for part in found["loc"]) or "body"
    shown = "" if found["type"] in {"missing", "json_invalid"} else f" (found {str(found['input'])[:60]!r})"
    return f"{key}: {found['msg']}{shown}"
