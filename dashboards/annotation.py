"""What an annotation of ours says, and what is to be done next about a subject. Pure: nothing is sent here.

An incident is one region, from its opening to its resolution, brought up to date when its state changes.
Every action on a lever is a point of its own.
"""

import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.incident import Incident
from alerts.notification import Decision, Reason, Verdict
from alerts.outbox import Notice
from alerts.timeline import TimelineKind, TimelineRow
from dashboards.grafana_json import Json
from dashboards.naming import Naming

ACTIONS = frozenset({
    TimelineKind.LEVER_SET,
    TimelineKind.LEVER_STEPPED,
    TimelineKind.LEVER_HELD,
    TimelineKind.LEVER_FAILED,
    TimelineKind.RELEASING,
    TimelineKind.LEASE_ENDED,
    TimelineKind.LEASE_LOST,
    TimelineKind.UNDONE,
    TimelineKind.KILL_SWITCH,
})  # fmt: skip
"""Kinds that are annotations of their own."""

INCIDENT_CHANGES = frozenset({
    TimelineKind.INCIDENT_OPENED,
    TimelineKind.INCIDENT_CAUSE,
    TimelineKind.INCIDENT_MITIGATED,
    TimelineKind.INCIDENT_REOPENED,
    TimelineKind.INCIDENT_RESOLVED,
    TimelineKind.ACKNOWLEDGED,
})  # fmt: skip
"""Kinds after which the incident's region may look different."""


class Doing(StrEnum):
    """The one effect of an attempt."""

    OPEN_REGION = "open_region"
    MARK_ACTION = "mark_action"
    EDIT_REGION = "edit_region"


@dataclass(frozen=True, slots=True)
class Effect:
    """What to do next.

    Attributes:
        annotation: as Grafana takes it.
        found_by: those of its tags that never change.
        number: the annotation to edit.
        through: id of the newest timeline row that is told by it; None: none is.
    """

    doing: Doing
    annotation: Json
    found_by: tuple[str, ...] = ()
    number: int | None = None
    through: int | None = None

    @property
    def at(self) -> int:
        """When it begins, in milliseconds."""
        return int(str(self.annotation["time"]))


def next_effect(notice: Notice, naming: Naming, console: str) -> Effect | None:
    """The region first, then actions in order, then the region again where it looks different by now."""
    action = next((row for row in notice.rows if row.kind in ACTIONS), None)
    incident = notice.incident
    number = notice.receipt.get("incident")
    if incident is not None and "incident" not in notice.receipt:
        before = [row.id for row in notice.rows if action is None or row.id < action.id]
        through = (max(before) if before else None) if action is not None else notice.newest
        found_by = (*naming.incident_tags, f"incident:{incident.id}")
        return Effect(Doing.OPEN_REGION, of_incident(incident, naming, console), found_by, through=through)
    if action is not None:
        return Effect(
            Doing.MARK_ACTION, of_action(action, naming, console), naming.action_tags, through=action.id
        )
    if incident is None or not isinstance(number, int):
        return None
    region = of_incident(incident, naming, console)
    if digest(region) == notice.receipt.get("digest"):
        return None
    return Effect(Doing.EDIT_REGION, region, number=number, through=notice.newest)


def decision(effect: Effect | None) -> Decision:
    """The same in the words of the outbox."""
    if effect is None:
        return Decision(Verdict.LEAVE, Reason.ALL_TOLD)
    return {
        Doing.OPEN_REGION: Decision(Verdict.POST, Reason.FIRST_MESSAGE),
        Doing.MARK_ACTION: Decision(Verdict.POST, Reason.NEW_ROWS),
        Doing.EDIT_REGION: Decision(Verdict.EDIT, Reason.STATE_CHANGED),
    }[effect.doing]


def of_incident(incident: Incident, naming: Naming, console: str) -> Json:
    """An incident's region; its end is where it began while it is not over and not mitigated."""
    end = incident.resolved_at or incident.mitigated_at or incident.opened_at
    facts = [f"{incident.severity}, {incident.state}"]
    if incident.cause:
        facts.append(f"cause: {incident.cause}")
    if incident.acknowledged_by:
        facts.append(f"owner: {incident.acknowledged_by}")
    facts += [f"{peak.title} at most {peak.text}" for peak in incident.peak.values() if _over(incident)]
    tags = (*naming.incident_tags, f"incident:{incident.id}", f"severity:{incident.severity}")
    return _annotation(
        (incident.opened_at, max(end, incident.opened_at)),
        (*tags, f"cause:{incident.cause}") if incident.cause else tags,
        (incident.title, "; ".join(facts)),
        (f"Incident {incident.id}", f"{console}/incidents/{incident.id}"),
    )


def of_action(row: TimelineRow, naming: Naming, console: str) -> Json:
    """A point at the time of the action, with the timeline's own sentence."""
    tags = [*naming.action_tags, f"kind:{row.kind}"]
    tags += [f"{name}:{row.details[name]}" for name in ("lever", "runbook") if row.details.get(name)]
    link = ("Showcall", f"{console}/")
    if row.incident_id is not None:
        tags.append(f"incident:{row.incident_id}")
        link = (f"Incident {row.incident_id}", f"{console}/incidents/{row.incident_id}")
    return _annotation((row.at, row.at), tags, (row.text, f"by {row.actor}"), link)


def digest(annotation: Json) -> str:
    """Tells two looks of a region apart."""
    return hashlib.sha256(json.dumps(annotation, sort_keys=True).encode()).hexdigest()[:16]


def is_the_same(there: Json, wanted: Json) -> bool:
    """Whether an annotation that was found is the one that was to be posted: same beginning, same words.

    An incident's words may have changed since; its beginning and its tag are its own.
    """
    if there.get("time") != wanted["time"]:
        return False
    return _is_region(wanted) or there.get("text") == wanted["text"]


def _is_region(annotation: Json) -> bool:
    tags = annotation["tags"]
    return isinstance(tags, list) and "incident" in tags


def _over(incident: Incident) -> bool:
    return incident.resolved_at is not None


def _annotation(
    between: tuple[float, float], tags: Sequence[str], words: Sequence[str], link: tuple[str, str]
) -> Json:
    """Grafana shows the text as HTML: everything of ours in it is escaped."""
    name, address = link
    text = "\n".join(html.escape(word) for word in words)
    return {
        "time": milliseconds(between[0]),
        "timeEnd": milliseconds(between[1]),
        "tags": list(tags),
        "text": f'{text}\n<a href="{html.escape(address)}">{html.escape(name)}</a>',
    }


def milliseconds(at: float) -> int:
    """Unix seconds as Grafana counts."""
    return round(at * 1000)
