"""Who may use the console: users, one-time sign-in codes and server-side sessions in SQL.

Codes and session ids are 256-bit random values; only their SHA-256 is stored, so a copy of the database
signs nobody in. A deleted session is dead at once.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Column, Connection, Float, String, Table, delete, select, update

import database


class Role(StrEnum):
    """What a user may do: a viewer looks, a responder acts."""

    VIEWER = "viewer"
    RESPONDER = "responder"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user. Times are Unix seconds."""

    user: str
    role: Role
    csrf_token: str
    created_at: float
    seen_at: float


users = Table(
    "users",
    database.metadata,
    Column("name", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200)),
)

sign_in_codes = Table(
    "sign_in_codes",
    database.metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("user", String(80), nullable=False),
    Column("expires_at", Float, nullable=False),
)

sessions = Table(
    "sessions",
    database.metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("user", String(80), nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def ensure_user(tx: Connection, name: str, role: Role | None) -> None:
    """Create the user (a responder unless a role is given), or change an existing one's role to one given."""
    known = tx.execute(select(users.c.name).where(users.c.name == name)).scalar()
    if known is None:
        role = role or Role.RESPONDER
        tx.execute(users.insert().values(name=name, role=role.value, password_hash=None))
    elif role is not None:
        tx.execute(update(users).where(users.c.name == name).values(role=role.value))


def role_of(connection: Connection, name: str) -> Role | None:
    """What a user may do; None when there is no such user."""
    found = connection.execute(select(users.c.role).where(users.c.name == name)).scalar()
    return None if found is None else Role(found)


def set_password_hash(tx: Connection, name: str, password_hash: str) -> None:
    """Store a new password hash and end every session of the user."""
    tx.execute(update(users).where(users.c.name == name).values(password_hash=password_hash))
    tx.execute(delete(sessions).where(sessions.c.user == name))


def password_hash(connection: Connection, name: str) -> str | None:
    """The stored hash, or None for an unknown user or one without a password."""
    return connection.execute(select(users.c.password_hash).where(users.c.name == name)).scalar()


def add_code(tx: Connection, code: str, user: str, expires_at: float) -> None:
    """Store a one-time code."""
    tx.execute(
        sign_in_codes.insert().values(code_hash=digest(code), user=user, expires_at=expires_at),
    )


def take_code(tx: Connection, code: str, now: float) -> str | None:
    """The user that a code signs in, or None when it is unknown, used or expired. The code is gone after."""
    tx.execute(delete(sign_in_codes).where(sign_in_codes.c.expires_at < now))
    found = tx.execute(
        delete(sign_in_codes).where(sign_in_codes.c.code_hash == digest(code)).returning(sign_in_codes.c.user)
    ).scalar()
    return None if found is None else str(found)


def open_session(tx: Connection, session_id: str, user: str, csrf_token: str, now: float) -> None:
    """Store a new session."""
    tx.execute(
        sessions.insert().values(
            id_hash=digest(session_id), user=user, csrf_token=csrf_token, created_at=now, seen_at=now
        )
    )


def drop_expired(tx: Connection, seen_before: float, created_before: float) -> None:
    """Forget sessions that were idle for too long or are too old (Unix seconds)."""
    old = (sessions.c.seen_at < seen_before) | (sessions.c.created_at < created_before)
    tx.execute(delete(sessions).where(old))


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` sessions last seen before then, and codes expired before; returns how many."""
    old = select(sessions.c.id_hash).where(sessions.c.seen_at < before).limit(limit)
    gone = tx.execute(delete(sessions).where(sessions.c.id_hash.in_(old))).rowcount
    dead = select(sign_in_codes.c.code_hash).where(sign_in_codes.c.expires_at < before).limit(limit)
    return gone + tx.execute(delete(sign_in_codes).where(sign_in_codes.c.code_hash.in_(dead))).rowcount


def find_session(connection: Connection, session_id: str) -> Session | None:
    """The session of a cookie, whatever its age."""
    found = (
        connection.execute(
            select(sessions, users.c.role)
            .join(users, users.c.name == sessions.c.user)
            .where(sessions.c.id_hash == digest(session_id))
        )
        .mappings()
        .first()
    )
    if found is None:
        return None
    return Session(
        user=found["user"],
        role=Role(found["role"]),
        csrf_token=found["csrf_token"],
        created_at=found["created_at"],
        seen_at=found["seen_at"],
    )


def touch_session(tx: Connection, session_id: str, now: float) -> None:
    """Note that the session was used."""
    tx.execute(update(sessions).where(sessions.c.id_hash == digest(session_id)).values(seen_at=now))


def close_session(tx: Connection, session_id: str) -> None:
    """End one session."""
    tx.execute(delete(sessions).where(sessions.c.id_hash == digest(session_id)))
