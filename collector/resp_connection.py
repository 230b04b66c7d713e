"""The few words of the Redis protocol (RESP2) that asking for a text needs, bounded in time and size."""

import contextlib
import io
from typing import TypeAlias

from collector.bounded_socket import BoundedSocket, is_idle
from collector.deadline import Deadline
from collector.round import ErrorKind
from collector.source import ScrapeError

Reply: TypeAlias = "str | int | list[Reply] | None"
"""An answer: text, number, array, nothing."""

MAX_LINE_BYTES = 4096
MAX_DEPTH = 3
MAX_ITEMS = 1000
AUTH_ERRORS = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED")
BUSY_ERRORS = ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN")


class RespConnection:
    """One connection to a Redis or Valkey.

    Args:
        sock: connected.
        limit: bytes that one answer may have.
    """

    def __init__(self, sock: BoundedSocket, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._reader: io.BufferedReader = sock.makefile("rb")

    def is_idle(self) -> bool:
        """Whether it can serve another command."""
        return is_idle(self._sock)

    def command(self, deadline: Deadline, *words: str) -> str:
        """Send a command and read a text or status answer.

        Raises ScrapeError (auth, unavailable, too_large, bad_format), ConnectionResetError when the other
        side closes before a whole answer, and what the socket raises.
        """
        reply = self._exchange(deadline, words, depth=0)
        if isinstance(reply, str):
            return reply
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"does not speak Redis' protocol: it answered {reply!r}")

    def ask(self, deadline: Deadline, *words: str) -> Reply:
        """As ``command``, for answers of any form; arrays may stand in arrays, three deep."""
        return self._exchange(deadline, words, MAX_DEPTH)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._reader.close()
            self._sock.close()

    def _exchange(self, deadline: Deadline, words: tuple[str, ...], depth: int) -> Reply:
        self._sock.deadline = deadline
        self._sock.sendall(_encoded(words))
        return self._reply(words[0], depth)

    def _reply(self, command: str, depth: int) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode("utf-8", "replace")
        if kind == b"-":
            raise _refused(command, rest.decode("utf-8", "replace"))
        if kind == b"$" and rest.isdigit():
            return self._bulk(int(rest))
        if kind == b"*" and rest.isdigit() and depth and int(rest) <= MAX_ITEMS:
            return [self._reply(command, depth - 1) for _ in range(int(rest))]
        if depth and kind in {b"$", b"*"} and rest == b"-1":
            return None
        if depth and kind == b":" and rest.removeprefix(b"-").isdigit():
            return int(rest)
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"does not speak Redis' protocol: it answered {line[:40]!r}")

    def _line(self) -> bytes:
        line = self._reader.readline(MAX_LINE_BYTES)
        if not line:
            raise ConnectionResetError
        if not line.endswith(b"\n"):
            raise ScrapeError(ErrorKind.BAD_FORMAT, f"answer cut short or not Redis': {line[:40]!r}")
        return line.rstrip(b"\r\n")

    def _bulk(self, size: int) -> str:
        if size > self._limit:
            raise ScrapeError(ErrorKind.TOO_LARGE, f"answer of {size:,} bytes, over {self._limit:,}")
        body = self._reader.read(size + 2)
        if len(body) < size + 2:
            text = f"the answer ended early, after {len(body)} of {size} bytes"
            raise ScrapeError(ErrorKind.BAD_FORMAT, text)
        return body[:size].decode("utf-8", "replace")


def _encoded(words: tuple[str, ...]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def _refused(command: str, text: str) -> ScrapeError:
    """An error answer; AUTH's own words never hold the password, so they may be shown."""
    code = text.partition(" ")[0]
    if code in AUTH_ERRORS or (command == "AUTH" and code == "ERR"):
        return ScrapeError(ErrorKind.AUTH, f"{text} (check user and password_file)")
    if code in BUSY_ERRORS or "max number of clients" in text:
        return ScrapeError(ErrorKind.UNAVAILABLE, text)
    return ScrapeError(ErrorKind.BAD_FORMAT, f"{command} was refused: {text}")
