"""The few words of the Redis protocol (RESP2) that asking for a text needs, bounded in time and size."""

import contextlib
import io

from collector.bounded_socket import BoundedSocket, is_idle
from collector.deadline import Deadline
from collector.round import ErrorKind
from collector.source import ScrapeError

MAX_LINE_BYTES = 4096
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
        self._sock.deadline = deadline
        self._sock.sendall(_encoded(words))
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode("utf-8", "replace")
        if kind == b"-":
            raise _refused(words[0], rest.decode("utf-8", "replace"))
        if kind == b"$" and rest.isdigit():
            return self._bulk(int(rest))
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"does not speak Redis' protocol: it answered {line[:40]!r}")

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._reader.close()
            self._sock.close()

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
