"""The why card as JSON, for the incident's row and for whoever shows it."""

import json
from dataclasses import asdict
from typing import Any

from alerts.why import WhyArrow, WhyCard, WhyFact, WhyNode, WhyNodeKind


def to_json(card: WhyCard) -> str:
    """The card as one JSON text; field names are those of the dataclasses."""
    return json.dumps(asdict(card), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> WhyCard:
    """The card that ``to_json`` wrote."""
    found: dict[str, Any] = json.loads(text)
    return WhyCard(
        at=found["at"],
        cause=found["cause"],
        chain=found["chain"],
        nodes=tuple(_node(node) for node in found["nodes"]),
        arrows=tuple(
            WhyArrow(arrow["source"], arrow["target"], _facts(arrow["facts"])) for arrow in found["arrows"]
        ),
    )


def _node(found: dict[str, Any]) -> WhyNode:
    return WhyNode(
        name=found["name"],
        title=found["title"],
        kind=WhyNodeKind(found["kind"]),
        saturated=found["saturated"],
        cause=found["cause"],
        facts=_facts(found["facts"]),
    )


def _facts(found: list[dict[str, Any]]) -> tuple[WhyFact, ...]:
    return tuple(WhyFact(**fact) for fact in found)
