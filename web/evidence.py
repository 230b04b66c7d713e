"""The evidence of an incident as its page shows it, in the order of taking."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts import evidence_store, incident_store, timeline_store
from alerts.evidence import Captured, Evidence, EvidenceState, Lines, Occasion, Table
from alerts.evidence_rows import after
from alerts.quantity import quantity
from alerts.timeline import TimelineKind
from web.parts import ConsoleParts


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """One capture; ``timing`` says when it was taken, seen from the opening and from the first action.

    A ``wide`` one has rows or lines that need the whole width.
    """

    title: str
    state: str
    at: float | None
    timing: str
    captured: Captured
    error: str
    wide: bool


@dataclass(frozen=True, slots=True)
class ShownTaking:
    """What was taken together; those between the first and the newest are ``folded``."""

    number: int
    heading: str
    at: float
    summary: str
    evidence: tuple[ShownEvidence, ...]
    folded: bool


def shown(part: ConsoleParts, incident_id: int) -> tuple[ShownTaking, ...]:
    """Read everything; nothing for an incident that there is not."""
    with part.database.reading() as connection:
        found = evidence_store.for_incident(connection, incident_id)
        incident = incident_store.get(connection, incident_id)
        action = timeline_store.first_of_kind(connection, incident_id, TimelineKind.LEVER_SET)
    if incident is None or not found:
        return ()
    since = Since(incident.opened_at, None if action is None else action.at)
    numbers = sorted({each.taking for each in found})
    return tuple(
        shown_taking([each for each in found if each.taking == number], since, 1 < number < numbers[-1])
        for number in numbers
    )


def mark(part: ConsoleParts, incident_id: int) -> str:
    """A text that changes whenever the evidence of an incident, or how it is told, does."""
    with part.database.reading() as connection:
        action = timeline_store.first_of_kind(connection, incident_id, TimelineKind.LEVER_SET)
        return f"{evidence_store.mark(connection, incident_id)}-{action.id if action else 0}"


@dataclass(frozen=True, slots=True)
class Since:
    """From when times are told: the opening, and the first action if there was one (Unix seconds)."""

    opened_at: float
    first_action_at: float | None


def shown_taking(taken: Sequence[Evidence], since: Since, folded: bool) -> ShownTaking:
    """Captures of one number as one part of the page."""
    first = taken[0]
    good = sum(each.state is EvidenceState.TAKEN for each in taken)
    failed = sum(each.state in {EvidenceState.FAILED, EvidenceState.INTERRUPTED} for each in taken)
    counted = [f"{good} taken", f"{failed} failed" if failed else "", _running(len(taken) - good - failed)]
    return ShownTaking(
        number=first.taking,
        heading=_heading(first),
        at=first.asked_at,
        summary=", ".join(part for part in counted if part),
        evidence=tuple(shown_evidence(each, since) for each in taken),
        folded=folded,
    )


def shown_evidence(each: Evidence, since: Since) -> ShownEvidence:
    """One capture with its stamp."""
    return ShownEvidence(
        title=each.traits.title[:1].upper() + each.traits.title[1:],
        state=each.state.value,
        at=each.began_at,
        timing=_timing(each, since),
        captured=each.captured,
        error=each.error or "",
        wide=any(
            isinstance(piece, Lines) or (isinstance(piece, Table) and not piece.upright)
            for piece in each.captured.pieces
        ),
    )


def _running(count: int) -> str:
    return f"{count} still being taken" if count else ""


def _heading(first: Evidence) -> str:
    match first.occasion:
        case Occasion.JOINED:
            return f"When {first.because} joined"
        case Occasion.REOPENED:
            return "When it opened again"
    return "When it opened"


def _timing(each: Evidence, since: Since) -> str:
    if each.began_at is None:
        return ""
    parts = [after(each.began_at, since.opened_at, "the opening")]
    if since.first_action_at is None:
        parts.append("before any action")
    else:
        parts.append(after(each.began_at, since.first_action_at, "the first action"))
    if each.seconds is not None:
        parts.append(f"took {quantity(each.seconds, 's')}")
    return " · ".join(parts)
