"""Prometheus' number formats for templates: humanize, humanize1024, humanizeDuration, humanizePercentage.

Four significant digits, SI or binary prefixes; the algorithm is that of Prometheus' documented template
functions, so that community rules read the same here.
"""

import math

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def humanize(value: float) -> str:
    """SI prefixes, e.g. ``1.235M`` or ``5.3m``."""
    if value == 0 or not math.isfinite(value):
        return _digits(value)
    if abs(value) < 1:
        return _enlarged(value)
    return _reduced(value, 1000, _LARGE)


def humanize_1024(value: float) -> str:
    """Binary prefixes, e.g. ``10ki``."""
    if abs(value) <= 1 or not math.isfinite(value):
        return _digits(value)
    return _reduced(value, 1024, _BINARY)


def humanize_percentage(ratio: float) -> str:
    """A ratio of 1 as percent, e.g. ``12.35%``."""
    return f"{_digits(ratio * 100)}%"


def humanize_duration(seconds: float) -> str:
    """Seconds as days to seconds, e.g. ``1h 23m 20s`` or ``5.3ms``."""
    if not math.isfinite(seconds):
        return _digits(seconds)
    if seconds == 0:
        return "0s"
    if abs(seconds) < 1:
        return f"{_enlarged(seconds)}s"
    sign, whole = ("-" if seconds < 0 else ""), int(abs(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {whole % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {whole % 60}s"
    return f"{sign}{minutes}m {whole % 60}s" if minutes else f"{sign}{_digits(abs(seconds))}s"


def _digits(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return f"{value:.4g}"


def _reduced(value: float, base: int, prefixes: tuple[str, ...]) -> str:
    prefix = ""
    for larger in prefixes:
        if abs(value) < base:
            break
        prefix, value = larger, value / base
    return f"{_digits(value)}{prefix}"


def _enlarged(value: float) -> str:
    prefix = ""
    for smaller in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = smaller, value * 1000
    return f"{_digits(value)}{prefix}"
