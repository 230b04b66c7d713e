"""Interactive queries are bounded, so that a rule is never late: one at a time per caller, few in all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from web.prometheus_api.failure import ApiError, ErrorType


class QueryGate:
    """Lets callers in one by one.

    Args:
        together: how many callers at once.
        patience: seconds that a query waits for its turn.
    """

    def __init__(self, together: int = 2, patience: float = 10.0) -> None:
        self._together, self._patience = together, patience
        self._change = threading.Condition()
        self._running: set[str] = set()

    @contextmanager
    def turn(self, caller: str, patience: float | None = None) -> Iterator[None]:
        """This caller's turn, for as long as the block lasts.

        Raises:
            ApiError: it did not come in time.
        """
        wait = self._patience if patience is None else min(patience, self._patience)
        with self._change:
            if not self._change.wait_for(lambda: self._is_free_for(caller), timeout=wait):
                raise ApiError(ErrorType.TIMEOUT, "query timed out in query queue")
            self._running.add(caller)
        try:
            yield
        finally:
            with self._change:
                self._running.discard(caller)
                self._change.notify_all()

    def _is_free_for(self, caller: str) -> bool:
        return caller not in self._running and len(self._running) < self._together
