"""From ``config.yaml`` to levers: one class per kind."""

from collections.abc import Mapping, Sequence

from runbooks.lever import Lever
from runbooks.levers.http_json import HttpJsonLever
from runbooks.levers.resilience4j import Resilience4jLever
from settings.schema import LeverKind, LeverSettings


def build(settings: Sequence[LeverSettings]) -> Mapping[str, Lever]:
    """Every configured lever by name; nothing is asked of the stack yet."""
    return {lever.name: _one(lever) for lever in settings}


def _one(settings: LeverSettings) -> Lever:
    match settings.kind:
        case LeverKind.HTTP_JSON:
            return HttpJsonLever(settings)
        case LeverKind.RESILIENCE4J:
            return Resilience4jLever(settings)
