"""The attempts to deliver, in SQL: claimed before anything is sent, settled after.

A claim is a conditional UPDATE that is committed before anything is sent: one that is found after a crash
means that the attempt may have taken effect.
"""

import json

from sqlalchemy import Connection, func

from alerts.delivery import Delivery, DeliveryState
from alerts.outbox import Receipt
from alerts.outbox_store import deliveries, unsettled


def claim(tx: Connection, delivery: Delivery, now: float) -> bool:
    """Take a delivery for one attempt; False when somebody else has it or it has moved on."""
    taken = tx.execute(
        deliveries.update()
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.claimed_at.is_(None),
            deliveries.c.through == delivery.through,
            unsettled(),
        )
        .values(
            claimed_at=now,
            attempts=deliveries.c.attempts + 1,
            first_attempt_at=func.coalesce(deliveries.c.first_attempt_at, now),
        )
    )
    return taken.rowcount == 1


def recover(tx: Connection, name: str) -> int:
    """Claims that nobody works on any more may have taken effect: the next attempt looks for it first.

    Returns:
        How many there were.
    """
    left = tx.execute(
        deliveries.update()
        .where(deliveries.c.channel == name, deliveries.c.claimed_at.is_not(None))
        .values(claimed_at=None, uncertain=True)
    )
    return left.rowcount


def settle_delivered(
    tx: Connection, delivery: Delivery, receipt: Receipt, *, through: int, since: float, now: float
) -> None:
    """An attempt was delivered: the receipt, and how far it got."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(
            receipt=json.dumps(receipt, ensure_ascii=False),
            through=through,
            since=since,
            sent_at=now,
            attempts=0,
            not_before=0.0,
            reason="",
            uncertain=False,
            claimed_at=None,
        )
    )


def settle_failed(
    tx: Connection,
    delivery: Delivery,
    reason: str,
    *,
    uncertain: bool,
    not_before: float,
    receipt: Receipt | None,
) -> None:
    """An attempt failed, or nobody knows; ``not_before`` 0 when the channel as a whole waits."""
    values: dict[str, object] = {
        "reason": reason,
        "uncertain": uncertain,
        "not_before": not_before,
        "claimed_at": None,
    }
    if receipt is not None:
        values["receipt"] = json.dumps(receipt, ensure_ascii=False)
    tx.execute(deliveries.update().where(deliveries.c.id == delivery.id).values(**values))


def bring_forward(tx: Connection, name: str, seconds: float) -> None:
    """What a channel's deliveries wait for comes so much earlier."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.channel == name)
        .values(not_before=deliveries.c.not_before - seconds)
    )


def rest(tx: Connection, delivery: Delivery, state: DeliveryState, not_before: float) -> None:
    """Nothing is owed now: ``told`` until the message is due for a refresh, or ``done``. News overrule it."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id, deliveries.c.newest == delivery.newest)
        .values(state=state.value, not_before=not_before, through=delivery.newest)
    )


def bury(tx: Connection, delivery: Delivery, reason: str) -> None:
    """A dead letter: it stays, with its reason, and nothing more is tried."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(state=DeliveryState.DEAD.value, reason=reason, claimed_at=None, through=deliveries.c.newest)
    )


def leave_out(tx: Connection, delivery: Delivery, through: int, rows: int, since: float) -> None:
    """Rows up to ``through`` are too old to be told one by one; the message itself is still owed."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(
            through=through,
            left_out=deliveries.c.left_out + rows,
            since=since,
            reason=f"{rows} timeline rows were too old to be sent",
        )
    )
