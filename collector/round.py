"""What the scrape loop tells about its targets: a report for each, and a round when an interval is whole."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a target could not be looked at, or what a look found wrong."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BAD_FORMAT = "bad_format"
    AUTH = "auth"
    DNS = "dns"
    RESET = "reset"
    HTTP_STATUS = "http_status"
    BAD_CONTENT_TYPE = "bad_content_type"
    GONE = "gone"
    LIMIT = "limit"
    TLS = "tls"
    TLS_EXPIRED = "tls_expired"
    TLS_WRONG_HOST = "tls_wrong_host"
    TLS_UNTRUSTED = "tls_untrusted"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One look at one target.

    Attributes:
        target: its name, which is also the origin of its series.
        kind: the kind of its source (``settings.schema.TargetKind`` as text).
        at: Unix seconds, when the look began; its samples carry this time.
        duration: seconds, connect to last sample appended.
        up: whether the look itself worked. A probe that finds a broken site is up, and says what it found.
        samples: how many were handed to the store, after limits and duplicates.
        error_kind: what is wrong, if anything.
        error: the same for a person, without the kind: the thing, the value found, the value wanted.
        last_up_at: Unix seconds of the latest look that worked, this one included.
        notes: oddities that did no harm, e.g. duplicate series or an empty page.
    """

    target: str
    kind: str
    at: float
    duration: float
    up: bool
    samples: int
    error_kind: ErrorKind | None
    error: str | None
    last_up_at: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """One interval of the loop: every target due in it has reported, or 600 ms have passed.

    Attributes:
        tick: number of the interval since the loop began, counted on monotonic time; missed ones leave a gap.
        at: Unix seconds at which rules are evaluated: the tick plus a constant phase, or the time of the
            newest sample if that is later, or when the loop began in the midst of its first interval.
        interval: seconds.
        reports: the latest report of every target that is not late. Targets on a longer interval than the
            loop's appear in every round with their latest report, so that down stays down.
        late: targets that were due and have no report yet.
        lag: seconds by which the loop itself was late for this tick.
        clock_jump: seconds by which the wall clock was set since the previous round (0 almost always):
            spans between ``at`` and times before it are wrong by this much.
    """

    tick: int
    at: float
    interval: float
    reports: tuple[TargetReport, ...]
    late: tuple[str, ...]
    lag: float
    clock_jump: float = 0.0
