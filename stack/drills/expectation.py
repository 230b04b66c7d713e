"""One thing that had to follow, with the value found: what verdicts are made of."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that had to follow.

    Attributes:
        name: machine-readable, e.g. ``alert_within``.
        title: for people.
        found: the value, None where it never came to be.
        limit: the bound it is compared with, None where the expectation is not about one number.
        wanted: in words, with unit.
        passed: whether it held.
        why: what is missing, where ``found`` is None.
    """

    name: str
    title: str
    found: float | None
    limit: float | None
    unit: str
    wanted: str
    passed: bool
    why: str = ""


class Judge(Protocol):
    """Compares the value found with a limit."""

    def __call__(
        self, name: str, title: str, found: float | None, limit: float, *, unit: str = "", missing: str = ""
    ) -> Expectation:
        """The expectation; a value that never came to be fails it, and ``missing`` says what is missing."""


def between(earlier: float | None, later: float | None) -> float | None:
    """Seconds from one instant to the other, None where one of them is unknown."""
    return None if earlier is None or later is None else later - earlier


def _judge(bound: str, holds: Callable[[float, float], bool]) -> Judge:
    def judge(
        name: str, title: str, found: float | None, limit: float, *, unit: str = "", missing: str = ""
    ) -> Expectation:
        passed = found is not None and holds(found, limit)
        wanted = f"{bound} {limit:g} {unit}".rstrip() if limit or bound != "at most" else "none"
        return Expectation(name, title, found, limit, unit, wanted, passed, missing if found is None else "")

    return judge


at_most = _judge("at most", operator.le)
under = _judge("under", operator.lt)
at_least = _judge("at least", operator.ge)
over = _judge("over", operator.gt)
