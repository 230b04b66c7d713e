"""A delivery: how far a channel of the outbox has got with one subject."""

from dataclasses import dataclass, field
from enum import StrEnum

from alerts.outbox import Receipt

CRITICAL = 2
"""The importance from which on the newest goes first."""


class DeliveryState(StrEnum):
    """``told``: nothing is owed, the message is still kept up to date. ``dead``: given up, visible."""

    PENDING = "pending"
    TOLD = "told"
    DONE = "done"
    DEAD = "dead"


OWED = frozenset({DeliveryState.PENDING, DeliveryState.DEAD})
"""What a person may want to look at."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a channel has got with one subject.

    Attributes:
        newest: id of the newest timeline row to tell; ``through``: of the newest that is told.
        since: Unix seconds of the oldest row that is not told.
        importance: 2 critical to 0; the more important goes first.
        uncertain: an attempt may have taken effect without our knowing.
        sent_at: when something of it was last delivered.
        left_out: rows that were too old to be told.
    """

    id: int
    channel: str
    subject: str
    incident_id: int | None
    newest: int
    through: int
    importance: int
    state: DeliveryState
    since: float
    not_before: float
    attempts: int
    reason: str
    receipt: Receipt = field(default_factory=dict)
    uncertain: bool = False
    first_attempt_at: float | None = None
    sent_at: float | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subject that has new rows: the first and the newest of them, and when the first happened."""

    subject: str
    incident_id: int | None
    first: int
    newest: int
    since: float
    importance: int
