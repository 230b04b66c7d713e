"""The outbox: what is to be told, to whom, and what came of it.

A timeline row is the outbox event: it is committed with the change it tells of, so nothing that was rolled
back is ever told and nothing that was committed is lost. Each channel has a durable cursor over the timeline
and one *delivery* per subject (an incident, or one row of the platform as a whole), with its own receipt.
However many events an incident gathers while a channel is down, it stays one delivery.

Another channel is one class with the four members of ``Channel``, handed to assembly. One attempt makes at
most one effect outside, so that every effect has its receipt before the next one is begun.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from alerts.incident import Incident
from alerts.notification import Decision
from alerts.running_action import RunningAction
from alerts.timeline import JsonValue, TimelineRow

Receipt = Mapping[str, JsonValue]
"""What a channel wants to remember of a subject (ids at the other side); stored as JSON, never a secret."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told of one subject, read at one time.

    Attributes:
        key: names this delivery at this point of the timeline; the same at every attempt until something of
            it is delivered, in every process. For messages that must be found again.
        subject: ``incident:7``, or ``row:123`` for a row of the platform as a whole.
        incident: as it is now; None for a row of the platform as a whole.
        rows: what was not told yet and the channel wants, oldest first, a bounded number.
        left_out: how many more rows there are between these, less important, that are not told one by one.
        newest: id of the newest row that this notice covers (``rows`` and what was left out).
        actions: levers that are held for this incident now.
        resolution: the row that resolved the incident, with peak, value now, duration and what fixed it.
        receipt: what the channel remembered last; empty before the first delivery.
        uncertain: an earlier attempt may have taken effect without our knowing: look first, then send.
        first_attempt_at: Unix seconds of the first attempt at this subject, None before it.
    """

    key: str
    subject: str
    rows: tuple[TimelineRow, ...]
    newest: int
    incident: Incident | None = None
    left_out: int = 0
    actions: tuple[RunningAction, ...] = ()
    resolution: TimelineRow | None = None
    receipt: Receipt = field(default_factory=dict)
    uncertain: bool = False
    first_attempt_at: float | None = None


class Outcome(StrEnum):
    """What came of one attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"  # surely not applied: again later
    UNKNOWN = "unknown"  # the answer was lost: it may have been applied; the next attempt looks first
    PERMANENT = "permanent"  # trying again cannot help


@dataclass(frozen=True, slots=True)
class Attempt:
    """The answer of one attempt; made by the functions below.

    Attributes:
        reason: for people, without secrets; empty when delivered.
        receipt: replaces the stored one; None leaves it as it is.
        through: id of the newest row that is told now; None when no row was told by this attempt.
        not_before: Unix seconds as the other side wishes; None: back off with jitter.
        whole_channel: the trouble concerns everything that goes there, not this subject alone.
    """

    outcome: Outcome
    reason: str = ""
    receipt: Receipt | None = None
    through: int | None = None
    not_before: float | None = None
    whole_channel: bool = True


def delivered(receipt: Receipt, through: int | None = None) -> Attempt:
    """It was applied. The worker asks ``decide`` again whether anything is left."""
    return Attempt(Outcome.DELIVERED, receipt=receipt, through=through)


def retry(
    reason: str,
    not_before: float | None = None,
    *,
    whole_channel: bool = True,
    receipt: Receipt | None = None,
) -> Attempt:
    """It was surely not applied; again at ``not_before``, or after a growing pause."""
    return Attempt(Outcome.RETRY, reason, receipt=receipt, not_before=not_before, whole_channel=whole_channel)


def unknown(reason: str) -> Attempt:
    """The answer was lost."""
    return Attempt(Outcome.UNKNOWN, reason)


def permanent(reason: str, *, whole_channel: bool = True) -> Attempt:
    """Trying again cannot help: the channel stops until it is repaired, or this subject is a dead letter."""
    return Attempt(Outcome.PERMANENT, reason, whole_channel=whole_channel)


class Channel(Protocol):
    """One way out. Called from one thread of its own; a hanging channel holds up no other.

    Attributes:
        name: as in metrics, tables and pages, e.g. ``slack``.
        spacing: seconds between two effects.
    """

    name: str
    spacing: float

    def wants(self, row: TimelineRow) -> bool:
        """Whether this row is worth telling here (rows with and without an incident). No I/O."""
        ...

    def decide(self, notice: Notice, now: float) -> Decision:
        """Send now, wait, or leave it. Pure; asked before every attempt and after every delivery."""
        ...

    def deliver(self, notice: Notice, now: float) -> Attempt:
        """Make the one effect that ``decide`` asked for. Never raises for what the other side does."""
        ...

    def credentials_stamp(self) -> str:
        """Changes when somebody replaced the credentials (the file's time): a stopped channel goes on."""
        ...


class Moment(StrEnum):
    """Named points of an attempt, for the hook that tests end the process at."""

    BEFORE_SEND = "before_send"  # the attempt is claimed durably
    SENT = "sent"  # the other side answered, the receipt is not stored yet
