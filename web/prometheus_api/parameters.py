"""What a request asks: times, durations, limits and selectors, read as Prometheus reads them."""

import math
import re
from datetime import datetime

from flask import request

from settings.durations import parse_duration
from web.prometheus_api.failure import ApiError, ErrorType, invalid

# Prometheus' own bounds of time, which clients send for "everything"; its milliseconds are 64 bits wide.
_EARLIEST, _LATEST = "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z"
_MOST_SECONDS = 9e15
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def value(name: str) -> str:
    """A parameter of the form or the query string; empty when it is not there."""
    return request.values.get(name, "")


def texts(name: str) -> list[str]:
    """A parameter that may be given several times."""
    return request.values.getlist(name)


def time_of(name: str, default: float | None = None) -> float:
    """Unix seconds from a number or an RFC 3339 time; the default when there is none.

    Raises:
        ApiError: it is no time, or missing without a default.
    """
    text = value(name)
    if not text and default is not None:
        return default
    found = _unix_seconds(text)
    if found is None:
        raise invalid(name, f'cannot parse "{text}" to a valid timestamp')
    return found


def duration_of(name: str) -> float:
    """Seconds from a number or a duration such as ``15s``.

    Raises:
        ApiError: it is neither.
    """
    text = value(name)
    found = _number(text)
    if found is None:
        try:
            found = parse_duration(text)
        except ValueError:
            raise invalid(name, f'cannot parse "{text}" to a valid duration') from None
    if abs(found) > _MOST_SECONDS:
        raise invalid(name, f'cannot parse "{text}" to a valid duration. It overflows int64')
    return found


def positive_duration_of(name: str) -> float | None:
    """The same above zero; None when the parameter is not there."""
    if not value(name):
        return None
    found = duration_of(name)
    if found <= 0:
        raise invalid(name, f'cannot parse "{value(name)}" to a positive duration')
    return found


def limit() -> int | None:
    """How many results at most; None without a limit (0 is none, too)."""
    return whole("limit") or None


def whole(name: str) -> int | None:
    """A number that is not negative; None when it is not there."""
    text = value(name)
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise invalid(name, f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise ApiError(ErrorType.BAD_DATA, f"{name} must be non-negative")
    return int(text)


def _unix_seconds(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return number if abs(number) <= _MOST_SECONDS else None
    if text in {_EARLIEST, _LATEST}:
        return -_MOST_SECONDS if text == _EARLIEST else _MOST_SECONDS
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _number(text: str) -> float | None:
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    found = float(text)
    return found if math.isfinite(found) else None
