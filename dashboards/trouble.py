"""What goes wrong with Grafana, in a person's words: what was asked, what came, what is wanted."""

from dataclasses import dataclass
from enum import StrEnum

MESSAGE_LENGTH = 200


class Trouble(StrEnum):
    """Why a call did not do what was asked."""

    NO_TOKEN = "no_token"  # noqa: S105 - the name of a reason
    NOT_CONNECTED = "not_connected"
    TLS = "tls"
    LOST = "lost"
    NOT_GRAFANA = "not_grafana"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_MANY = "too_many"
    REJECTED = "rejected"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call.

    Attributes:
        doing: e.g. ``save the dashboard showcall-concert-overview``.
        permission: what the service account needs for it, e.g. ``dashboards:write``.
        write: whether it changes something, so that a lost answer leaves that open.
    """

    doing: str
    permission: str
    write: bool = False


class GrafanaError(Exception):
    """A call failed; the text is complete for a person and holds no secret.

    Attributes:
        applied: None when it is not known whether Grafana did it; False when surely not.
    """

    def __init__(self, trouble: Trouble, text: str, *, applied: bool | None = False) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.applied = applied


def refused(asked: Asked, where: str, status: int, said: str) -> GrafanaError:
    """An answer with a status of 400 or more."""
    trouble = _trouble(status)
    came = f"came {status}{f' ({one_line(said)})' if said else ''}"
    text = f"Grafana at {where}: could not {asked.doing}: {came}; {_wanted(trouble, asked)}"
    # A server that failed may have done it before it failed.
    return GrafanaError(trouble, text, applied=None if trouble is Trouble.SERVER and asked.write else False)


def not_connected(asked: Asked, where: str, reason: str) -> GrafanaError:
    """No connection was made."""
    text = (
        f"Grafana at {where}: could not {asked.doing}: no connection ({one_line(reason)}); "
        "want a running Grafana at grafana.url"
    )
    return GrafanaError(Trouble.NOT_CONNECTED, text)


def tls_failed(asked: Asked, where: str, reason: str) -> GrafanaError:
    """The handshake failed."""
    want = "want a certificate that we trust (grafana.ca_file names the authority) and that is for this host"
    if "wrong version number" in reason.lower().replace("_", " "):
        want = "it does not speak TLS there (want http:// instead of https:// in grafana.url?)"
    text = f"Grafana at {where}: could not {asked.doing}: TLS: {one_line(reason)}; {want}"
    return GrafanaError(Trouble.TLS, text)


def lost(asked: Asked, where: str, reason: str) -> GrafanaError:
    """The question went out and no whole answer came back."""
    known = "it may have been done all the same" if asked.write else "nothing was changed"
    text = f"Grafana at {where}: could not {asked.doing}: no whole answer ({one_line(reason)}); {known}"
    return GrafanaError(Trouble.LOST, text, applied=None if asked.write else False)


def not_grafana(asked: Asked, where: str, came: str) -> GrafanaError:
    """Something answered that is not Grafana's API."""
    text = (
        f"Grafana at {where}: could not {asked.doing}: came {one_line(came)} instead of JSON; "
        "want Grafana's own address in grafana.url, with its sub-path if it has one"
    )
    return GrafanaError(Trouble.NOT_GRAFANA, text, applied=None if asked.write else False)


def one_line(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LENGTH else f"{line[:MESSAGE_LENGTH]}…"


def _trouble(status: int) -> Trouble:
    known = {
        401: Trouble.UNAUTHORIZED,
        403: Trouble.FORBIDDEN,
        404: Trouble.NOT_FOUND,
        409: Trouble.CONFLICT,
        412: Trouble.CONFLICT,
        429: Trouble.TOO_MANY,
    }
    return known.get(status, Trouble.SERVER if status >= 500 else Trouble.REJECTED)


def _wanted(trouble: Trouble, asked: Asked) -> str:
    if trouble is Trouble.FORBIDDEN:
        return f"want a service account with the permission {asked.permission}"
    return _WANTED.get(trouble, "want what this version of Grafana takes (its message says what it is)")


_WANTED = {
    Trouble.UNAUTHORIZED: "want the token of a service account of this Grafana that has not expired "
    "(grafana.token_file or SHOWCALL_GRAFANA_TOKEN)",
    Trouble.NOT_FOUND: "want Grafana's own address in grafana.url, with its sub-path if it has one",
    Trouble.CONFLICT: "something of this name is there already, or somebody saved it just now: "
    "look at it, then push again",
    Trouble.TOO_MANY: "want fewer calls, or patience",
    Trouble.SERVER: "want a Grafana in good health (its log says why)",
}
