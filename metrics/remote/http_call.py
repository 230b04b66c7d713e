"""One HTTP call to the remote: one deadline for all of it, a bounded answer, errors in a person's words."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from metrics.remote.endpoint import Endpoint

_MOST_BYTES = 256 * 2**20
_PIECE = 256 * 1024


class CallError(Exception):
    """No answer came; the text says why. ``timed_out``: the deadline was over."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of ``headers`` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The first line of the body, for a person."""
        line = self.body[:2000].decode("utf-8", "replace").strip().partition("\n")[0]
        return "".join(letter for letter in line if letter.isprintable())[:300]


class Caller:
    """Calls one endpoint. Redirects are not followed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._context: ssl.SSLContext | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str], most: int = _MOST_BYTES) -> Reply:
        """Send a body to the endpoint's address with ``path`` after it.

        Raises:
            CallError: no whole answer within the deadline.
            CredentialsError: a secret cannot be read.
        """
        sent = {**self.endpoint.identification(), **headers}
        connection = self._connection()
        call = _Call(connection, self.endpoint)
        try:
            return call.made(self.endpoint.parts.path + path, body, sent, most)
        finally:
            call.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts, timeout = self.endpoint.parts, self.endpoint.timeout
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        if self._context is None:
            self._context = _trust(self.endpoint)
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout, context=self._context
        )


class _Call:
    """A call and its alarm: when the deadline is over the connection is cut, whatever it waits for."""

    def __init__(self, connection: http.client.HTTPConnection, endpoint: Endpoint) -> None:
        self._connection, self._endpoint = connection, endpoint
        self._over = False
        self._alarm = threading.Timer(endpoint.timeout, self._cut)
        self._alarm.daemon = True

    def made(self, path: str, body: bytes, headers: Mapping[str, str], most: int) -> Reply:
        self._alarm.start()
        try:
            self._connection.request("POST", path or "/", body, dict(headers))
            answer = self._connection.getresponse()
            found = self._body(answer, most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._worded(error) from None
        if self._over:
            raise self._late()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, found)

    def close(self) -> None:
        self._alarm.cancel()
        self._connection.close()

    def _body(self, answer: http.client.HTTPResponse, most: int) -> bytes:
        found = bytearray()
        while piece := answer.read(_PIECE):
            found += piece
            if len(found) > most:
                raise CallError(f"{self._endpoint.host} answers with more than {most} bytes")
        return bytes(found)

    def _cut(self) -> None:
        self._over = True
        with suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _worded(self, error: Exception) -> CallError:
        if self._over or isinstance(error, TimeoutError):
            return self._late()
        return CallError(_reason(self._endpoint.host, error))

    def _late(self) -> CallError:
        text = f"{self._endpoint.host} did not answer within {self._endpoint.timeout:g} s"
        return CallError(text, timed_out=True)


def _reason(host: str, error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {host} is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"no TLS with {host} ({error.reason})"
        case socket.gaierror():
            return f"{host} is not known by name"
        case http.client.HTTPException():
            return f"{host} does not answer as HTTP ({type(error).__name__})"
        case OSError():
            return f"{host}: {(error.strerror or 'connection lost').lower()}"
    return f"{host}: the call cannot be made ({type(error).__name__})"


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "no certificates in PEM"
        raise CallError(f"metrics.remote_ca_file {endpoint.ca_file} cannot be used ({reason})") from None
