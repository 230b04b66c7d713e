"""Durations as people write them: ``500ms``, ``30s``, ``5m``, ``1h30m``."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_WHOLE = re.compile(r"(?:\d+(?:ms|[smhdwy]))+", re.ASCII)
_PART = re.compile(r"(\d+)(ms|[smhdwy])", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of a duration in Prometheus' notation; ``0`` is allowed.

    Raises:
        ValueError: names the value and shows what is wanted.
    """
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration (want e.g. 500ms, 30s, 5m)")
    return sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """The shortest exact form of a duration given in seconds, e.g. ``1h30m`` or ``500ms``."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
