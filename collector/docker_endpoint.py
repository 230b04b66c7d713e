"""Where a Docker daemon listens: a unix socket, or a host and port over plain HTTP."""

import errno
import http.client
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from collector.bounded_socket import BoundedSocket, connect
from collector.deadline import Deadline
from collector.failures import wire_error
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import ScrapeError

Place: TypeAlias = str | tuple[str, int]
"""What a socket of the endpoint's family connects to."""

Address: TypeAlias = tuple[socket.AddressFamily, Place]

REFUSALS = {401: ErrorKind.AUTH, 403: ErrorKind.AUTH, 404: ErrorKind.GONE}


@dataclass(frozen=True, slots=True)
class DockerEndpoint:
    """A daemon, or what stands in front of it. ``path`` wins over ``host`` and ``port``."""

    path: Path | None
    host: str = ""
    port: int = 0

    @property
    def where(self) -> str:
        """For people."""
        return str(self.path) if self.path else f"{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """As the Docker SDK wants it."""
        return f"unix://{self.path.absolute()}" if self.path else f"tcp://{self.where}"

    @property
    def host_header(self) -> str:
        """What requests are addressed to; a name of no meaning over a unix socket."""
        return "docker" if self.path else self.where

    def open(self, resolver: Resolver, deadline: Deadline) -> BoundedSocket:
        """Connect, within the deadline. Raises OSError."""
        if self.path is None:
            return connect(resolver.resolve(self.host, self.port, deadline), deadline)
        sock = BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.deadline = deadline
        try:
            sock.settimeout(deadline.left())
            sock.connect(str(self.path))
        except OSError:
            sock.close()
            raise
        return sock

    def explain(self, error: BaseException, deadline: Deadline) -> ScrapeError:
        """An error of a socket or of ``http.client`` in kinds and in words."""
        if isinstance(error, FileNotFoundError):
            text = f"there is no socket {self.path} (does Docker run? is `socket` right?)"
            return ScrapeError(ErrorKind.GONE, text)
        if isinstance(error, PermissionError):
            text = (
                f"not allowed to open {self.path} (put Showcall's user into the group that owns the socket)"
            )
            return ScrapeError(ErrorKind.AUTH, text)
        if self.path and isinstance(error, OSError) and error.errno in (errno.EPROTOTYPE, errno.ENOTSOCK):
            return ScrapeError(ErrorKind.REFUSED, f"{self.path} is not a socket that Docker listens on")
        return wire_error(error, self.where, self.host, deadline)


def begin_connecting(family: socket.AddressFamily, place: Place) -> socket.socket:
    """A socket on its way to a place; it can be written to when it has arrived. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.connect(place)
    except BlockingIOError as error:
        if error.errno != errno.EINPROGRESS:  # a unix socket's queue is full
            sock.close()
            raise
    except OSError:
        sock.close()
        raise
    return sock


def refusal(status: int, body: bytes, path: str) -> ScrapeError:
    """What the daemon, or a proxy before it, answered instead of what was asked for (gone: 404)."""
    said = http.client.responses.get(status, "")
    more = body.decode("utf-8", "replace").strip()[:160]
    hint = " (a socket proxy must allow it)" if status in (401, 403) else ""
    text = f"{path} was answered with {status} {said}{hint}"
    kind = REFUSALS.get(status, ErrorKind.HTTP_STATUS)
    return ScrapeError(kind, f"{text}: {more}" if more else text)
