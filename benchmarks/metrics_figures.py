"""What the metrics benchmark prints: figures beside their peers, ratios beside their aims."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.metrics_servers import prometheus_binary, version, victoria_binary


@dataclass(frozen=True, slots=True)
class Figure:
    """One line.

    Attributes:
        what: the line's words.
        value: ours, None when it could not be measured (then ``note`` says why).
        peer: whose value is beside ours, and what it is; None without a peer.
        aim: the most that ``judged`` may be.
        judged: what is held against the aim: the ratio, or the value itself.
    """

    what: str
    unit: str
    value: float | None
    aim: float | None = None
    peer: tuple[str, float] | None = None
    judged: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.value is None:
            return "not measured"
        if self.aim is None or self.judged is None:
            return ""
        return "ok" if self.judged <= self.aim else "MISSED"


def beside(
    what: str, unit: str, value: float, peer: tuple[str, float], *, aim: float, note: str = ""
) -> Figure:
    """Ours as a ratio of a peer's."""
    return Figure(what, unit, value, aim, peer, value / peer[1] if peer[1] else None, note)


def alone(what: str, unit: str, value: float, aim: float, note: str = "") -> Figure:
    """Ours against a bound."""
    return Figure(what, unit, value, aim, None, value, note)


def missing(what: str, note: str) -> Figure:
    """What cannot be measured here."""
    return Figure(what, "", None, note=note)


@dataclass(frozen=True, slots=True)
class Noise:
    """The machine's processor times when the run began."""

    began: object

    @classmethod
    def now(cls) -> "Noise":
        """From now on."""
        return cls(psutil.cpu_times())

    def steal_percent(self) -> float:
        """Processor time that other guests of the host took since."""
        after = psutil.cpu_times()
        spent = sum(after) - sum(self.began)  # type: ignore[call-overload]
        stolen = float(getattr(after, "steal", 0.0) - getattr(self.began, "steal", 0.0))
        return 100.0 * stolen / spent if spent else 0.0


def printed(figures: Sequence[Figure], noise: Noise, console: Console) -> int:
    """The head and the table; 0 when no aim is missed."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(
        f"machine: {psutil.cpu_count()} processors ({_model()}), {noise.steal_percent():.1f} % stolen by the "
        f"host during the run, load {load} at its end; Python {platform.python_version()}"
    )
    console.print(f"peers: {version(prometheus_binary())}; {_victoria()}")
    table = Table(show_edge=False, pad_edge=False)
    for title in ("what", "unit", "Showcall", "peer", "ratio", "aim", ""):
        table.add_column(title, justify="left" if title in ("what", "unit", "") else "right", overflow="fold")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for figure in figures:
        if figure.note:
            console.print(f"- {figure.what}: {figure.note}", highlight=False)
    return 1 if any(figure.verdict == "MISSED" for figure in figures) else 0


def _cells(figure: Figure) -> tuple[str, ...]:
    name, beside_it = figure.peer or ("", None)
    ratio = figure.value / beside_it if figure.value is not None and beside_it else None
    return (
        figure.what,
        figure.unit,
        _number(figure.value),
        f"{_number(beside_it)} {name}".strip(),
        _number(ratio),
        _number(figure.aim),
        figure.verdict,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _victoria() -> str:
    return f"VictoriaMetrics {version(victoria_binary())}"
