"""The why card: the failure path as nodes and arrows, each with its query and its number."""

from dataclasses import dataclass
from enum import StrEnum


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
    """A component or an action. ``saturated`` is None when the component has no such query or no data."""

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
