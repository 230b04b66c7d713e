"""How values read on a page: durations, times, the colours of timeline rows."""

from datetime import UTC, datetime

from alerts.timeline import TimelineKind as Kind

_TONES = {
    "alerts": {Kind.ALERT_FIRING, Kind.INCIDENT_OPENED, Kind.INCIDENT_REOPENED, Kind.ALERT_UNKNOWN,
               Kind.LEVER_FAILED, Kind.LEVER_UNKNOWN, Kind.NOT_EFFECTIVE, Kind.LEASE_LOST},
    "goods": {Kind.ALERT_RESOLVED, Kind.INCIDENT_RESOLVED, Kind.INCIDENT_MITIGATED, Kind.VERIFIED,
              Kind.ALERT_KNOWN, Kind.LEASE_ENDED},
    "people": {Kind.ACKNOWLEDGED, Kind.NOTE, Kind.RUN_APPROVED, Kind.RUN_ASKED, Kind.KILL_SWITCH},
    "acts": {Kind.RUN_PLANNED, Kind.RUN_STARTED, Kind.RUN_ENDED, Kind.LEVER_SET, Kind.LEVER_STEPPED,
             Kind.LEVER_HELD, Kind.RELEASING, Kind.UNDONE, Kind.RUN_OBSERVED, Kind.RUN_REFUSED},
}  # fmt: skip


def duration(seconds: float | None) -> str:
    """Minutes and seconds as people say them: ``48 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None:
        return "—"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def iso(at: float) -> str:
    """ISO 8601 in UTC with milliseconds; pages show it in the reader's own time zone."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_time(at: float) -> str:
    """Hours, minutes and seconds in UTC, for where no script runs."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def tone(kind: str) -> str:
    """The colour group of a timeline row: alerts, acts, goods, people or plain."""
    return next((name for name, kinds in _TONES.items() if kind in kinds), "plain")
