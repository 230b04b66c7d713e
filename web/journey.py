"""The journey as pages show it: every component with its state and its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.quantity import quantity
from metrics.errors import QueryError
from metrics.values import Asker, QueryResult, Scalar, Vector
from settings.schema import ComponentSettings, FactSettings

STALE_AFTER_SECONDS = 5.0


class ComponentState(StrEnum):
    """A component in one word; unknown while the facts behind it are missing or old."""

    OK = "ok"
    SATURATED = "saturated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ShownFact:
    """A number as people read it, with the query behind it."""

    title: str
    expr: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownComponent:
    """One part of the journey."""

    name: str
    title: str
    state: ComponentState
    calls: tuple[str, ...]
    facts: tuple[ShownFact, ...]


def components(asker: Asker, topology: Sequence[ComponentSettings], at: float) -> tuple[ShownComponent, ...]:
    """Every component with its numbers."""
    return tuple(
        ShownComponent(
            name=component.name,
            title=component.title,
            state=component_state(asker, component, at),
            calls=component.calls,
            facts=tuple(shown_fact(asker, fact, at) for fact in component.facts),
        )
        for component in topology
    )


def component_state(asker: Asker, component: ComponentSettings, at: float) -> ComponentState:
    """Saturated when its query returns something now; unknown when its facts are missing or old."""
    if component.saturated is None:
        return ComponentState.OK
    try:
        age = asker.freshness(component.saturated, at)
        if age is None or age > STALE_AFTER_SECONDS:
            return ComponentState.UNKNOWN
        result = asker.query(component.saturated, at)
    except QueryError:
        return ComponentState.UNKNOWN
    return ComponentState.SATURATED if holds(result) else ComponentState.OK


def holds(result: QueryResult) -> bool:
    """Whether a condition's result means yes: a vector with samples, or a scalar that is not zero."""
    if isinstance(result, Scalar):
        return result.value != 0
    return isinstance(result, Vector) and bool(result.samples)


def shown_fact(asker: Asker, fact: FactSettings, at: float) -> ShownFact:
    """A fact's number, or ``no data``."""
    try:
        value = single(asker.query(fact.expr, at))
    except QueryError:
        value = None
    return ShownFact(fact.title, fact.expr, quantity(value, fact.unit))


def single(result: QueryResult) -> float | None:
    """The one number of a result; None when there is none."""
    if isinstance(result, Scalar):
        return result.value
    if isinstance(result, Vector) and result.samples:
        return result.samples[0].value
    return None
