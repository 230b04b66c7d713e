"""The Prometheus text format, version 0.0.4, as far as the service needs to write it."""

from collections.abc import Mapping

from stack.service.meters import TimerReading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def labels_text(labels: Mapping[str, str]) -> str:
    """``a="b",c="d"`` with the three characters escaped that the format asks for; empty for no labels."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def number_text(value: float) -> str:
    """A sample value: whole numbers without exponent, the rest as Python's shortest exact text."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Page:
    """One page being written, family by family; a family is announced once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: str, explained: str) -> None:
        """Announce a family: its HELP and TYPE lines."""
        self._lines.append(f"# HELP {name} {explained}\n# TYPE {name} {kind}")

    def sample(self, name: str, value: float, labels: str = "") -> None:
        """One sample; ``labels`` as `labels_text` writes them."""
        self._lines.append(
            f"{name}{{{labels}}} {number_text(value)}" if labels else f"{name} {number_text(value)}"
        )

    def lines(self, lines: list[str]) -> None:
        """Lines that are already in the format."""
        self._lines.extend(lines)

    def gauge(self, name: str, value: float, explained: str, labels: str = "") -> None:
        """A family of one gauge."""
        self.family(name, "gauge", explained)
        self.sample(name, value, labels)

    def counter(self, name: str, value: float, explained: str, labels: str = "") -> None:
        """A family of one counter; ``name`` ends in ``_total``."""
        self.family(name, "counter", explained)
        self.sample(name, value, labels)

    def timers(self, name: str, explained: str, readings: Mapping[str, TimerReading]) -> None:
        """A timer as Micrometer exports it: a summary of count and sum, and a gauge of the longest."""
        self.family(name, "summary", explained)
        for labels, reading in readings.items():
            self.sample(f"{name}_count", reading.count, labels)
            self.sample(f"{name}_sum", reading.total, labels)
        self.family(f"{name}_max", "gauge", f"{explained} (longest lately)")
        for labels, reading in readings.items():
            self.sample(f"{name}_max", reading.longest, labels)

    def text(self) -> str:
        """The whole page, with the line break at its end that the format demands."""
        return "\n".join(self._lines) + "\n"
