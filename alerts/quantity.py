"""Numbers with their units as people read them: ``5.4 s``, ``27 requests``, ``25/s``, ``512 MiB``."""

import math

from alerts.humanize import humanize_1024, humanize_duration

NO_DATA = "no data"


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit.

    Seconds over two minutes become minutes and hours, under a second milliseconds; bytes get binary prefixes.
    """
    if value is None or math.isnan(value):
        return NO_DATA
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}unbounded"
    if unit == "s":
        return _seconds(value)
    if unit == "bytes":
        return f"{humanize_1024(value)}B"
    number = plain_number(value, fraction=unit.endswith("/s") or unit in {"cores", "ratio"})
    return number if not unit else f"{number}{'' if unit.startswith('/') else ' '}{unit}"


def plain_number(value: float, fraction: bool = False) -> str:
    """Three significant digits or whole; a rate keeps one decimal even when it is whole."""
    if abs(value) >= 100 or (value == round(value) and not fraction):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _seconds(value: float) -> str:
    if abs(value) >= 120:
        return humanize_duration(value)
    if 0 < abs(value) < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value else "0 s"
