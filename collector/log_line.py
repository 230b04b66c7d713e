"""What one line of a log shows by itself: its time, whether it belongs to the line before, its text."""

import re
from datetime import datetime

# All expressions here are linear: no repetition inside a repetition.
_TIME = re.compile(
    rb"\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.ASCII
)
_COLOURS = re.compile(rb"\x1b\[[0-9;]{0,20}m")
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTINUATIONS = (b" ", b"\t", b"Caused by:", b"Suppressed:", b"... ")


def begins_with_time(line: bytes) -> bool:
    """Whether the line begins with an ISO date and time, with or without a zone."""
    return line[:1] in b"[0123456789" and _TIME.match(line) is not None


def time_of(line: bytes) -> float | None:
    """Unix seconds of the ISO time that the line begins with; None without one or without its zone."""
    found = _TIME.match(line)
    if found is None or found[4] is None:
        return None
    day, clock, fraction, zone = (part.decode() if part else "" for part in found.groups())
    zone = "+00:00" if zone in ("Z", "UTC", "GMT") else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{fraction[:6]:0<6}{zone}").timestamp()
    except (ValueError, OverflowError):
        return None


def continues(line: bytes, timed: bool, after_time: bool) -> bool:
    """Whether a line belongs to the one before, as the lines of a stack trace do.

    Args:
        line: not empty.
        timed: whether it begins with a time.
        after_time: whether the first line before did; then one without a time continues it.
    """
    return not timed and (after_time or line.startswith(_CONTINUATIONS))


def shown(line: bytes) -> str:
    """The line for a person: colours taken out, whatever is not text replaced."""
    return _NOT_SHOWN.sub("\ufffd", _COLOURS.sub(b"", line).decode("utf-8", errors="replace"))
