"""Where the remote is, and how we say who we are. Secrets are read from their files at every call."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

_WRITE = "/api/v1/write"
_WRITE_ENDINGS = ("/write", "/push", "/receive")


class CredentialsError(Exception):
    """A secret cannot be read; the text says which file and why, never what is in it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One side of the remote.

    Attributes:
        url: to write to, or in front of ``/api/v1/query``.
        token_file: a bearer token; else ``user`` with the password in ``password_file``.
        ca_file: PEM, trusted instead of the system's authorities.
        timeout: seconds for a whole call.
    """

    url: str
    token_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> SplitResult:
        """The address taken apart."""
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        """Host and port, for people: never a user or a password."""
        return self.parts.netloc.rpartition("@")[2]

    def identification(self) -> dict[str, str]:
        """The headers that say who we are. Raises CredentialsError."""
        found = dict(self.headers)
        if self.token_file is not None:
            found["Authorization"] = f"Bearer {_secret(self.token_file, 'remote_token_file')}"
        elif self.user is not None:
            file = self.password_file
            password = "" if file is None else _secret(file, "remote_password_file")
            pair = base64.b64encode(f"{self.user}:{password}".encode()).decode("ascii")
            found["Authorization"] = f"Basic {pair}"
        return found


def write_url(url: str) -> str:
    """Where samples go: an address for writing as it is, else Prometheus' path under it."""
    plain = url.rstrip("/")
    return plain if plain.endswith(_WRITE_ENDINGS) else plain + _WRITE


def read_url(url: str, read: str | None) -> str:
    """What stands in front of ``/api/v1/query``: ``read``, else ``url`` without the path to write."""
    if read is not None:
        return read.rstrip("/")
    plain = url.rstrip("/")
    for ending in _WRITE_ENDINGS:
        plain = plain.removesuffix(f"/api/v1{ending}")
    return plain


def _secret(path: Path, key: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CredentialsError(f"metrics.{key} {path} cannot be read ({reason})") from None
    if not text.isprintable() or not text:
        raise CredentialsError(f"metrics.{key} {path}: one line of text is wanted")
    return text
