"""Many answers that never end, read by one thread.

The SDK's own ``stats(stream=True)`` blocks a thread for each container and waits for headers that a daemon
may hold back until the first message; 500 containers would be 500 threads. Here the sockets wait together in
one selector, however many there are.
"""

import contextlib
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from collector.deadline import Deadline
from collector.docker_endpoint import Address, DockerEndpoint, begin_connecting
from collector.docker_lines import LineFeed
from collector.failures import WIRE_ERRORS
from collector.round import ErrorKind
from collector.source import ScrapeError

RECEIVE_BYTES = 64 * 1024
LINE_LIMIT = 1024 * 1024
OPENS_PER_TURN = 32
TURN_SECONDS = 1.0
HEAD_SECONDS = 10.0  # a daemon may keep the headers back until there is something to say
SILENCE_SECONDS = 15.0
RETRY_SECONDS = 5.0
QUEUE_FULL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is wanted: ``path`` with its query; ``silent`` ones may say nothing for long."""

    path: str
    silent: bool = False


@dataclass(slots=True)
class _Open:
    """A connection: bytes that are not sent yet, and when it was last heard of (monotonic seconds)."""

    key: str
    stream: Stream
    sock: socket.socket
    feed: LineFeed
    unsent: bytes
    heard: float


@dataclass(slots=True)
class _Wanted:
    """What the other threads ask for."""

    address: Address | None = None
    streams: Mapping[str, Stream] = field(default_factory=dict)


class StreamLoop:
    """The thread.

    Args:
        endpoint: for messages and headers.
        take: given each line, with the key of its stream; on the loop's thread, so it must be quick.
        began: told when a stream is answered with status 200.
        ended: told when a stream ends, with what was wrong or None at a plain end. It is opened again after
            a while, as long as it is wanted.
    """

    def __init__(
        self,
        endpoint: DockerEndpoint,
        take: Callable[[str, bytes], None],
        began: Callable[[str], None],
        ended: Callable[[str, ScrapeError | None], None],
    ) -> None:
        self._endpoint, self._take, self._began, self._ended = endpoint, take, began, ended
        self._wanted = _Wanted()
        self._stopping = self._ended_for_good = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._open: dict[str, _Open] = {}
        self._not_before: dict[str, float] = {}
        self._followed = self._wanted
        self._due = self._sweep_at = 0.0
        self._thread = threading.Thread(target=self._run, name="docker-streams", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Close everything; waits for the thread at most so many seconds."""
        self._stopping = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return not self._ended_for_good

    def want(self, address: Address, streams: Mapping[str, Stream]) -> None:
        """From now on these streams, by key; others are closed."""
        if address == self._wanted.address and streams == self._wanted.streams:
            return
        self._wanted = _Wanted(address, dict(streams))
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # a full pipe will wake the thread as well
            self._bell.send(b"!")

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        except Exception:  # it must be seen; the streams then fall silent, which every look notices
            structlog.get_logger().exception("docker.streams.fault")
        finally:
            self._ended_for_good = True
            for each in list(self._open.values()):
                self._drop(each)
            self._selector.close()
            self._bell.close()
            self._ear.close()

    def _turn(self) -> None:
        now = time.monotonic()
        if self._wanted is not self._followed or now >= self._due:
            self._follow(self._wanted, now)
        until = min(self._due, self._sweep_at)
        for ready, mask in self._selector.select(None if until == math.inf else max(until - now, 0.0)):
            if ready.data is None:
                with contextlib.suppress(OSError):
                    self._ear.recv(4096)
            elif mask & selectors.EVENT_WRITE:
                self._guarded(ready.data, self._send)
            else:
                self._guarded(ready.data, self._receive)
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep(now)

    def _follow(self, wanted: _Wanted, now: float) -> None:
        """Open and close what is asked for, a few at a time; says in ``_due`` when there is more to do."""
        self._followed = wanted
        for each in [each for key, each in self._open.items() if key not in wanted.streams]:
            self._drop(each)
        missing = [key for key in wanted.streams if key not in self._open]
        self._not_before = {key: at for key, at in self._not_before.items() if key in missing}
        ready = [key for key in missing if self._not_before.get(key, 0.0) <= now]
        if wanted.address is not None:
            for key in ready[:OPENS_PER_TURN]:
                self._begin(key, wanted.streams[key], wanted.address, now)
        more = [now] if len(ready) > OPENS_PER_TURN else list(self._not_before.values())
        self._due = min(more, default=math.inf)

    def _begin(self, key: str, stream: Stream, address: Address, now: float) -> None:
        self._not_before.pop(key, None)
        try:
            sock = begin_connecting(*address)
        except BlockingIOError:
            self._not_before[key] = now + QUEUE_FULL_SECONDS
        except OSError as error:
            self._not_before[key] = now + RETRY_SECONDS
            self._ended(key, self._explained(error))
        else:
            request = f"GET {stream.path} HTTP/1.1\r\nHost: {self._endpoint.host_header}\r\n\r\n".encode()
            feed = LineFeed(stream.path.partition("?")[0], LINE_LIMIT, lambda line: self._take(key, line))
            opened = self._open[key] = _Open(key, stream, sock, feed, request, now)
            self._selector.register(sock, selectors.EVENT_WRITE, opened)
            self._sweep_at = min(self._sweep_at, now + HEAD_SECONDS)

    def _guarded(self, each: _Open, work: Callable[[_Open], None]) -> None:
        try:
            work(each)
        except BlockingIOError:
            return
        except ScrapeError as error:
            self._end(each, error, RETRY_SECONDS)
        except WIRE_ERRORS as error:
            self._end(each, self._explained(error), RETRY_SECONDS)

    def _send(self, each: _Open) -> None:
        wrong = each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if wrong:
            raise OSError(wrong, "connecting")
        each.unsent = each.unsent[each.sock.send(each.unsent) :]
        if not each.unsent:
            self._selector.modify(each.sock, selectors.EVENT_READ, each)

    def _receive(self, each: _Open) -> None:
        data = each.sock.recv(RECEIVE_BYTES)
        each.heard = time.monotonic()
        if data:
            headless = each.feed.status == 0
            each.feed.feed(data)
            if headless and each.feed.status == 200:
                self._began(each.key)
        if not data or each.feed.ended:
            refused = each.feed.refused()
            self._end(each, refused, RETRY_SECONDS if refused else TURN_SECONDS)

    def _sweep(self, now: float) -> None:
        """End streams that have been silent for too long; says in ``_sweep_at`` when the next may be."""
        self._sweep_at = math.inf
        for each in list(self._open.values()):
            headless = each.feed.status == 0
            if each.stream.silent and not headless:
                continue
            allowed = HEAD_SECONDS if headless else SILENCE_SECONDS
            if now - each.heard < allowed:
                self._sweep_at = min(self._sweep_at, each.heard + allowed)
            else:
                path = each.stream.path.partition("?")[0]
                text = f"{path}: nothing came for {allowed:g} s"
                self._end(each, ScrapeError(ErrorKind.TIMEOUT, text), RETRY_SECONDS)

    def _end(self, each: _Open, error: ScrapeError | None, pause: float) -> None:
        self._drop(each)
        again = self._not_before[each.key] = time.monotonic() + pause
        self._due = min(self._due, again)
        self._ended(each.key, error)

    def _drop(self, each: _Open) -> None:
        del self._open[each.key]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(each.sock)
        each.sock.close()

    def _explained(self, error: BaseException) -> ScrapeError:
        return self._endpoint.explain(error, Deadline(0.0, HEAD_SECONDS))
