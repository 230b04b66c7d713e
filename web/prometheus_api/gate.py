"""Interactive queries are bounded, so that a rule is never late: one at a time per caller, few in all."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from web.prometheus_api.failure import ApiError, ErrorType


class QueryGate:
    """Lets callers in one by one.

    Args:
        together: how many callers at once.
        patience: seconds that a query waits for its turn.
        give_way: returns when nothing that goes first is at work.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        together: int = 2,
        patience: float = 10.0,
        give_way: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._together, self._patience, self._clock = together, patience, clock
        self._give_way = give_way
        self._change = threading.Condition()
        self._running: set[str] = set()

    @contextmanager
    def turn(self, caller: str, seconds: float) -> Iterator[Callable[[], bool]]:
        """This caller's turn, for as long as the block lasts.

        Args:
            seconds: for waiting and asking together. The block is given what says whether any are left.

        Raises:
            ApiError: the turn did not come in time.
        """
        deadline = self._clock() + seconds
        with self._change:
            if not self._change.wait_for(
                lambda: self._is_free_for(caller), timeout=min(seconds, self._patience)
            ):
                raise ApiError(ErrorType.TIMEOUT, "query timed out in query queue")
            self._running.add(caller)
        try:
            yield lambda: self._goes_on(deadline)
        finally:
            with self._change:
                self._running.discard(caller)
                self._change.notify_all()

    def _goes_on(self, deadline: float) -> bool:
        self._give_way()
        return self._clock() < deadline

    def _is_free_for(self, caller: str) -> bool:
        return caller not in self._running and len(self._running) < self._together
