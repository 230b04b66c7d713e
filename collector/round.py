"""What the scrape loop tells about its targets: a report for each, and a round when an interval is whole."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a target could not be looked at."""

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
        up: whether the look gave a whole set of samples.
        samples: how many, after limits and duplicates.
        error_kind: why not, if not.
        error: the same for a person: names the thing, what was found, what was wanted.
        last_up_at: Unix seconds of the latest look that succeeded, this one included.
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


@dataclass(frozen=True, slots=True)
class Round:
    """One interval of the loop: every target has reported, or 600 ms have passed.

    Attributes:
        tick: number of the interval on the wall-clock grid since the loop began; missed ones leave a gap.
        at: Unix seconds at which rules are evaluated: the tick plus a constant phase, or the time of the
            newest sample if that is later.
        interval: seconds.
        reports: one for each target that has reported in this interval.
        late: targets without a report yet.
        lag: seconds by which the loop itself was late for this tick.
    """

    tick: int
    at: float
    interval: float
    reports: tuple[TargetReport, ...]
    late: tuple[str, ...]
    lag: float
