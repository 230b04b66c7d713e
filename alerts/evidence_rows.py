"""What the timeline says of evidence: one row for the quick captures of a taking, one for the slow ones."""

from collections.abc import Sequence

from alerts.evidence import Evidence, EvidenceState, Occasion, Pace
from alerts.quantity import quantity
from alerts.timeline import NewTimelineRow, TimelineKind


def taken_row(
    taken: Sequence[Evidence], opened_at: float, first_action_at: float | None, at: float
) -> NewTimelineRow:
    """The row of captures that were taken together and have all ended.

    Args:
        opened_at: of their incident.
        first_action_at: when the first lever was set for it, None before.
        at: Unix seconds.
    """
    first, pace = taken[0], taken[0].traits.pace
    good = [each.traits.title for each in taken if each.state is EvidenceState.TAKEN]
    failed = {each.traits.title: each.error or "" for each in taken if each.state is not EvidenceState.TAKEN}
    told = [", ".join(good)] if good else []
    told += [f"failed: {'; '.join(f'{title} ({why})' for title, why in failed.items())}"] if failed else []
    seconds = _lasted(taken)
    return NewTimelineRow(
        at=at,
        kind=TimelineKind.EVIDENCE,
        reason=first.occasion.value,
        text=f"{_opening(first)}, {_when(taken, opened_at, first_action_at)}: {'; '.join(told)}",
        incident_id=first.incident_id,
        details={
            "taking": first.taking,
            "pace": pace.value,
            "taken": list(good),
            "failed": dict(failed),
            "seconds": seconds,
        },
    )


def occasion_text(occasion: Occasion, because: str) -> str:
    """Why evidence was taken, as the end of a sentence: ``as the incident opened``."""
    match occasion:
        case Occasion.JOINED:
            return f"as {because} joined"
        case Occasion.REOPENED:
            return "as the incident reopened"
    return "as the incident opened"


def after(at: float, event_at: float, event: str) -> str:
    """How long after an event something was: ``1.2 s after the opening``."""
    if at < event_at:
        return f"{quantity(event_at - at, 's')} before {event}"
    return f"{quantity(at - event_at, 's')} after {event}"


def _opening(first: Evidence) -> str:
    slow = first.traits.pace is Pace.SLOW
    return f"{'Slower evidence' if slow else 'Evidence'} taken {occasion_text(first.occasion, first.because)}"


def _when(taken: Sequence[Evidence], opened_at: float, first_action_at: float | None) -> str:
    took = f"in {quantity(_lasted(taken), 's')}"
    began = min((each.began_at for each in taken if each.began_at is not None), default=None)
    if began is None:
        return took
    slow = taken[0].traits.pace is Pace.SLOW
    since = [after(began, opened_at, "the opening")] if slow or began - opened_at >= 1.0 else []
    if first_action_at is not None:
        since.append(after(began, first_action_at, "the first action"))
    return f"begun {' and '.join(since)}, {took}" if since else took


def _lasted(taken: Sequence[Evidence]) -> float:
    """From the first beginning to the last end."""
    begun = [(each.began_at, each.seconds or 0.0) for each in taken if each.began_at is not None]
    if not begun:
        return 0.0
    return max(at + seconds for at, seconds in begun) - min(at for at, _ in begun)
