"""What counts as the address of an HTTP server."""

import re
from urllib.parse import urlsplit

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


def http_url(text: str) -> str:
    """The same text, if it is an http or https URL with a host.

    Raises:
        ValueError: shows the value without a password in it, and what is wanted.
    """
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or any(character.isspace() for character in text):
        raise ValueError(f"{without_password(text)!r} is not a URL (want e.g. http://127.0.0.1:8080/path)")
    return text


def plain_http_url(text: str) -> str:
    """The same without a slash at its end, if it is the address of a server: no user, question or anchor.

    Raises:
        ValueError: as ``http_url``.
    """
    parts = urlsplit(http_url(text))
    if parts.username is not None or parts.query or parts.fragment:
        want = "no user, password, '?' or '#' in it, e.g. https://grafana.example.org"
        raise ValueError(f"{without_password(text)!r} is not the address of a server (want {want})")
    return text.rstrip("/")


def without_password(text: str) -> str:
    """A text that may hold URLs, with their user and password left out."""
    return _PASSWORD_IN_URL.sub("…@", text)
