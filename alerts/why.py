"""The why card: the failure path as nodes and arrows, each with its query and its number.

Pure: built from the topology, answers that were asked for elsewhere, and the levers that are held. The chain
is the card in one line:

    admits 5.0 users/s x 5 queries = 25/s > database serves 5.0 queries/s -> pool waiting 27 requests -> ...

Our own actions are nodes with an arrow to the component they act on, and stand first in the chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.held_lease import HeldLease
from alerts.quantity import plain_number, quantity
from alerts.topology import Topology
from settings.schema import ComponentSettings, FactSettings


class WhyNodeKind(StrEnum):
    """A part of the stack, or something that Showcall itself does to it."""

    COMPONENT = "component"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class WhyFact:
    """One number with the query behind it.

    Attributes:
        expr: the PromQL asked; empty for an action, whose numbers are the lever's own reading.
        value: None when there is no data.
        text: the number with its unit as people read it, e.g. ``5.4 s`` or ``no data``.
        role: ``info``, ``demand``, ``capacity`` or ``effect``, as in the topology's settings.
    """

    title: str
    expr: str
    value: float | None
    unit: str
    text: str
    role: str = "info"


@dataclass(frozen=True, slots=True)
class WhyNode:
    """A component or an action. ``saturated`` is None when it has no such query, or the query failed."""

    name: str
    title: str
    kind: WhyNodeKind
    saturated: bool | None
    cause: bool
    facts: tuple[WhyFact, ...]


@dataclass(frozen=True, slots=True)
class WhyArrow:
    """From caller to callee, or from an action to the component it acts on; names of nodes."""

    source: str
    target: str
    facts: tuple[WhyFact, ...]


@dataclass(frozen=True, slots=True)
class WhyCard:
    """The chain at one time (Unix seconds), callers before callees; ``chain`` is the one-line text."""

    at: float
    cause: str | None
    chain: str
    nodes: tuple[WhyNode, ...]
    arrows: tuple[WhyArrow, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked for a card.

    Attributes:
        facts: by component and title.
        saturated: by component; a component without the query, or whose query failed, is missing.
    """

    facts: Mapping[tuple[str, str], WhyFact]
    saturated: Mapping[str, bool]


def why_card(
    topology: Topology, cause: str | None, answers: Answers, held: Sequence[HeldLease], at: float
) -> WhyCard:
    """The card of the failure path through a cause; without a cause, of the whole topology."""
    path = topology.path(cause)
    names = {component.name for component in path}
    actions = [lease for lease in held if lease.component in names]
    return WhyCard(
        at=at,
        cause=cause,
        chain=_chain(path, answers, actions),
        nodes=(
            *(_action_node(lease) for lease in actions),
            *(_component_node(component, cause, answers) for component in path),
        ),
        arrows=(
            *(WhyArrow(lease.lever, lease.component, ()) for lease in actions),
            *(
                _arrow(component, callee, answers)
                for component in path
                for callee in component.calls
                if callee in names
            ),
        ),
    )


def _component_node(component: ComponentSettings, cause: str | None, answers: Answers) -> WhyNode:
    return WhyNode(
        name=component.name,
        title=component.title,
        kind=WhyNodeKind.COMPONENT,
        saturated=answers.saturated.get(component.name),
        cause=component.name == cause,
        facts=_facts(component, None, answers),
    )


def _arrow(component: ComponentSettings, callee: str, answers: Answers) -> WhyArrow:
    return WhyArrow(component.name, callee, _facts(component, callee, answers))


def _facts(component: ComponentSettings, to: str | None, answers: Answers) -> tuple[WhyFact, ...]:
    asked = [(component.name, fact.title) for fact in component.facts if fact.to == to]
    return tuple(answers.facts[key] for key in asked if key in answers.facts)


def _action_node(lease: HeldLease) -> WhyNode:
    facts = tuple(
        WhyFact(
            title,
            "",
            value if isinstance(value, float | int) else None,
            lease.unit,
            _level(value, lease.unit),
        )
        for title, value in (("now", lease.value), ("baseline", lease.baseline))
    )
    return WhyNode(lease.lever, lease.lever, WhyNodeKind.ACTION, None, False, facts)


def _level(value: float | str, unit: str) -> str:
    return value if isinstance(value, str) else quantity(value, unit)


def _chain(path: Sequence[ComponentSettings], answers: Answers, actions: Sequence[HeldLease]) -> str:
    links = [f"{lease.lever} held at {_level(lease.value, lease.unit)}" for lease in actions]
    balance = _balance(path, answers)
    if balance:
        links.append(balance)
    spoken = ""
    for component, _, fact in _known(reversed(path), "effect", answers):
        links.append(fact_text(fact) if component.name == spoken else f"{component.name} {fact_text(fact)}")
        spoken = component.name
    return " -> ".join(links)


def _balance(path: Sequence[ComponentSettings], answers: Answers) -> str:
    """Demand against capacity: the first demand from above, the first capacity from below."""
    capacity = next(iter(_known(reversed(path), "capacity", answers)), None)
    demand = next(iter(_known(path, "demand", answers)), None)
    serves = "" if capacity is None else f"{capacity[0].name} {fact_text(capacity[2])}"
    if demand is None:
        return serves
    _, settings, fact = demand
    calls = (fact.value or 0.0) * (settings.makes or 1.0)
    asks = fact_text(fact)
    if settings.makes is not None:
        asks += f" x {plain_number(settings.makes)} {settings.makes_unit} = {plain_number(calls)}/s"
    if capacity is None:
        return asks
    return f"{asks} {'>' if calls > (capacity[2].value or 0.0) else '<='} {serves}"


def _known(
    path: Iterable[ComponentSettings], role: str, answers: Answers
) -> Iterable[tuple[ComponentSettings, FactSettings, WhyFact]]:
    for component in path:
        for settings in component.facts:
            fact = answers.facts.get((component.name, settings.title))
            if settings.role == role and fact is not None and fact.value is not None:
                yield component, settings, fact


def fact_text(fact: WhyFact) -> str:
    """Title and number, e.g. ``waiting 27 requests``."""
    return f"{fact.title} {fact.text}"
