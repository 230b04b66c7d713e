"""The questions behind a why card, asked in PromQL. A question that fails leaves its place without data."""

import math
from collections.abc import Iterator, Mapping, Sequence

from alerts.held_lease import HeldLease
from alerts.incident import Incident, Peak
from alerts.quantity import quantity
from alerts.topology import Topology
from alerts.why import Answers, WhyCard, WhyFact, why_card
from metrics.errors import QueryError
from metrics.values import Asker, QueryResult, Scalar, Vector
from settings.schema import ComponentSettings, FactSettings


def current_why(
    incident: Incident, asker: Asker, at: float, topology: Topology, held: Sequence[HeldLease] = ()
) -> WhyCard:
    """The card of an incident as it would be drawn now; ``incident.why`` is the one frozen at its opening."""
    return ask_why(incident.cause, asker, at, topology, held)


def ask_why(
    cause: str | None, asker: Asker, at: float, topology: Topology, held: Sequence[HeldLease]
) -> WhyCard:
    """Ask all facts and saturations at one time and draw the card of a cause."""
    path = topology.path(cause)
    facts = {
        (component.name, fact.title): ask_fact(fact, asker, at)
        for component in path
        for fact in component.facts
    }
    return why_card(topology, cause, Answers(facts, ask_saturated(path, asker, at)), held, at)


def ask_saturated(components: Sequence[ComponentSettings], asker: Asker, at: float) -> Mapping[str, bool]:
    """Whether each ``saturated`` query returns something; those that fail or are not there are left out."""
    found = {}
    for component in components:
        result = None if component.saturated is None else _asked(component.saturated, asker, at)
        if isinstance(result, Vector):
            found[component.name] = bool(result.samples)
    return found


def ask_fact(fact: FactSettings, asker: Asker, at: float) -> WhyFact:
    """One number: the highest where the query returns several series."""
    asked = _number(_asked(fact.expr, asker, at))
    value = asked if asked is not None and math.isfinite(asked) else None
    return WhyFact(fact.title, fact.expr, value, fact.unit, quantity(asked, fact.unit), fact.role)


def ask_effects(topology: Topology, cause: str | None, asker: Asker, at: float) -> Mapping[str, Peak]:
    """The effects on the path of a cause now, by ``component.title``; those without data are left out."""
    found = {}
    for component, settings in _effects(topology, cause):
        fact = ask_fact(settings, asker, at)
        if fact.value is not None:
            found[f"{component.name}.{fact.title}"] = Peak(fact.title, fact.value, fact.unit, fact.text, at)
    return found


def _effects(topology: Topology, cause: str | None) -> Iterator[tuple[ComponentSettings, FactSettings]]:
    for component in topology.path(cause) if cause is not None else ():
        yield from ((component, fact) for fact in component.facts if fact.role == "effect")


def higher(peaks: Mapping[str, Peak], now: Mapping[str, Peak]) -> Mapping[str, Peak]:
    """The worst of both; the same object when nothing is worse now."""
    worse = {key: peak for key, peak in now.items() if key not in peaks or peak.value > peaks[key].value}
    return {**peaks, **worse} if worse else peaks


def _asked(expr: str, asker: Asker, at: float) -> QueryResult | None:
    try:
        return asker.query(expr, at)
    except QueryError:
        return None


def _number(result: QueryResult | None) -> float | None:
    match result:
        case Scalar(value=value):
            values = [value]
        case Vector(samples=samples):
            values = [sample.value for sample in samples]
        case _:
            values = []
    return max((value for value in values if not math.isnan(value)), default=None)
