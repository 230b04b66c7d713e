"""What goes wrong on a wire, in kinds and in words."""

import errno
import http.client
import socket
import ssl

from collector.deadline import Deadline
from collector.round import ErrorKind
from collector.source import ScrapeError
from collector.tls import tls_error

WIRE_ERRORS = (OSError, http.client.HTTPException)
"""What ``wire_error`` explains; ssl errors, timeouts and failed look-ups are OSErrors."""


def wire_error(error: BaseException, where: str, host: str, deadline: Deadline) -> ScrapeError:
    """Explain an error of a socket or of ``http.client``.

    Args:
        error: one of WIRE_ERRORS.
        where: host:port, for the text.
        host: the name that was looked up.
        deadline: what was given.
    """
    if isinstance(error, TimeoutError):
        return ScrapeError(ErrorKind.TIMEOUT, f"{where} gave no whole answer within {deadline.given:g} s")
    if isinstance(error, ssl.SSLError):
        return tls_error(error, where, host)
    if isinstance(error, socket.gaierror):
        return ScrapeError(ErrorKind.DNS, f"name {host} is not known ({error.strerror})")
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return ScrapeError(ErrorKind.RESET, f"{where} closed the connection before it had answered")
    if isinstance(error, http.client.HTTPException):
        return _http_error(error, where)
    return _os_error(error, where)


def _http_error(error: http.client.HTTPException, where: str) -> ScrapeError:
    if isinstance(error, http.client.IncompleteRead):
        return ScrapeError(ErrorKind.BAD_FORMAT, f"the body ended early, after {len(error.partial)} bytes")
    if isinstance(error, http.client.BadStatusLine):
        found = str(error.args[0]).strip()[:60]
        return ScrapeError(ErrorKind.BAD_FORMAT, f"{where} does not speak HTTP/1: it answered {found!r}")
    return ScrapeError(ErrorKind.BAD_FORMAT, f"bad HTTP from {where}: {error}")


def _os_error(error: BaseException, where: str) -> ScrapeError:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ConnectionRefusedError):
        return ScrapeError(ErrorKind.REFUSED, f"nothing listens on {where}")
    if number in (errno.EMFILE, errno.ENFILE):
        return ScrapeError(ErrorKind.INTERNAL, "too many open files here (raise ulimit -n)")
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return ScrapeError(ErrorKind.REFUSED, f"there is no route to {where}")
    return ScrapeError(ErrorKind.INTERNAL, f"{where}: {error or type(error).__name__}")
