"""A bounded number of threads that take jobs in the order they come."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Workers:
    """Threads are started when a job finds none idle, up to the limit. A job must not raise.

    They are daemons: one that hangs in a call we cannot end does not keep the process from ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0

    @property
    def count(self) -> int:
        """Threads started so far."""
        return len(self._threads)

    def submit(self, job: Job) -> None:
        """Hand over a job; it waits when all threads are busy."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self._limit:
                self._start()
        self._jobs.put(job)

    def stop(self, timeout: float) -> bool:
        """Let threads end after the jobs they have; whether all did within ``timeout`` seconds."""
        end = time.monotonic() + timeout
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"scrape-{len(self._threads) + 1}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._idle += 1
