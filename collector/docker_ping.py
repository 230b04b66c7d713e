"""Asks the daemon whether it is there, over one kept connection: 0.2 ms, one deadline."""

import http.client
import socket
from dataclasses import dataclass

from collector.bounded_socket import BoundedSocket, is_idle
from collector.deadline import Deadline
from collector.docker_endpoint import Address, DockerEndpoint, refusal
from collector.failures import WIRE_ERRORS
from collector.http_body import read_body
from collector.resolver import Resolver

PATH = "/_ping"
BODY_LIMIT = 4096
OLDEST_VERSION = "1.24"  # of the Engine API, what a daemon is taken for that does not say


@dataclass(frozen=True, slots=True)
class Greeting:
    """What an answer tells: the API version, and where it came from (family, place)."""

    version: str
    address: Address


class DockerPing:
    """One daemon."""

    def __init__(self, endpoint: DockerEndpoint, resolver: Resolver) -> None:
        self._endpoint = endpoint
        self._resolver = resolver
        self._sock: BoundedSocket | None = None

    def ask(self, deadline: Deadline) -> Greeting:
        """One ``GET /_ping``. Raises ScrapeError."""
        try:
            kept = self._take_kept(deadline)
            if kept is not None:
                try:
                    return self._exchange(kept)
                except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                    pass
            return self._exchange(self._endpoint.open(self._resolver, deadline))
        except WIRE_ERRORS as error:
            raise self._endpoint.explain(error, deadline) from error

    def close(self) -> None:
        """Drop the kept connection."""
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    def _take_kept(self, deadline: Deadline) -> BoundedSocket | None:
        sock, self._sock = self._sock, None
        if sock is None:
            return None
        if not is_idle(sock):
            sock.close()
            return None
        sock.deadline = deadline
        return sock

    def _exchange(self, sock: BoundedSocket) -> Greeting:
        keep = False
        try:
            connection = http.client.HTTPConnection(self._endpoint.host_header)
            connection.sock = sock
            connection.auto_open = 0
            connection.request("GET", PATH)
            response = connection.getresponse()
            body = read_body(response, BODY_LIMIT)
            if response.status != 200:
                raise refusal(response.status, body, PATH)
            keep = not response.will_close
            version = response.getheader("Api-Version") or OLDEST_VERSION
            family = socket.AddressFamily(sock.family)
            return Greeting(version, (family, sock.getpeername()))
        finally:
            if keep:
                self._sock = sock
            else:
                sock.close()
