"""A runbook as read from the catalog: when, guards, what to do to which lever, verification, release."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from metrics.promql.ast import Matcher
from runbooks.admission_law import Law
from runbooks.guards import Guard
from runbooks.lever import LeverValue
from settings.schema import RunbookMode

WINDOW = "$window"
"""Stands in a signal's PromQL for the seconds since the last change, e.g. ``13s``."""


class VerifyDirection(StrEnum):
    """Which question verification asks."""

    SAFE = "safe"  # not worse than the trend, effective after 1.5 backlogs; only measured harm undoes
    OTHER = "other"  # not effective by the deadline undoes


@dataclass(frozen=True, slots=True)
class Signals:
    """PromQL of what the admission controller looks at; the last two contain ``$window``."""

    pending: str
    pending_mean: str
    completions: str
    active: str
    waiting: str
    pool_size: str
    latency: str
    requests: str


@dataclass(frozen=True, slots=True)
class ControlDo:
    """Steer a numeric lever by the admission law."""

    law: Law
    signals: Signals


@dataclass(frozen=True, slots=True)
class SetDo:
    """Set a lever to one value."""

    value: LeverValue


Do: TypeAlias = ControlDo | SetDo


@dataclass(frozen=True, slots=True)
class Limits:
    """``cooldown``: seconds between the end of a run and the next; ``per_hour``: runs started in an hour."""

    cooldown: float
    per_hour: int


@dataclass(frozen=True, slots=True)
class Verify:
    """How the effect is measured.

    Attributes:
        expr: the signal, in ``unit``; effective when it is below ``below``.
        throughput: what must not fall under half while somebody waits in vain; ``waiting`` counts those.
        effect_delay: seconds before the first look; ``deadline``: seconds until the verdict is final.
        title: what people call the signal.
    """

    expr: str
    below: float
    unit: str
    direction: VerifyDirection
    effect_delay: float
    deadline: float
    throughput: str | None = None
    waiting: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """When to let go: ``when`` (PromQL) held for ``quiet`` seconds; then x ``factor`` each ``every`` seconds.

    A controlled lever has no ``when``: the admission law knows by itself.
    """

    when: str | None
    quiet: float
    factor: float
    every: float


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook.

    Attributes:
        when: any of these matcher lists, each matched as a whole against an alert's labels.
        second: a further lever that the run reserves and does not move.
        approval: seconds for which an approval may be waited for.
        definition: the text that an approval agrees to (part of the plan's hash).
    """

    name: str
    title: str
    mode: RunbookMode
    when: tuple[tuple[Matcher, ...], ...]
    guards: tuple[Guard, ...]
    limits: Limits
    lever: str
    second: str | None
    do: Do
    verify: Verify
    release: Release
    approval: float
    definition: str

    @property
    def levers(self) -> tuple[str, ...]:
        """Every lever that a run of it reserves, the one it moves first."""
        return (self.lever,) if self.second is None else (self.lever, self.second)
