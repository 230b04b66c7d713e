"""Remote write as a whole: rows in, a durable queue, requests out, and how it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from metrics.disk.pushes import Push
from metrics.disk.rows import Row
from metrics.remote.endpoint import Endpoint
from metrics.remote.folder import Folder
from metrics.remote.http_call import Caller
from metrics.remote.intake import Bounds, Intake
from metrics.remote.sender import Pace, Sender


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """How sending does.

    Attributes:
        trouble: why nothing is acknowledged, or why nothing can be queued; empty when all is well.
        since: when the remote's trouble began, Unix seconds.
        behind: seconds between the newest sample and the first that waits.
        sent: samples acknowledged; ``lost``: samples that are not at the remote, by reason.
        requests: by their outcome.
        damaged: pieces of the queue that could not be read.
    """

    host: str
    alive: bool
    trouble: str
    since: float | None
    queue_bytes: int
    behind: float
    sent: int
    sent_bytes: int
    lost: Mapping[str, int]
    requests: Mapping[str, int]
    damaged: int


class RemoteWrite:
    """Sends every row that the store keeps. Raises OSError when the queue's folder cannot be used."""

    def __init__(
        self, endpoint: Endpoint, folder: Path, bounds: Bounds, pace: Pace, clock: Callable[[], float]
    ) -> None:
        self._host = endpoint.host
        self._folder = Folder(folder)
        self._intake = Intake(self._folder, bounds, clock)
        self._sender = Sender(self._folder, Caller(endpoint), pace, clock)

    def write(self, row: Row, ids: tuple[int, ...]) -> None:
        """Take a row of the store; never waits for a disk or a network, never raises."""
        self._intake.write(row, ids)

    def push(self, push: Push) -> None:
        """Take samples with times of their own; the same."""
        self._intake.push(push)

    def start(self) -> None:
        """Begin to write and to send."""
        self._intake.start()
        self._sender.start()

    def stop(self, within: float) -> None:
        """Put what came last into the queue, and end; what waits is sent after the next start."""
        self._intake.stop(within)
        self._sender.stop(within)

    def acknowledged_until(self) -> float | None:
        """Up to which time (Unix seconds) the remote has everything; None when that is not known."""
        return self._sender.numbers.acknowledged_until

    def status(self) -> WriteStatus:
        """How it does now."""
        trouble, numbers, lost = self._sender.trouble, self._sender.numbers, self._intake.lost
        reason = self._intake.trouble or ("" if trouble is None else trouble.reason)
        return WriteStatus(
            host=self._host,
            alive=self._intake.alive and self._sender.alive,
            trouble=reason,
            since=None if trouble is None else trouble.since,
            queue_bytes=self._folder.waiting_bytes(),
            behind=self._behind(),
            sent=numbers.sent,
            sent_bytes=numbers.bytes,
            lost={
                "refused": numbers.refused,
                "out_of_order": numbers.out_of_order,
                "memory": lost.memory,
                "size": lost.size,
                "age": lost.age,
            },
            requests=dict(numbers.requests),
            damaged=self._sender.outflow.damaged,
        )

    def _behind(self) -> float:
        newest, oldest = self._intake.newest_at, self._sender.oldest_waiting
        return 0.0 if newest is None or oldest is None else max(0.0, newest - oldest)
