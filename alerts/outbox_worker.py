"""One channel's worker: takes timeline rows over, picks the most important delivery, makes one attempt.

    timeline row -> (cursor) -> delivery: pending -> claimed -> told ... done
                                             |          |
                                             |          +- killed here: uncertain, looked for before sending
                                             +- too old, or refused for good: dead, visible

One attempt at a time and ``spacing`` seconds between two; what the other side asks us to wait is waited by
the channel as a whole, in order, through restarts.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from alerts import incident_store, outbox_attempt_store, outbox_channel_store, outbox_store, untold_store
from alerts.delivery import Delivery, DeliveryState
from alerts.notification import Decision, Reason, Verdict
from alerts.outbox import Attempt, Channel, Moment, Notice, Outcome, unknown
from alerts.outbox_channel_store import ChannelRow
from alerts.outbox_intake import Intake
from alerts.running_action import RunningAction, RunningActions
from database import Database

TIME_TO_LIVE = 24 * 3600.0
"""Seconds after which a row that could not be told is given up."""

SET_BACK_SECONDS = 1.0
"""Smaller steps of the clock are waited out."""

BURY_EVERY = 60.0
LOOKED_AT = 50
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

NO_HOOK: Callable[[Moment], None] = lambda _: None  # noqa: E731 - a value to hand over, not a function of ours


def pause(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row: doubling up to a minute; ``jitter`` in [0, 1)."""
    full = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 10))
    return full * (0.5 + jitter / 2)


