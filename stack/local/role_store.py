"""Roles, the database and its extensions. Every function may be called again on what is already there."""

from typing import Any

from sqlalchemy import Connection, text


def ensure_login(tx: Connection, role: str, password: str) -> None:
    """The role may sign in with this password.

    The server gets only the password's SCRAM verifier, so no log can show the password.
    """
    # A role's name and a verifier cannot be bound parameters here; both come from us.
    if not _exists(tx, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        tx.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
    verifier = _verifier(tx, role, password)
    tx.exec_driver_sql(f"ALTER ROLE \"{role}\" PASSWORD '{verifier}'")


def ensure_member(tx: Connection, role: str, group: str) -> None:
    """The role has what the group has."""
    tx.exec_driver_sql(f'GRANT "{group}" TO "{role}"')


def ensure_database(connection: Connection, database: str, owner: str) -> None:
    """There is a database of that owner; ``connection`` must be in autocommit."""
    if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = :name", database):
        connection.exec_driver_sql(f'CREATE DATABASE "{database}" OWNER "{owner}"')


def ensure_extension(tx: Connection, extension: str) -> None:
    """The extension is there in the database that the connection is for."""
    tx.exec_driver_sql(f'CREATE EXTENSION IF NOT EXISTS "{extension}"')


def _exists(connection: Connection, statement: str, name: str) -> bool:
    return connection.execute(text(statement), {"name": name}).first() is not None


def _verifier(connection: Connection, role: str, password: str) -> str:
    driver: Any = connection.connection.driver_connection
    encrypted: bytes = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return encrypted.decode()
