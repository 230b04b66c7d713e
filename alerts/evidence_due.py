"""What evidence is to be taken now: pure over an incident's story, what was taken already, and the time.

    opening     everything that the rules of the incident chose; by default what touches the failure path
    joining     what the rule that joined chose
    reopening   what all its rules chose

A capture is taken at most every 30 s: a joining that comes sooner is answered when they are over. An incident
has at most 20 takings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.evidence import CaptureName, Occasion, Traits
from alerts.evidence_choice import Choice
from alerts.incident import Incident
from alerts.topology import Topology

SPACING_SECONDS = 30.0
TAKINGS_AT_MOST = 20
_WEIGHT = {Occasion.JOINED: 0, Occasion.REOPENED: 1, Occasion.OPENED: 2}


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something that asks for evidence, at a time (Unix seconds); ``rules`` say which."""

    occasion: Occasion
    at: float
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What was taken for an incident: how many times, and by capture's key when last (evaluation's time)."""

    takings: int = 0
    last: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """Captures to be taken now, as one taking; ``because`` names the rules that joined."""

    occasion: Occasion
    because: str
    captures: tuple[Traits, ...]


@dataclass(frozen=True, slots=True)
class Chooser:
    """Who chooses: by rule's name, None for the default."""

    choices: Mapping[str, Choice | None]
    topology: Topology

    def wants(self, traits: Traits, rules: Iterable[str], cause: str | None) -> bool:
        """Whether one of the rules wants a capture, in an incident with this cause."""
        return any(self._wants(traits, self.choices.get(rule), cause) for rule in rules)

    def _wants(self, traits: Traits, choice: Choice | None, cause: str | None) -> bool:
        if traits.name is CaptureName.QUERIES:
            return choice is not None and bool(choice.queries)
        if choice is not None:
            return traits.name in choice.captures
        if not self.topology.knows(traits.component):
            return True
        return traits.component in touched(self.topology, cause)


def touched(topology: Topology, cause: str | None) -> frozenset[str]:
    """The failure path and what those on it call: a Redis beside the path can be what is behind it."""
    path = topology.path(cause)
    return frozenset(name for component in path for name in (component.name, *component.calls))


def triggers(incident: Incident, joined: Mapping[str, float]) -> tuple[Trigger, ...]:
    """The story of an incident as far as it asks for evidence.

    Args:
        joined: when each of its rules came in (Unix seconds).
    """
    first = tuple(rule for rule in incident.rules if joined.get(rule, 0.0) <= incident.opened_at)
    later = (rule for rule in incident.rules if rule not in first)
    return (
        Trigger(Occasion.OPENED, incident.opened_at, first or incident.rules),
        *(Trigger(Occasion.JOINED, joined[rule], (rule,)) for rule in later),
        *(Trigger(Occasion.REOPENED, at, incident.rules) for at in incident.reopened_at),
    )


def due(
    offered: Sequence[Traits],
    story: Sequence[Trigger],
    past: Past,
    *,
    choose: Chooser,
    incident: Incident,
    at: float,
) -> Due | None:
    """What is to be taken at one evaluation, or None."""
    if past.takings >= TAKINGS_AT_MOST:
        return None
    causes: list[Trigger] = []
    captures = []
    for traits in offered:
        last = past.last.get(traits.key)
        open_ones = [
            trigger
            for trigger in story
            if (last is None or trigger.at > last) and choose.wants(traits, trigger.rules, incident.cause)
        ]
        if open_ones and (last is None or at - last >= SPACING_SECONDS):
            captures.append(traits)
            causes += open_ones
    return _as_due(captures, causes) if captures else None


def _as_due(captures: Sequence[Traits], causes: Sequence[Trigger]) -> Due:
    occasion = max((cause.occasion for cause in causes), key=_WEIGHT.__getitem__)
    joined = dict.fromkeys(
        rule for cause in causes if cause.occasion is Occasion.JOINED for rule in cause.rules
    )
    because = ", ".join(joined) if occasion is Occasion.JOINED else ""
    return Due(occasion, because, tuple(captures))
