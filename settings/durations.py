"""Durations as people write them: ``500ms``, ``30s``, ``5m``, ``1h30m``."""

import re

_SIZES = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
_WHOLE = re.compile(
    r"(?:(\d{1,12})y)?(?:(\d{1,12})w)?(?:(\d{1,12})d)?(?:(\d{1,12})h)?(?:(\d{1,12})m)?(?:(\d{1,12})s)?"
    r"(?:(\d{1,12})ms)?",
    re.ASCII,
)


def parse_duration(text: str) -> float:
    """Seconds of a duration in Prometheus' notation: units from large to small; ``0`` is allowed.

    Raises:
        ValueError: names the value and shows what is wanted.
    """
    found = _WHOLE.fullmatch(text)
    if text == "0":
        return 0.0
    if found is None or not text:
        shown = text if len(text) <= 60 else text[:57] + "…"
        raise ValueError(f"{shown!r} is not a duration (want e.g. 500ms, 30s, 5m)")
    return sum(int(count or 0) * size for count, size in zip(found.groups(), _SIZES, strict=True)) / 1000


def duration_of(value: object) -> object:
    """Seconds of what stands where a duration is wanted; a number already is one."""
    return value if isinstance(value, int | float) else parse_duration(str(value))


def format_duration(seconds: float) -> str:
    """The shortest exact form of a duration given in seconds, e.g. ``1h30m`` or ``500ms``."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
