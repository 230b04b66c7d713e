"""Who we are to Grafana: the service account's token, from a file or the environment, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dashboards.trouble import GrafanaError, Trouble
from settings.schema import GrafanaSettings

TOKEN_VARIABLE = "SHOWCALL_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_LENGTH = 4096


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


def _token(settings: GrafanaSettings, environment: Mapping[str, str]) -> str:
    if settings.token_file is None:
        named, text = f"the environment variable {TOKEN_VARIABLE}", environment.get(TOKEN_VARIABLE, "")
    else:
        named, text = f"grafana.token_file {settings.token_file}", _read(settings.token_file)
    token = text.strip()
    if not token:
        want = "want the token of a service account, in grafana.token_file or in that variable"
        raise GrafanaError(Trouble.NO_TOKEN, f"{named} is empty or not set; {want}")
    if len(token) > TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise GrafanaError(Trouble.NO_TOKEN, f"{named} holds something else than one token")
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise GrafanaError(Trouble.NO_TOKEN, f"grafana.token_file {path} cannot be read: {reason}") from None
