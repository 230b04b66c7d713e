"""Times of day and time zones as people write them: ``03:30``, ``Asia/Seoul``."""

import difflib
import re
from zoneinfo import available_timezones

UTC_NAME = "UTC"
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def clock_time(text: str) -> str:
    """The same text, if it is a time of day.

    Raises:
        ValueError: names the value and shows what is wanted.
    """
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a time of day (want e.g. 03:30)")
    return text


def time_zone(text: str) -> str:
    """The same text, if the tz database knows it; UTC needs no database.

    Raises:
        ValueError: names the value, with the nearest known name.
    """
    if text == UTC_NAME or text in (zones := available_timezones()):
        return text
    near = difflib.get_close_matches(text, zones, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "want e.g. UTC or Asia/Seoul"
    raise ValueError(f"{text!r} is not a time zone ({hint})")
