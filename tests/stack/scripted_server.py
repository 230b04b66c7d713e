"""A tiny HTTP server whose every answer a test scripts: late, cut off, malformed, closing, or just right."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """A request as it came; ``number`` counts from 1 over the whole server, ``connection`` likewise."""

    number: int
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to do with a request.

    ``delay`` waits before answering, ``drip`` before each byte of the body; ``reset`` aborts instead;
    ``raw`` is sent as it stands; ``announce_close`` says so in a header; ``then_close`` closes silently.
    """

    status: int = 200
    body: bytes = b"{}"
    delay: float = 0.0
    drip: float = 0.0
    reset: bool = False
    raw: bytes | None = None
    announce_close: bool = False
    then_close: bool = False


def of_json(value: object, status: int = 200, delay: float = 0.0) -> Reply:
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), delay)


Script = Callable[[Seen], Reply]


@dataclass
class ScriptedServer:
    """Answers by ``script``; keeps what it saw."""

    script: Script
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer, connection):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Seen(len(self.seen) + 1, connection, method, path, headers, body)
        self.seen.append(request)
        return await self._reply(self.script(request), writer)

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(reply.delay)
        if reply.reset:
            writer.transport.abort()
            return False
        if reply.raw is not None:
            writer.write(reply.raw)
            return not reply.then_close
        close = "Connection: close\r\n" if reply.announce_close else ""
        writer.write(
            f"HTTP/1.1 {reply.status} x\r\n{close}Content-Length: {len(reply.body)}\r\n\r\n".encode()
        )
        for byte in reply.body if reply.drip else ():
            await asyncio.sleep(reply.drip)
            writer.write(bytes([byte]))
        if not reply.drip:
            writer.write(reply.body)
        return not (reply.then_close or reply.announce_close)


@contextlib.asynccontextmanager
async def serving(script: Script) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(script)
    listening = await asyncio.start_server(server._serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@contextlib.contextmanager
def threaded(script: Script) -> Iterator[int]:
    """The scripted server on a thread of its own; yields its port."""
    loop, ports, done = asyncio.new_event_loop(), [0], asyncio.Event()
    started = threading.Event()

    async def run() -> None:
        async with serving(script) as server:
            ports[0] = server.port
            started.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(5)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(5)
