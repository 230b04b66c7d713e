"""PostgreSQL as the database of Showcall: how it is reached, and what differs from SQLite there.

The password is part of the URL alone: nothing that is shown, logged or raised here holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import String, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.compiler import compiles

Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

SCHEME = "postgresql://"
WANTED = f"want e.g. {SCHEME}showcall:PASSWORD@db.example.org:5432/showcall, as one line"
POOL_SECONDS = 5.0
"""How long a thread waits for a connection of the pool."""

_NUL, _SHOWN_NUL = "\x00", "\u2400"
_REACHING: Mapping[str, str] = {
    "connect_timeout": "3",
    # After a failover of several hosts only one takes writes.
    "target_session_attrs": "read-write",
    # A network that is cut says nothing: these end a silent connection after some seconds.
    "tcp_user_timeout": "5000",
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "2",
}
_SESSION: Mapping[str, str] = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    # Here the server learns that we are gone: what we had locked is free again after that.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "4",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
}


@dataclass(frozen=True, slots=True)
class Server:
    """One database of a server. ``parameters``: libpq's, as the URL has them; never shown."""

    parameters: Mapping[str, str] = field(repr=False)

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        found = self.parameters
        ports = found.get("port", "5432").split(",")
        hosts = found.get("host", "").split(",")
        ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
        places = ",".join(f"{host}:{port}" if host else "" for host, port in zip(hosts, ports, strict=True))
        user = f"{found['user']}@" if "user" in found else ""
        return f"{SCHEME}{user}{places}/{found['dbname']}"

    def connect(self, application: str, **session: str) -> Session:
        """A new connection, which says that it is ``application`` and has these settings of a session.

        Raises:
            psycopg.OperationalError: in one line, why not.
        """
        options = [self.parameters.get("options", "")]
        options += [f"-c {name}={value}" for name, value in {**_SESSION, **session}.items()]
        own = {"application_name": application, "options": " ".join(options).strip()}
        try:
            return psycopg.connect("", **{**_REACHING, **self.parameters, **own})  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise psycopg.OperationalError(in_one_line(error)) from None


def server(url: str) -> Server:
    """The database that a URL names.

    Raises:
        ValueError: what is wrong with it, without showing it.
    """
    if not url.startswith(SCHEME) or not url.isprintable() or " " in url:
        raise ValueError(f"is not the URL of a PostgreSQL database ({WANTED})")
    try:
        found = conninfo_to_dict(url)
    except (psycopg.Error, UnicodeDecodeError):
        # libpq quotes the part it cannot read, which may be the password.
        reason = "a character that must be percent-encoded, or a parameter that libpq does not know"
        raise ValueError(f"cannot be read as a URL: {reason} ({WANTED})") from None
    parameters = {name: str(value) for name, value in found.items() if value is not None}
    if not parameters.get("dbname"):
        raise ValueError(f"names no database ({WANTED})")
    if not all(map(_is_port, parameters.get("port", "5432").split(","))):
        raise ValueError(f"has a port that is not a number from 1 to 65535 ({WANTED})")
    return Server(parameters)


def engine(reached: Server, application: str) -> Engine:
    """The pool of connections. One that was lost is replaced before it is handed out, so it reconnects."""
    made = create_engine(
        "postgresql+psycopg://",
        creator=lambda: reached.connect(application),
        pool_size=8,
        max_overflow=8,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(made, "before_cursor_execute", _storable, retval=True)
    return made


def in_one_line(error: BaseException) -> str:
    """What an error says; where several hosts were tried, of each of them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return " ".join(lines) if lines[0].endswith(":") else lines[0]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def _storable(
    _connection: object, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    """Text with NUL characters, which a label may have and PostgreSQL refuses, shows them as U+2400."""
    if isinstance(parameters, Mapping):
        return statement, _without_nul(parameters)
    return statement, [_without_nul(each) if isinstance(each, Mapping) else each for each in parameters]


def _without_nul(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.replace(_NUL, _SHOWN_NUL) if isinstance(value, str) and _NUL in value else value
        for name, value in values.items()
    }


@compiles(String, "postgresql")
def _unbounded(*_: object, **__: object) -> str:
    """SQLite never looks at the length of a text. A long name must not keep a round from being stored."""
    return "TEXT"
