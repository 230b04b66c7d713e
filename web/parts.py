"""What the console needs of the rest; assembly hands it over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import current_app

from alerts.rule_outcome import RuleStatus
from collector.round import TargetReport
from database import Database
from metrics.values import Asker
from settings.schema import Settings


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One loop: ``age`` is seconds since its last good turn where known, ``note`` its error if it is new."""

    name: str
    alive: bool
    age: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """Everything that pages read. ``clock`` gives Unix seconds."""

    settings: Settings
    database: Database
    asker: Asker
    clock: Callable[[], float]
    targets: Callable[[], Sequence[TargetReport]]
    rules: Callable[[], Sequence[RuleStatus]]
    loops: Callable[[], Sequence[LoopHealth]]
    own_metrics: Callable[[], bytes]


def parts() -> ConsoleParts:
    """The parts of the application that serves the current request."""
    found = current_app.extensions["showcall"]
    assert isinstance(found, ConsoleParts)  # noqa: S101 - a wiring mistake, not an input
    return found
