"""Who we are to Grafana: the service account's token, from a file or the environment, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dashboards.trouble import GrafanaError, Trouble
from settings.schema import GrafanaSettings

TOKEN_VARIABLE = "SHOWCALL_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_LENGTH = 4096
_SETTING = "grafana.token_file"


@dataclass(frozen=True, slots=True)
class Access:
    """Where Grafana is, whom we trust there, and who we are. The token is not part of any text made of it."""

    url: str
    token: str = field(repr=False)
    ca_file: Path | None
    timeout: float


def access(settings: GrafanaSettings, environment: Mapping[str, str]) -> Access:
    """What a call to Grafana needs; a file wins over the environment.

    Raises:
        GrafanaError: no ``url``, no token, or a file that cannot be read.
    """
    if settings.url is None:
        raise GrafanaError(
            Trouble.NO_TOKEN, "grafana.url is not set (want e.g. https://grafana.example.org, in config.yaml)"
        )
    token = _token(settings, environment)
    return Access(settings.url, token, settings.ca_file, settings.timeout)


def token_in(path: Path, setting: str) -> str:
    """The one token that a file holds; ``setting`` names it in errors. Raises GrafanaError."""
    return _checked(_read(path, setting), f"{setting} {path}", setting)


def file_time(path: Path) -> str:
    """When a file was written last, in UTC. Raises GrafanaError."""
    try:
        written = path.stat().st_mtime
    except OSError as error:
        raise GrafanaError(Trouble.NO_TOKEN, f"{path} cannot be read: {error.strerror}") from None
    return datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")


def _token(settings: GrafanaSettings, environment: Mapping[str, str]) -> str:
    want = f"{_SETTING} or {TOKEN_VARIABLE}"
    if settings.token_file is not None:
        return _checked(_read(settings.token_file, _SETTING), f"{_SETTING} {settings.token_file}", want)
    named = f"the environment variable {TOKEN_VARIABLE}"
    return _checked(environment.get(TOKEN_VARIABLE, ""), named, want)


def _checked(text: str, named: str, want: str) -> str:
    token = text.strip()
    if not token:
        raise GrafanaError(Trouble.NO_TOKEN, f"{named} is empty or not set (want a token in {want})")
    if len(token) > TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise GrafanaError(Trouble.NO_TOKEN, f"{named} holds something else than one token")
    return token


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise GrafanaError(Trouble.NO_TOKEN, f"{setting} {path} cannot be read: {reason}") from None
