"""What a request asks: times, durations and limits, read as Prometheus reads them."""

import math
import re
from datetime import datetime

from flask import request
from werkzeug.datastructures import CombinedMultiDict

from metrics.promql.literals import quoted
from settings.durations import parse_duration
from web.prometheus_api.failure import ApiError, ErrorType, invalid

# Prometheus' own bounds of time, which clients send for "everything".
_EARLIEST, _LATEST = "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z"
_MOST_SECONDS = 9e12
"""Up to here milliseconds are exact in a float, with room for every range and offset."""
_MOST_DURATION = (2**63 - 1) / 1e9
"""Prometheus counts durations in nanoseconds of 64 bits."""
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,30}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])_(?=[0-9])")
_NO_NUMBER = re.compile(r"[+-]?(?:inf(?:inity)?|nan)", re.IGNORECASE)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("", "0", "f", "F", "false", "FALSE", "False"), False),
}


def value(name: str) -> str:
    """A parameter of the form or of the address; empty when it is not there."""
    return _given().get(name, "")


def texts(name: str) -> list[str]:
    """A parameter that may be given several times."""
    return _given().getlist(name)


def time_of(name: str) -> float:
    """Unix seconds from a number or an RFC 3339 time.

    Raises:
        ApiError: it is no time, or not there.
    """
    return _time(name, "")


def time_or(name: str, default: float) -> float:
    """The same, with a default for a parameter that is not there."""
    return _time(name, f"invalid time value for '{name}': ") if value(name) else default


def duration_of(name: str) -> float:
    """Seconds from a number or a duration such as ``15s``; NaN counts as negative, as in Prometheus.

    Raises:
        ApiError: it is neither.
    """
    text = value(name)
    found = _number(text)
    if found is not None and abs(found) > _MOST_DURATION:
        raise invalid(name, f"cannot parse {quoted(text)} to a valid duration. It overflows int64")
    if found is None:
        found = _in_words(name, text)
    return -math.inf if math.isnan(found) else found


def positive_duration_of(name: str) -> float | None:
    """The same above zero; None when the parameter is not there."""
    if not value(name):
        return None
    found = duration_of(name)
    if found <= 0:
        raise invalid("query", "context deadline exceeded")
    return found


def lookback() -> float | None:
    """``lookback_delta`` in seconds; None where the usual lookback holds."""
    if not value("lookback_delta"):
        return None
    try:
        found = duration_of("lookback_delta")
    except ApiError as error:
        reason = error.text.removeprefix('invalid parameter "lookback_delta": ')
        raise ApiError(ErrorType.BAD_DATA, f"error parsing lookback delta duration: {reason}") from None
    return found if found > 0 else None


def limit() -> int | None:
    """How many results at most; None without a limit (0 is none, too)."""
    found = whole("limit")
    if found < 0:
        raise invalid("limit", "limit must be non-negative")
    return found or None


def whole(name: str) -> int:
    """A whole number; 0 when it is not there."""
    text = value(name)
    problem = not_whole(text) if text else ""
    if problem:
        raise invalid(name, f"strconv.Atoi: parsing {quoted(text)}: {problem}")
    return int(text or 0)


def not_whole(text: str) -> str:
    """Why this is not a number of 64 bits, in Go's words; empty if it is."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return "invalid syntax"
    # Python reads no more than some thousands of digits.
    fits = len(text) < 30 and -(2**63) <= int(text) < 2**63
    return "" if fits else "value out of range"


def flag(name: str) -> bool:
    """A truth value as Go reads it; false when it is not there."""
    text = value(name)
    if text not in _BOOLEANS:
        problem = f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax"
        raise invalid(name, f"error converting {name}: {problem}")
    return _BOOLEANS[text]


def _given() -> CombinedMultiDict[str, str]:
    """A form comes before the address."""
    return CombinedMultiDict([*([request.form] if request.method == "POST" else []), request.args])


def _time(name: str, before: str) -> float:
    text = value(name)
    found = _unix_seconds(text)
    if found is None:
        raise invalid(name, f"{before}cannot parse {quoted(text)} to a valid timestamp")
    return found


def _in_words(name: str, text: str) -> float:
    try:
        found = parse_duration(text)
    except ValueError:
        found = math.inf
    if found > _MOST_DURATION:
        raise invalid(name, f"cannot parse {quoted(text)} to a valid duration")
    return found


def _unix_seconds(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return round(number, 3) if abs(number) <= _MOST_SECONDS else None
    if text in {_EARLIEST, _LATEST}:
        return -_MOST_SECONDS if text == _EARLIEST else _MOST_SECONDS
    found = _RFC3339.fullmatch(text)
    return None if found is None else _moment(*found.groups())


def _moment(whole_seconds: str, fraction: str | None, sign: str | None, *zone: str | None) -> float | None:
    hours, minutes = (int(part or 0) for part in zone)
    if hours > 24 or minutes > 60:
        return None
    try:
        utc = datetime.fromisoformat(f"{whole_seconds}+00:00").timestamp()
    except ValueError:
        return None
    ahead = (hours * 60 + minutes) * 60
    return utc + int(f"{fraction or ''}000"[:3]) / 1000 - (-ahead if sign == "-" else ahead)


def _number(text: str) -> float | None:
    plain = _BETWEEN_DIGITS.sub("", text)
    return float(plain) if _NUMBER.fullmatch(plain) or _NO_NUMBER.fullmatch(plain) else None
