"""A Docker daemon on a real socket that records what it is asked and fails as it is told to.

One asyncio loop on a thread of its own, so that hundreds of streams cost nothing. Answers are HTTP/1.1; lists
and inspections have a length, streams come in chunks, one message each.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.collector.docker_documents import Document, inspection, line, listed, v2_message

REASONS = {200: "OK", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


@dataclass
class FakeContainer:
    """One container. ``message`` goes out at once to whoever opens its stats."""

    entry: Document
    details: Document
    message: bytes | None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


class FakeDocker:
    """The daemon.

    Attributes:
        requests: ``GET /path`` with its query, in the order they came.
        refused: path -> (status, body) to answer instead; by the end of the path.
        silent: ends of paths that are never answered.
        raw: end of a path -> bytes to send instead of any answer; the connection stays open.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.containers: dict[str, FakeContainer] = {}
        self.requests: list[str] = []
        self.refused: dict[str, tuple[int, bytes]] = {}
        self.silent: set[str] = set()
        self.raw: dict[str, bytes] = {}
        self.version = "1.47"
        self.port = 0
        self.open = 0
        self._events: list[asyncio.StreamWriter] = []
        self._history: list[bytes] = []
        self._clock = 1_700_000_000_000_000_000
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.AbstractServer | None = None
        self._ticking: Future[None] | None = None
        self._all: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def add(self, identity: str, name: str, message: bytes | None = None, **changes: Any) -> None:
        """Another container, without an event; ``details`` among the changes are of its inspection."""
        details = inspection(identity, **changes.pop("details", {}))
        message = line(v2_message()) if message is None else message
        self.containers[identity] = FakeContainer(listed(identity, name, **changes), details, message or None)

    def say(self, identity: str, data: bytes) -> None:
        """A chunk to everyone who reads this container's stats."""
        self._do(lambda: [self._chunk(writer, data) for writer in self.containers[identity].writers])

    def event(self, action: str, identity: str, **changes: Any) -> None:
        """Something happens to a container."""
        self._clock += 1_000_000
        document = {"Type": "container", "Action": action, "Actor": {"ID": identity}, "timeNano": self._clock}
        data = line(document | changes)
        self._history.append(data)
        self._do(lambda: [self._chunk(writer, data) for writer in self._events])

    def end_events(self) -> None:
        """Everyone who reads events is cut off."""
        self._do(lambda: [self._finish(writer) for writer in self._events])

    def remove(self, identity: str) -> None:
        """A container goes as in life: its streams end, an event tells."""
        gone = self.containers.pop(identity)
        self._do(lambda: [self._finish(writer) for writer in gone.writers])
        self.event("destroy", identity)

    def asked(self, part: str) -> int:
        """How many requests had this in them."""
        return sum(part in request for request in list(self.requests))

    def every(self, seconds: float, make: Callable[[str, int], bytes]) -> None:
        """From now on a message to each stream in every period; for benchmarks."""
        self._ticking = asyncio.run_coroutine_threadsafe(self._tick(seconds, make), self._loop)

    def _do(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(5)

    async def _tick(self, seconds: float, make: Callable[[str, int], bytes]) -> None:
        turn = 0
        while True:
            turn += 1
            for identity, container in list(self.containers.items()):
                for writer in container.writers:
                    self._chunk(writer, make(identity, turn))
            await asyncio.sleep(seconds)

    async def _listen(self) -> None:
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._path, backlog=1024)
            return
        self._server = server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._all):
            writer.close()
        if self._ticking is not None:
            self._ticking.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=2)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self._all.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    await self._answer(head.split(b"\r\n")[0].decode(), reader, writer)
        finally:
            self.open -= 1
            self._all.discard(writer)
            writer.close()

    async def _answer(self, request: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = request.split(" ")
        self.requests.append(f"{method} {unquote(target)}")
        url = urlsplit(target)
        path = url.path.removeprefix(f"/v{self.version}")
        for ending in self.silent:
            if path.endswith(ending):
                await reader.read()
        for ending, data in self.raw.items():
            if path.endswith(ending):
                writer.write(data)
                await reader.read()
        for ending, (status, body) in self.refused.items():
            if path.endswith(ending):
                self._whole(writer, status, body)
                return
        await self._route(path, parse_qs(url.query), reader, writer)

    async def _route(
        self,
        path: str,
        query: dict[str, list[str]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        parts = path.strip("/").split("/")
        container = self.containers.get(parts[1]) if len(parts) == 3 else None
        if path == "/_ping":
            self._whole(writer, 200, b"OK", f"Api-Version: {self.version}\r\n")
        elif path == "/containers/json":
            entries = [each.entry for each in self.containers.values() if chosen(each.entry, query)]
            self._whole(writer, 200, json.dumps(entries).encode())
        elif path == "/events":
            await self._tell(query, reader, writer)
        elif container is None:
            self._whole(writer, 404, b'{"message":"No such container"}')
        elif parts[2] == "json":
            self._whole(writer, 200, json.dumps(container.details).encode())
        else:
            await self._stream(container, reader, writer)

    async def _tell(
        self, query: dict[str, list[str]], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._head(writer)
        since = query.get("since")
        for data in self._history if since else []:
            self._chunk(writer, data)
        self._events.append(writer)
        try:
            await reader.read()
        finally:
            self._events.remove(writer)

    async def _stream(
        self, container: FakeContainer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._head(writer)
        if container.message:
            self._chunk(writer, container.message)
        container.writers.append(writer)
        try:
            await reader.read()
        finally:
            container.writers.remove(writer)

    @staticmethod
    def _whole(writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{more}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    @staticmethod
    def _head(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    @staticmethod
    def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    @staticmethod
    def _finish(writer: asyncio.StreamWriter) -> None:
        writer.write(b"0\r\n\r\n")
        writer.close()


def chosen(entry: Document, query: dict[str, list[str]]) -> bool:
    """Whether the list's label filter takes a container."""
    wanted = json.loads(query.get("filters", ["{}"])[0]).get("label", [])
    labels = {*entry["Labels"], *(f"{name}={value}" for name, value in entry["Labels"].items())}
    return labels.issuperset(wanted)


@contextmanager
def docker(path: Path | None) -> Iterator[FakeDocker]:
    """A daemon at a path, or on a TCP port without one."""
    daemon = FakeDocker(path)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()
