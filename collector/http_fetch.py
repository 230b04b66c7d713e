"""A small HTTP fetcher: one deadline for everything, a cap on the body, one kept connection per target."""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urljoin, urlsplit

from collector.asked_ahead import AskedAhead
from collector.bounded_socket import BoundedSocket, connect, is_idle, start_tls
from collector.deadline import Deadline
from collector.failures import WIRE_ERRORS, wire_error
from collector.http_body import read_body
from collector.http_wire import AnySocket, Response, ask, request, stated_length
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.site import Site
from collector.source import ScrapeError
from collector.tls import trusting_context
from collector.together import Arrival

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds spent; ``processing`` is from the request sent to the headers read."""

    resolve: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    processing: float = 0.0
    transfer: float = 0.0

    def __add__(self, other: "Phases") -> "Phases":
        return Phases(
            self.resolve + other.resolve,
            self.connect + other.connect,
            self.tls + other.tls,
            self.processing + other.processing,
            self.transfer + other.transfer,
        )


_NO_PHASES = Phases()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer, whatever its status.

    Attributes:
        length: Content-Length, or -1 without one.
        version: 1.0 or 1.1.
        phases: summed over redirects.
        redirects: how many were followed.
        certificate: the site's, DER, when TLS was spoken.
        ip: 4 or 6.
    """

    status: int
    reason: str
    content_type: str
    location: str
    length: int
    body: bytes
    version: float
    phases: Phases
    redirects: int
    certificate: bytes | None
    ip: int


@dataclass(frozen=True, slots=True)
class _Connection:
    """An open connection, what opening it took, whether it has served before, and what it was asked."""

    sock: AnySocket
    phases: Phases
    certificate: bytes | None
    ip: int
    reused: bool = False
    ahead: AskedAhead | None = None

    def again(self, ahead: AskedAhead | None = None) -> "_Connection":
        """The same for one more question."""
        return _Connection(self.sock, _NO_PHASES, self.certificate, self.ip, reused=True, ahead=ahead)


