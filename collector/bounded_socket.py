"""Sockets whose every wait ends at one deadline, however slowly the other side drips."""

import contextlib
import select
import socket
import ssl
from typing import Any, cast

from collector.deadline import Deadline
from collector.resolver import Address


class BoundedSocket(socket.socket):
    """A TCP socket: each receive and send may take only what is left until ``deadline``."""

    deadline: Deadline

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        return super().recv_into(buffer, nbytes, flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        return super().recv(bufsize, flags)

    def recv_now(self, bufsize: int) -> bytes:
        """What is there already. Raises BlockingIOError without anything."""
        if self.gettimeout() != 0.0:
            self.settimeout(0.0)
        return super().recv(bufsize)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        super().sendall(data, flags)


class BoundedTlsSocket(ssl.SSLSocket):
    """The same over TLS. Python bounds a handshake as a whole, so that needs nothing more."""

    deadline: Deadline

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        return super().recv_into(buffer, nbytes, flags)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        return super().recv(buflen, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As in the base class, bounded."""
        self.settimeout(self.deadline.left())
        super().sendall(data, flags)


def connect(addresses: list[Address], deadline: Deadline) -> BoundedSocket:
    """Connect to the first address that answers; each gets an equal part of what is left.

    Raises the last address's OSError.
    """
    for index, (family, place) in enumerate(addresses):
        sock = BoundedSocket(family, socket.SOCK_STREAM)
        sock.deadline = deadline
        try:
            sock.settimeout(deadline.share(len(addresses) - index).left())
            sock.connect(place)
        except OSError:
            sock.close()
            if index == len(addresses) - 1:
                raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise OSError("no address to connect to")


def start_tls(sock: BoundedSocket, context: ssl.SSLContext, host: str) -> BoundedTlsSocket:
    """Shake hands over a connected socket, with a context of ``collector.tls``.

    Raises ssl.SSLError, TimeoutError and other OSErrors; closes the socket then.
    """
    deadline = sock.deadline
    try:
        sock.settimeout(deadline.left())
        wrapped = cast("BoundedTlsSocket", context.wrap_socket(sock, server_hostname=host))
    except OSError:
        with contextlib.suppress(OSError):
            sock.close()
        raise
    wrapped.deadline = deadline
    return wrapped


def is_idle(sock: socket.socket) -> bool:
    """Whether a kept connection is still open and silent; closed ones and ones with stray bytes are not."""
    poll = select.poll()
    try:
        poll.register(sock, select.POLLIN)
        return not poll.poll(0)
    except (OSError, ValueError):
        return False
