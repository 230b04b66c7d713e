"""What an answer to a write means for its samples: a pure decision."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from metrics.remote.http_call import Reply

LONGEST_WAIT_SECONDS = 300.0

_IN_OUR_WAY = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Answers that are about the way to the remote, which people can repair, and not about the samples."""

_ORDER = re.compile(r"out.of.order|out of bounds|duplicate sample|too old|too far in the past", re.IGNORECASE)


class Verdict(StrEnum):
    """What to do with the samples of a request."""

    ACKNOWLEDGED = "acknowledged"
    WAIT = "wait"
    REFUSED = "refused"
    REFUSED_FOR_ORDER = "refused_for_order"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, why, and how many seconds the remote asked us to wait (None: it did not)."""

    verdict: Verdict
    reason: str = ""
    wait: float | None = None


def judged(reply: Reply, now: float) -> Judged:
    """The meaning of an answer; ``now`` in Unix seconds, for a time in Retry-After."""
    if 200 <= reply.status < 300:
        return Judged(Verdict.ACKNOWLEDGED)
    reason = f"HTTP {reply.status}" + (f": {reply.text}" if reply.text else "")
    if not 400 <= reply.status < 500 or reply.status in _IN_OUR_WAY:
        return Judged(Verdict.WAIT, reason, retry_after(reply.headers.get("retry-after", ""), now))
    if _ORDER.search(reply.text):
        return Judged(Verdict.REFUSED_FOR_ORDER, reason)
    return Judged(Verdict.REFUSED, reason)


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3); None where it says nothing."""
    try:
        wait = float(int(text)) if text.strip().isdecimal() else parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)


def pause(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row: doubling from 0.5 to 30; ``jitter`` in [0, 1)."""
    full = min(30.0, 0.5 * 2.0 ** min(failures - 1, 10))
    return full * (0.5 + jitter / 2)
