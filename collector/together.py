"""Looks at several targets by one thread: all are asked at once, each answer is taken as it comes.

Waking up a thread for every target costs as much as a page of some hundred series. Nobody waits for anybody
else here: nothing blocks, and who takes long to answer is left to a thread of its own.
"""

import select
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

PATIENCE_SECONDS = 0.1
"""How long answers are waited for together."""


class Arrival(StrEnum):
    """How much of an answer is there. ``other``: what is there can be read by waiting for it alone."""

    WHOLE = "whole"
    AWAITED = "awaited"
    OTHER = "other"


class Asked(Protocol):
    """One look."""

    def ask(self) -> int | None:
        """Send the question; the descriptor that the answer comes by, None where it cannot be sent ahead."""

    def arrived(self) -> Arrival:
        """Take what has come, without waiting; the look can go on at once when it is whole."""


Look = TypeVar("Look", bound=Asked)


def look_together(
    looks: Sequence[Look], go_on: Callable[[Look], None], leave: Callable[[Look], None]
) -> None:
    """Ask all; ``go_on`` with each whose answer is whole, ``leave`` the others to somebody who can wait."""
    waiting: dict[int, Look] = {}
    poll = select.poll()
    for look in looks:
        descriptor = look.ask()
        if descriptor is None:
            leave(look)
        else:
            waiting[descriptor] = look
            poll.register(descriptor, select.POLLIN)
    end = time.monotonic() + PATIENCE_SECONDS
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(1000.0 * left):
            arrival = waiting[descriptor].arrived()
            if arrival is not Arrival.AWAITED:
                poll.unregister(descriptor)
                (go_on if arrival is Arrival.WHOLE else leave)(waiting.pop(descriptor))
    for look in waiting.values():
        leave(look)
