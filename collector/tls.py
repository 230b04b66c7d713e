"""TLS to targets: whom we trust, why a handshake failed, and when a certificate ends."""

import calendar
import ssl
import time
from pathlib import Path

from collector.bounded_socket import BoundedTlsSocket
from collector.round import ErrorKind
from collector.source import ScrapeError

_EXPIRED = 10
_NOT_YET_VALID = 9
_WRONG_HOST = frozenset({62, 64})
_SELF_SIGNED = frozenset({18, 19})

_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17


def trusting_context(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities, or those in ``ca_file`` (PEM) alone. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.sslsocket_class = BoundedTlsSocket
    return context


def looking_context() -> ssl.SSLContext:
    """Verifies nothing: only to read the certificate of a site whose handshake was refused."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = BoundedTlsSocket
    return context


def tls_error(error: ssl.SSLError, where: str, host: str) -> ScrapeError:
    """A refused handshake in a person's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, where, host)
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "wrong version number" in reason or "record layer" in reason:
        return ScrapeError(ErrorKind.TLS, f"{where} does not speak TLS (want http:// instead of https://?)")
    if "protocol" in reason or "unsupported" in reason:
        return ScrapeError(ErrorKind.TLS, f"{where} offers no TLS version that we accept (want 1.2 or newer)")
    return ScrapeError(ErrorKind.TLS, f"TLS handshake with {where} failed: {reason}")


def _untrusted(error: ssl.SSLCertVerificationError, where: str, host: str) -> ScrapeError:
    code = error.verify_code
    if code == _EXPIRED:
        return ScrapeError(ErrorKind.TLS_EXPIRED, f"the certificate of {where} has expired")
    if code == _NOT_YET_VALID:
        return ScrapeError(ErrorKind.TLS_EXPIRED, f"the certificate of {where} is not valid yet")
    if code in _WRONG_HOST:
        return ScrapeError(ErrorKind.TLS_WRONG_HOST, f"the certificate of {where} is not for {host}")
    if code in _SELF_SIGNED:
        text = f"the certificate of {where} is self-signed (set ca_file to trust it)"
        return ScrapeError(ErrorKind.TLS_UNTRUSTED, text)
    text = f"the certificate of {where} is from an authority we do not trust: {error.verify_message}"
    return ScrapeError(ErrorKind.TLS_UNTRUSTED, text)


def not_after(certificate: bytes) -> float:
    """When an X.509 certificate (DER) ends, in Unix seconds (RFC 5280, 4.1.2.5). Raises ValueError."""
    try:
        return _not_after(certificate)
    except IndexError:
        raise ValueError("certificate is cut short") from None


def _not_after(certificate: bytes) -> float:
    _, at, _ = _element(certificate, 0)
    _, at, _ = _element(certificate, at)
    tag, _, end = _element(certificate, at)
    if tag == _VERSION:
        at = end
    for _ in ("serial number", "signature algorithm", "issuer"):
        _, _, at = _element(certificate, at)
    tag, at, _ = _element(certificate, at)
    if tag != _SEQUENCE:
        raise ValueError("no validity in this certificate")
    _, _, at = _element(certificate, at)
    tag, start, end = _element(certificate, at)
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return float(calendar.timegm(time.strptime(certificate[start:end].decode("ascii"), form)))


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the contents of the DER element at ``at``."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    return tag, start, start + length
