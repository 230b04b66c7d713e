"""A bounded number of threads that take jobs in the order they come."""

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Job: TypeAlias = Callable[[], None]
Inbox: TypeAlias = "SimpleQueue[Job | None]"


class Workers:
    """Threads are started when a job finds none idle, up to the limit. A job must not raise.

    The thread that was idle for the shortest time takes the next job: what it works with is still near the
    processor. They are daemons: one that hangs in a call we cannot end does not keep the process from ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle: list[Inbox] = []
        self._inboxes: list[Inbox] = []

    @property
    def count(self) -> int:
        """Threads started so far."""
        return len(self._threads)

    def submit(self, job: Job) -> None:
        """Hand over a job; it waits when all threads are busy."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(job)
            elif len(self._threads) < self._limit:
                self._start(job)
            else:
                self._waiting.append(job)

    def stop(self, timeout: float) -> bool:
        """Let threads end after the jobs they have; whether all did within ``timeout`` seconds."""
        end = time.monotonic() + timeout
        for inbox in self._inboxes:
            inbox.put(None)
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, job: Job) -> None:
        inbox: Inbox = SimpleQueue()
        inbox.put(job)
        name = f"scrape-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, args=(inbox,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
            # The system gives no more threads now: one of those that there are takes the job.
            self._waiting.append(job)
        else:
            self._threads.append(thread)
            self._inboxes.append(inbox)

    def _work(self, inbox: Inbox) -> None:
        job = inbox.get()
        while job is not None:
            job()
            job = self._next(inbox) or inbox.get()

    def _next(self, inbox: Inbox) -> Job | None:
        """A job that waits; without any the thread is idle from now on."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
            return None