class HttpFetcher:
    """GETs of one target, one after another.

    Args:
        site: what is asked.
        resolver: shared by all targets.
        redirects: how many may be followed.
        keep: whether the connection is kept for the next time.
    """

    def __init__(self, site: Site, resolver: Resolver, redirects: int = 0, keep: bool = True) -> None:
        self._site = site
        self._redirects = redirects
        self._keep = keep
        self._origin = urlsplit(site.url)[:2]
        self._resolver = resolver
        self._context: ssl.SSLContext | None = None
        self._kept: _Connection | None = None
        self._asked_ahead: _Connection | None = None
        self._asked: tuple[SplitResult, Mapping[str, str], bytes] | None = None

    def get(self, headers: Mapping[str, str], deadline: Deadline) -> HttpAnswer:
        """GET, following as many redirects as the request allows. Raises ScrapeError.

        ``headers`` are sent beside the site's authorization, which never goes to another site.
        """
        headers = {**headers, **self._site.authorization()}
        url, phases, followed = self._site.url, Phases(), 0
        while True:
            answer = self._get(urlsplit(url), headers, deadline)
            phases += answer.phases
            if not self._redirects or answer.status not in REDIRECTS or not answer.location:
                return replace(answer, phases=phases, redirects=followed) if followed else answer
            if followed == self._redirects:
                text = f"stopped after {followed} redirects, the last to {answer.location}"
                raise ScrapeError(ErrorKind.HTTP_STATUS, text)
            followed += 1
            url = urljoin(url, answer.location)

    def ask(self, headers: Mapping[str, str], deadline: Deadline) -> int | None:
        """Send the next question now, so that ``get`` finds its answer on the way.

        Returns:
            The descriptor that its answer comes by; None where there is no kept connection without TLS, and
            ``get`` does everything.
        """
        url = urlsplit(self._site.url)
        self._drop_asked()
        kept = self._take_kept(url, deadline)
        if kept is None:
            return None
        if not isinstance(kept.sock, BoundedSocket):
            self._kept = kept
            return None
        question = self._question(url, {**headers, **self._site.authorization()})
        try:
            ahead = AskedAhead(kept.sock, question, self._site.body_limit)
        except OSError:
            kept.sock.close()
            return None
        self._asked_ahead = kept.again(ahead)
        return kept.sock.fileno()

    def arrived(self) -> Arrival:
        """How much is there of the answer to the question that was sent ahead."""
        asked = self._asked_ahead
        return Arrival.OTHER if asked is None or asked.ahead is None else asked.ahead.arrived()

    def close(self) -> None:
        """Drop the kept connection."""
        self._drop_asked()
        if self._kept is not None:
            with contextlib.suppress(OSError):
                self._kept.sock.close()
        self._kept = None

    def _drop_asked(self) -> None:
        """Close the connection of a question whose answer nobody read."""
        if self._asked_ahead is not None:
            with contextlib.suppress(OSError):
                self._asked_ahead.sock.close()
        self._asked_ahead = None

    def _get(self, url: SplitResult, headers: Mapping[str, str], deadline: Deadline) -> HttpAnswer:
        try:
            connection = self._take_asked(deadline) or self._take_kept(url, deadline)
            connection = connection or self._open(url, deadline)
            try:
                return self._exchange(connection, url, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not connection.reused:
                    raise
                return self._exchange(self._open(url, deadline), url, headers)
        except WIRE_ERRORS as error:
            host, port = _place(url)
            raise wire_error(error, f"{host}:{port}", host, deadline) from error

    def _take_asked(self, deadline: Deadline) -> _Connection | None:
        asked, self._asked_ahead = self._asked_ahead, None
        if asked is not None:
            asked.sock.deadline = deadline
        return asked

    def _take_kept(self, url: SplitResult, deadline: Deadline) -> _Connection | None:
        kept = self._kept
        if kept is None or url[:2] != self._origin:
            return None
        self._kept = None
        if not is_idle(kept.sock):
            kept.sock.close()
            return None
        kept.sock.deadline = deadline
        return kept.again()

    def _open(self, url: SplitResult, deadline: Deadline) -> _Connection:
        host, port = _place(url)
        begun = time.monotonic()
        addresses = self._resolver.resolve(host, port, deadline)
        resolved = time.monotonic()
        plain = connect(addresses, deadline)
        ip = 6 if plain.family == socket.AF_INET6 else 4
        connected = time.monotonic()
        if url.scheme == "http":
            return _Connection(plain, Phases(resolved - begun, connected - resolved), None, ip)
        sock = start_tls(plain, self._trust(), host)
        phases = Phases(resolved - begun, connected - resolved, time.monotonic() - connected)
        return _Connection(sock, phases, sock.getpeercert(binary_form=True), ip)

    def _trust(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                self._context = trusting_context(self._site.ca_file)
            except OSError as error:
                text = f"ca_file {self._site.ca_file} cannot be used: {error.strerror or error}"
                raise ScrapeError(ErrorKind.INTERNAL, text) from error
        return self._context

    def _exchange(self, connection: _Connection, url: SplitResult, headers: Mapping[str, str]) -> HttpAnswer:
        keep = False
        try:
            ahead = connection.ahead
            asked = time.monotonic() if ahead is None else ahead.at
            question = self._question(url, headers)
            response = ask(connection.sock, question) if ahead is None else ahead.response()
            headed = time.monotonic()
            body = read_body(response, self._site.body_limit)
            keep = self._keep and url[:2] == self._origin and not response.will_close
            phases = Phases(processing=headed - asked, transfer=time.monotonic() - headed)
            return _answer(response, body, connection, connection.phases + phases)
        finally:
            if keep:
                self._kept = connection
            else:
                connection.sock.close()

    def _question(self, url: SplitResult, wanted: Mapping[str, str]) -> bytes:
        if self._asked is None or self._asked[:2] != (url, wanted):
            self._asked = url, wanted, request(url, self._headers(url, wanted))
        return self._asked[2]

    def _headers(self, url: SplitResult, wanted: Mapping[str, str]) -> dict[str, str]:
        headers = {"User-Agent": "Showcall", "Accept-Encoding": "gzip", **wanted}
        if not self._keep:
            headers["Connection"] = "close"
        if url[:2] != self._origin:
            headers.pop("Authorization", None)
        return headers


def _place(url: SplitResult) -> tuple[str, int]:
    if url.scheme not in ("http", "https") or not url.hostname:
        text = f"cannot go to {url.scheme}://{url.hostname or ''} (want http:// or https:// and a host)"
        raise ScrapeError(ErrorKind.BAD_FORMAT, text)
    return url.hostname, url.port or (443 if url.scheme == "https" else 80)


def _answer(response: Response, body: bytes, connection: _Connection, phases: Phases) -> HttpAnswer:
    length = stated_length(response.getheader("Content-Length"))
    return HttpAnswer(
        status=response.status,
        reason=response.reason,
        content_type=response.getheader("Content-Type") or "",
        location=response.getheader("Location") or "",
        length=-1 if length is None else length,
        body=body,
        version=response.version / 10.0,
        phases=phases,
        redirects=0,
        certificate=connection.certificate,
        ip=connection.ip,
    )