@dataclass
class OutboxWorker:
    """Call ``turn`` often from one thread. The process may end at any moment without a loss.

    Args:
        clock: Unix seconds.
        at_moment: called at named points of an attempt.
    """

    database: Database
    channel: Channel
    actions: RunningActions
    clock: Callable[[], float]
    jitter: Callable[[], float] = random.random
    at_moment: Callable[[Moment], None] = NO_HOOK
    counts: Counter[Outcome] = field(default_factory=Counter)
    _registered: bool = False
    _claims_left: bool = True
    _sent_at: float | None = None
    _seen: float | None = None
    _stamp: str = ""
    _buried_at: float | None = None
    _waits: dict[int, tuple[int, float]] = field(default_factory=dict)

    def register(self) -> None:
        """Take the channel's place on the timeline: what happens from now on is for it."""
        with self.database.transaction() as tx:
            row = outbox_channel_store.register(tx, self.channel.name)
            if row.blocked_at is not None:
                # A restart is how people repair things: it is tried again once.
                outbox_channel_store.try_again(tx, self.channel.name)
        self._registered = True

    def doubt(self) -> None:
        """Somebody else may have worked for the channel: claims in the database may stand for effects."""
        self._claims_left = True

    def turn(self) -> bool:
        """Take over what is new, and make at most one attempt; True when one was made."""
        if not self._registered:
            self.register()
        if self._claims_left:
            self._recover()
        now = self.clock()
        self._follow_clock(now)
        row = Intake(self.database, self.channel).take_over()
        self._bury_what_is_too_old(now)
        return self._may_send(row, now) and self._attempt_first(row, now)

    def _follow_clock(self, now: float) -> None:
        """A clock that was set back must not silence the channel: what is waited for moves with it."""
        back = 0.0 if self._seen is None else self._seen - now
        self._seen = now
        if back > SET_BACK_SECONDS:
            self._waits.clear()
            with self.database.transaction() as tx:
                outbox_channel_store.bring_forward(tx, self.channel.name, back)
                outbox_attempt_store.bring_forward(tx, self.channel.name, back)

    def _recover(self) -> None:
        with self.database.transaction() as tx:
            outbox_attempt_store.recover(tx, self.channel.name)
        self._claims_left = False

    def _may_send(self, row: ChannelRow, now: float) -> bool:
        if row.blocked_at is not None:
            self._look_for_repair()
            return False
        if row.wait_until is not None and now < row.wait_until:
            return False
        # As above: nor what was sent just before the clock was set back.
        return self._sent_at is None or not 0 <= now - self._sent_at < self.channel.spacing

    def _look_for_repair(self) -> None:
        if self.channel.credentials_stamp() == self._stamp:
            return
        with self.database.transaction() as tx:
            outbox_channel_store.try_again(tx, self.channel.name)

    def _attempt_first(self, row: ChannelRow, now: float) -> bool:
        """The first delivery, in order of importance, that is to send now."""
        with self.database.reading() as connection:
            found = outbox_store.due(connection, self.channel.name, now, LOOKED_AT)
        for delivery in found:
            if self._waiting(delivery, now):
                continue
            notice = self._notice(delivery, row)
            decision = self.channel.decide(notice, now)
            if decision.sends:
                return self._attempt(delivery, notice, row)
            self._put_off(delivery, decision)
        return False

    def _waiting(self, delivery: Delivery, now: float) -> bool:
        newest, until = self._waits.get(delivery.id, (0, 0.0))
        return newest == delivery.newest and now < until

    def _put_off(self, delivery: Delivery, decision: Decision) -> None:
        """A short wait is remembered here; one until the next refresh, or for ever, in the database."""
        if decision.owes:
            self._waits[delivery.id] = (delivery.newest, decision.until or 0.0)
            return
        refresh = decision.verdict is Verdict.WAIT and decision.reason is Reason.REFRESH
        state = DeliveryState.TOLD if refresh else DeliveryState.DONE
        self._waits.pop(delivery.id, None)
        with self.database.transaction() as tx:
            outbox_attempt_store.rest(tx, delivery, state, decision.until or 0.0)

    def _notice(self, delivery: Delivery, row: ChannelRow) -> Notice:
        with self.database.reading() as connection:
            untold = untold_store.untold(connection, delivery, self.channel.wants)
            number = delivery.incident_id
            incident = None if number is None else incident_store.get(connection, number)
            resolution = None if number is None else untold_store.resolution(connection, number)
        return Notice(
            key=f"{row.installation}/{delivery.subject}/{delivery.through}",
            subject=delivery.subject,
            rows=untold.rows,
            newest=delivery.newest,
            incident=incident,
            left_out=untold.left_out,
            actions=() if number is None else self._actions_of(number),
            resolution=resolution,
            receipt=delivery.receipt,
            uncertain=delivery.uncertain,
            first_attempt_at=delivery.first_attempt_at,
        )

    def _actions_of(self, incident_id: int) -> tuple[RunningAction, ...]:
        return tuple(action for action in self.actions() if action.incident_id == incident_id)

    def _attempt(self, delivery: Delivery, notice: Notice, row: ChannelRow) -> bool:
        # Until the outcome is stored, this claim may stand for an effect that we do not know of; and when its
        # commit fails, it may stand all the same.
        self._claims_left = True
        with self.database.transaction() as tx:
            claimed = outbox_attempt_store.claim(tx, delivery, self.clock())
        if not claimed:
            return False
        self._stamp = self.channel.credentials_stamp()
        self.at_moment(Moment.BEFORE_SEND)
        attempt = self._delivered(notice)
        self.at_moment(Moment.SENT)
        self._sent_at = self.clock()
        self._settle(replace(delivery, attempts=delivery.attempts + 1), notice, attempt, row)
        self._claims_left = False
        self.counts[attempt.outcome] += 1
        return True

    def _delivered(self, notice: Notice) -> Attempt:
        try:
            return self.channel.deliver(notice, self.clock())
        except Exception as error:
            structlog.get_logger().exception("a channel failed", channel=self.channel.name)
            return replace(unknown(f"{type(error).__name__} inside Showcall"), whole_channel=False)

    def _settle(self, delivery: Delivery, notice: Notice, attempt: Attempt, row: ChannelRow) -> None:
        if attempt.outcome is Outcome.DELIVERED:
            self._settle_delivered(delivery, notice, attempt)
        else:
            self._settle_failed(delivery, attempt, row)

    def _settle_delivered(self, delivery: Delivery, notice: Notice, attempt: Attempt) -> None:
        now = self.clock()
        through = delivery.through if attempt.through is None else attempt.through
        self._waits.pop(delivery.id, None)
        with self.database.transaction() as tx:
            since = untold_store.since_of(tx, delivery, through, now)
            outbox_attempt_store.settle_delivered(
                tx, delivery, attempt.receipt or notice.receipt, through=through, since=since, now=now
            )
            outbox_channel_store.try_again(tx, self.channel.name)

    def _settle_failed(self, delivery: Delivery, attempt: Attempt, row: ChannelRow) -> None:
        now, name = self.clock(), self.channel.name
        whole = attempt.whole_channel
        failures = row.failures if whole else delivery.attempts - 1
        later = now + pause(failures, self.jitter()) if attempt.not_before is None else attempt.not_before
        self._say(delivery, attempt, later, first=failures == 0)
        with self.database.transaction() as tx:
            outbox_attempt_store.settle_failed(
                tx,
                delivery,
                attempt.reason,
                uncertain=delivery.uncertain or attempt.outcome is Outcome.UNKNOWN,
                not_before=0.0 if whole else later,
                receipt=attempt.receipt,
            )
            if attempt.outcome is not Outcome.PERMANENT:
                if whole:
                    outbox_channel_store.hold(tx, name, later, attempt.reason)
            elif whole:
                outbox_channel_store.block(tx, name, attempt.reason, now)
            else:
                outbox_attempt_store.bury(tx, delivery, attempt.reason)

    def _say(self, delivery: Delivery, attempt: Attempt, later: float, *, first: bool) -> None:
        log = structlog.get_logger().bind(
            channel=self.channel.name, subject=delivery.subject, reason=attempt.reason
        )
        if attempt.outcome is Outcome.PERMANENT:
            log.error("a message was refused for good", whole_channel=attempt.whole_channel)
        elif first:
            log.warning("a message was not delivered yet", outcome=attempt.outcome.value, again_at=later)

    def _bury_what_is_too_old(self, now: float) -> None:
        if self._buried_at is not None and 0 <= now - self._buried_at < BURY_EVERY:
            return
        self._buried_at = now
        with self.database.reading() as connection:
            found = outbox_store.overdue(connection, self.channel.name, now - TIME_TO_LIVE)
        for delivery in found:
            self._give_up(delivery, now)

    def _give_up(self, delivery: Delivery, now: float) -> None:
        """Rows that are too old are not told; an incident that was begun, or has news, still gets a word."""
        with self.database.transaction() as tx:
            through, number = untold_store.too_old(tx, delivery, now - TIME_TO_LIVE)
            if number == 0:
                return
            if delivery.receipt or through < delivery.newest:
                since = untold_store.since_of(tx, delivery, through, now)
                outbox_attempt_store.leave_out(tx, delivery, through, number, since)
            else:
                outbox_attempt_store.bury(tx, delivery, _given_up(delivery))
        structlog.get_logger().error(
            "not delivered within a day", channel=self.channel.name, subject=delivery.subject, rows=number
        )


def _given_up(delivery: Delivery) -> str:
    return "not delivered within 24 h" + (f": {delivery.reason}" if delivery.reason else "")
