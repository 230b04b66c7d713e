"""When to post, edit, wait or leave: the decision of a channel that keeps one message per incident.

    root message   what changed                                         verdict  reason
    none           anything to tell                                     POST     first_message
    none           nothing                                              LEAVE    nothing_new
    there          its text, and the last edit was long enough ago   EDIT  state_changed, numbers_changed
    there          its text, edited just now                            WAIT     edited_just_now
    there          rows for the thread, gathered or urgent              THREAD   new_rows
    there          rows for the thread, more may follow                 WAIT     gathering
    there          nothing, the incident is not over                    WAIT     refresh
    there          nothing, the incident is over                        LEAVE    all_told

The state in the root message goes first: who looks at the channel sees what is true now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.timeline import TimelineKind, TimelineRow

EDIT_SPACING = 3.0
"""Seconds between two edits of one message."""

GATHER_SECONDS = 1.5
"""How long rows are gathered for one message in the thread, from the oldest on."""

GATHER_STEPS_SECONDS = 10.0
"""The same while they are nothing but steps of a lever, of which several come within seconds."""

REFRESH_SECONDS = 30.0
"""How often numbers in the message of an incident that is not over are brought up to date."""

STEPS = frozenset({TimelineKind.LEVER_STEPPED, TimelineKind.LEVER_HELD, TimelineKind.RELEASING})
"""What a lever does in fast succession while it is being held and let go."""

MINOR = STEPS | {
    TimelineKind.ALERT_PENDING,
    TimelineKind.ALERT_FIRING,
    TimelineKind.ALERT_UNKNOWN,
    TimelineKind.ALERT_KNOWN,
    TimelineKind.ALERT_RESOLVED,
    TimelineKind.ALERT_CLEARED,
    TimelineKind.RUN_REFUSED,
}
"""What is only counted when very many rows are told together."""

UNTOLD = frozenset({TimelineKind.ALERT_PENDING})
"""Kinds too small to tell anybody: pending alerts fire a moment later, or were nothing."""

URGENT = frozenset({
    TimelineKind.INCIDENT_OPENED,
    TimelineKind.INCIDENT_REOPENED,
    TimelineKind.INCIDENT_RESOLVED,
    TimelineKind.RUN_ASKED,
    TimelineKind.LEVER_FAILED,
    TimelineKind.LEVER_UNKNOWN,
    TimelineKind.NOT_EFFECTIVE,
    TimelineKind.KILL_SWITCH,
})  # fmt: skip
"""Kinds that people wait for."""


class Verdict(StrEnum):
    """What to do with one subject now."""

    POST = "post"
    EDIT = "edit"
    THREAD = "thread"
    WAIT = "wait"
    LEAVE = "leave"


class Reason(StrEnum):
    """Why."""

    FIRST_MESSAGE = "first_message"
    STATE_CHANGED = "state_changed"
    NUMBERS_CHANGED = "numbers_changed"
    EDITED_JUST_NOW = "edited_just_now"
    NEW_ROWS = "new_rows"
    GATHERING = "gathering"
    REFRESH = "refresh"
    NOTHING_NEW = "nothing_new"
    ALL_TOLD = "all_told"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason; ``until`` (Unix seconds) goes with WAIT."""

    verdict: Verdict
    reason: Reason
    until: float | None = None

    @property
    def sends(self) -> bool:
        """Whether something goes out now."""
        return self.verdict not in {Verdict.WAIT, Verdict.LEAVE}

    @property
    def owes(self) -> bool:
        """Whether something is still to be told, now or soon."""
        return self.sends or (self.verdict is Verdict.WAIT and self.reason is not Reason.REFRESH)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told before.

    Attributes:
        headline: what the message says of state and people (a digest, compared only).
        body: the same of everything in it.
        at: Unix seconds of the last post or edit.
        editable: False when the other side no longer lets it be edited.
    """

    headline: str
    body: str
    at: float
    editable: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true now.

    Attributes:
        headline, body: as in ``Told``, of the message as it would be made now.
        rows: what the thread does not have yet, oldest first.
        over: the incident is resolved.
    """

    headline: str
    body: str
    rows: Sequence[TimelineRow]
    over: bool


def decide(told: Told | None, standing: Standing, now: float) -> Decision:
    """What to do now; ``now`` in Unix seconds."""
    if told is None:
        if not standing.rows:
            return Decision(Verdict.LEAVE, Reason.NOTHING_NEW)
        return Decision(Verdict.POST, Reason.FIRST_MESSAGE)
    wanted = [each for each in (_edit(told, standing, now), _thread(standing.rows, now)) if each is not None]
    return _first_of(wanted) or _rest(told, standing, now)


def _first_of(wanted: Sequence[Decision]) -> Decision | None:
    """The first that sends, else the shortest wait."""
    sending = next((each for each in wanted if each.sends), None)
    return sending or min(wanted, key=lambda each: each.until or 0.0, default=None)


def _rest(told: Told, standing: Standing, now: float) -> Decision:
    if standing.over:
        return Decision(Verdict.LEAVE, Reason.ALL_TOLD)
    due = told.at + REFRESH_SECONDS
    return Decision(Verdict.WAIT, Reason.REFRESH, due if due > now else now + REFRESH_SECONDS)


def whenever_new(rows: Sequence[TimelineRow]) -> Decision:
    """The decision of a channel that tells every row by itself."""
    if rows:
        return Decision(Verdict.POST, Reason.NEW_ROWS)
    return Decision(Verdict.LEAVE, Reason.NOTHING_NEW)


def _edit(told: Told, standing: Standing, now: float) -> Decision | None:
    if told.body == standing.body or not told.editable:
        return None
    state_changed = told.headline != standing.headline
    if not state_changed and not standing.over and now < told.at + REFRESH_SECONDS:
        return None
    # A clock set back must not keep the message as it is for longer than the spacing.
    if 0 <= now - told.at < EDIT_SPACING:
        return Decision(Verdict.WAIT, Reason.EDITED_JUST_NOW, told.at + EDIT_SPACING)
    return Decision(Verdict.EDIT, Reason.STATE_CHANGED if state_changed else Reason.NUMBERS_CHANGED)


def _thread(rows: Sequence[TimelineRow], now: float) -> Decision | None:
    if not rows:
        return None
    kinds = {row.kind for row in rows}
    gather = GATHER_STEPS_SECONDS if kinds <= STEPS else GATHER_SECONDS
    waited = now - rows[0].at
    if kinds & URGENT or not 0 <= waited < gather:
        return Decision(Verdict.THREAD, Reason.NEW_ROWS)
    return Decision(Verdict.WAIT, Reason.GATHERING, rows[0].at + gather)
