"""Sends the queue: one request at a time, in order, until the remote has acknowledged or refused it."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import cramjam
import structlog

from metrics.remote.answer import Judged, Verdict, judged, pause
from metrics.remote.endpoint import CredentialsError
from metrics.remote.folder import Folder
from metrics.remote.http_call import Caller, CallError
from metrics.remote.outflow import Outflow, Taken, request

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "Showcall",
}
_MOST_OF_ANSWER = 1 << 20
_LOOK_SECONDS = 0.5
"""How often the queue is looked at."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A request is sent with so many samples, or when its first one has waited so many seconds."""

    samples: int = 10_000
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing is acknowledged, and since when (Unix seconds)."""

    reason: str
    since: float


@dataclass(slots=True)
class Numbers:
    """What was done since the start. ``acknowledged_until``: up to which time (Unix seconds)."""

    sent: int = 0
    refused: int = 0
    out_of_order: int = 0
    bytes: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    acknowledged_until: float | None = None


class Sender:
    """Sends what the queue's folder holds, on a thread of its own.

    Args:
        clock: Unix seconds; ``monotonic``: for pauses; ``jitter``: in [0, 1).
    """

    def __init__(
        self,
        folder: Folder,
        caller: Caller,
        pace: Pace,
        clock: Callable[[], float],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._folder, self._caller, self._pace = folder, caller, pace
        self._clock, self._monotonic, self._jitter = clock, monotonic, jitter
        self.outflow = Outflow(folder)
        self._rows: list[Taken] = []
        self._since = 0.0
        self._parts: deque[list[Taken]] = deque()
        self._failures = 0
        self._again_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote-sender", daemon=True)
        self.numbers = Numbers()
        self.trouble: Trouble | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def oldest_waiting(self) -> float | None:
        """The time of the first sample that is known to wait (Unix seconds)."""
        rows = self._rows
        return rows[0].row.at / 1000.0 if rows else None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """End after the present call, or give up waiting after so many seconds; the rest stays queued."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(within)

    def turn(self) -> float:
        """Take what is new, send it when it is time, and say after how many seconds to come again."""
        now = self._monotonic()
        if now < self._again_at:
            return self._again_at - now
        if not self._parts:
            left = self._gather(now)
            if left > 0:
                return left
            self._parts.append(self._rows)
        self._send_parts()
        return max(0.0, self._again_at - self._monotonic())

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wait = self.turn()
            except Exception as error:  # the queue must go on when one turn cannot
                structlog.get_logger().exception("remote.sender.fault")
                self._failed(f"{type(error).__name__} inside Showcall", None)
                wait = self._again_at - self._monotonic()
            if wait > 0:
                self._stop.wait(min(wait, _LOOK_SECONDS))

    def _gather(self, now: float) -> float:
        """Collect rows for a request; 0 when it is to be sent, else after how many seconds to look again."""
        count = sum(len(taken.row.values) for taken in self._rows)
        if not self._rows:
            self._since = now
        if count < self._pace.samples:
            more = self.outflow.take(self._pace.samples - count)
            self._rows.extend(more)
            count += sum(len(taken.row.values) for taken in more)
        if not self._rows:
            return _LOOK_SECONDS
        if count >= self._pace.samples:
            return 0.0
        return max(0.0, self._since + self._pace.seconds - now)

    def _send_parts(self) -> None:
        """Send what is left of the request; a part stays where it is until the remote has answered."""
        while self._parts and not self._stop.is_set():
            part = self._parts[0]
            found = self._sent(part)
            self.numbers.requests[found.verdict.value] += 1
            if found.verdict is Verdict.WAIT:
                self._failed(found.reason, found.wait)
                return
            self._answered(part, found)
            self._parts.popleft()
            if found.verdict is Verdict.REFUSED_FOR_ORDER and len(part) > 1:
                # The remote may have some of it already: the new samples beside them must not be lost.
                half = len(part) // 2
                self._parts.extendleft([part[half:], part[:half]])
        if not self._parts:
            self._settle()

    def _sent(self, part: list[Taken]) -> Judged:
        body = bytes(cramjam.snappy.compress_raw(request(part)))
        try:
            reply = self._caller.post("", body, _HEADERS, _MOST_OF_ANSWER)
        except (CallError, CredentialsError) as error:
            return Judged(Verdict.WAIT, str(error))
        self.numbers.bytes += len(body)
        return judged(reply, self._clock())

    def _answered(self, part: list[Taken], found: Judged) -> None:
        count = sum(len(taken.row.values) for taken in part)
        self._failures, self.trouble = 0, None
        match found.verdict:
            case Verdict.ACKNOWLEDGED:
                self.numbers.sent += count
            case Verdict.REFUSED:
                self.numbers.refused += count
                structlog.get_logger().error("remote.refused", samples=count, reason=found.reason)
            case Verdict.REFUSED_FOR_ORDER if len(part) == 1:
                self.numbers.out_of_order += count

    def _settle(self) -> None:
        last, self._rows = self._rows[-1], []
        self.numbers.acknowledged_until = last.row.at / 1000.0
        # Where the disk does not take it, the next one says it too; until then a kill only sends twice.
        with suppress(OSError):
            self._folder.settle(last.after)

    def _failed(self, reason: str, wait: float | None) -> None:
        self._failures += 1
        if self.trouble is None:
            structlog.get_logger().warning("remote.trouble", reason=reason)
        since = self._clock() if self.trouble is None else self.trouble.since
        self.trouble = Trouble(reason, since)
        self._again_at = self._monotonic() + max(pause(self._failures, self._jitter()), wait or 0.0)
