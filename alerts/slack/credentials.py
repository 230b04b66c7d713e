"""Slack's token and signing secret: from a file or the environment, never part of a text to be seen."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOKEN_VARIABLE = "SHOWCALL_SLACK_TOKEN"  # noqa: S105 - the name of a variable, not a secret
SIGNING_SECRET_VARIABLE = "SHOWCALL_SLACK_SIGNING_SECRET"  # noqa: S105 - as above
_PRINTABLE = re.compile(r"[!-~]+")


class SecretError(ValueError):
    """A secret cannot be read; the text names the setting, never the secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret and where it is from; read anew at every use, so that a repaired file is seen."""

    setting: str
    variable: str
    file: Path | None
    environment: Mapping[str, str]

    @property
    def configured(self) -> bool:
        """Whether somebody said where it is (a file that is missing counts)."""
        return self.file is not None or bool(self.environment.get(self.variable))

    def read(self) -> str:
        """The secret.

        Raises:
            SecretError: it is missing or unreadable.
        """
        found = self.environment.get(self.variable, "") if self.file is None else self._from(self.file)
        where = self.variable if self.file is None else f"{self.setting} {self.file}"
        if not found:
            raise SecretError(f"{where}: is empty (want the secret as one line)")
        if not _PRINTABLE.fullmatch(found):
            raise SecretError(f"{where}: holds spaces or unprintable characters (want one line)")
        return found

    def stamp(self) -> str:
        """Changes when the file is replaced."""
        if self.file is None:
            return "environment"
        try:
            found = self.file.stat()
        except OSError as error:
            return f"unreadable: {error.errno}"
        return f"{found.st_mtime_ns}:{found.st_size}:{found.st_ino}"

    def _from(self, file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretError(f"{self.setting} {file}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise SecretError(f"{self.setting} {file}: is not text in UTF-8") from None


def token(file: Path | None, environment: Mapping[str, str] = os.environ) -> Secret:
    """The bot token."""
    return Secret("slack.token_file", TOKEN_VARIABLE, file, environment)


def signing_secret(file: Path | None, environment: Mapping[str, str] = os.environ) -> Secret:
    """What requests from Slack are signed with."""
    return Secret("slack.signing_secret_file", SIGNING_SECRET_VARIABLE, file, environment)
