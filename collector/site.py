"""Where a page or a site is on the web, and who asks for it."""

import base64
from dataclasses import dataclass
from pathlib import Path

from collector.secret_file import read_secret


@dataclass(frozen=True, slots=True)
class Site:
    """A URL and how it is asked.

    Attributes:
        url: http:// or https://.
        user, password_file: for basic authentication.
        ca_file: the authorities (PEM) to trust instead of the system's.
        body_limit: bytes that an answer may have, after decompression.
    """

    url: str
    body_limit: int
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    def authorization(self) -> dict[str, str]:
        """The header of basic authentication, if there is a user. Raises ScrapeError (auth)."""
        if self.user is None:
            return {}
        pair = f"{self.user}:{read_secret(self.password_file) or ''}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}
