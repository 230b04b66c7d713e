"""Bringing the database into the state in which a sale starts: roles, tables, seats, all of them free."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Engine, NullPool, create_engine

from stack.config import Profile, StackConfig
from stack.local import dataset_store, postgres, role_store
from stack.local.capacity import settle
from stack.local.cluster import SUPERUSER
from stack.local.dataset_store import Dataset
from stack.local.layout import Layout
from stack.local.private_files import password_in
from stack.local.progress import Progress, Step


class Freshness(StrEnum):
    """What to do with the data that are there."""

    KEEP = "already loaded"
    EMPTY = "nothing is loaded yet"
    OTHER_TABLES = "an older layout of tables is loaded"
    OTHER_SEATS = "another number of seats was asked for"


def judge(found: Dataset | None, requested: int) -> Freshness:
    """Whether the data on disk serve a config that asks for ``requested`` seats."""
    if found is None:
        return Freshness.EMPTY
    if found.version != dataset_store.VERSION:
        return Freshness.OTHER_TABLES
    return Freshness.KEEP if found.requested == requested else Freshness.OTHER_SEATS


def prepare(layout: Layout, config: StackConfig, progress: Progress) -> None:
    """Roles, database, tables, seats and index as the config wants them; what fits is kept."""
    server = create_engine(postgres.url(layout, config, SUPERUSER, "postgres"), poolclass=NullPool)
    database = create_engine(postgres.url(layout, config, SUPERUSER), poolclass=NullPool)
    roles = (postgres.SERVICE_ROLE, postgres.WATCHER_ROLE)
    prepare_roles(server, database, {role: password_in(layout.password(role)) for role in roles})
    prepare_tables(engine_for(layout, config), config.seats, config.profile, progress)


def prepare_tables(engine: Engine, seats: int, profile: Profile, progress: Progress) -> None:
    """Tables, seats and index; what is there and fits is kept. ``engine`` acts as the service's role."""
    with engine.begin() as tx:
        freshness = judge(dataset_store.find(tx), seats)
    if freshness is Freshness.KEEP:
        _reuse(engine, profile, progress)
    else:
        _load(engine, seats, profile, freshness, progress)


def engine_for(layout: Layout, config: StackConfig) -> Engine:
    """An engine that acts as the service's role and keeps no connection open."""
    return create_engine(postgres.url(layout, config, postgres.SERVICE_ROLE), poolclass=NullPool)


def prepare_roles(server: Engine, database: Engine, passwords: Mapping[str, str]) -> None:
    """The service's role, who may look on, the database and its extensions.

    Args:
        server, database: engines of the superuser, for the server's own database and for the one to make.
        passwords: of SERVICE_ROLE and WATCHER_ROLE.
    """
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for role, password in passwords.items():
            role_store.ensure_login(connection, role, password)
        role_store.ensure_member(connection, postgres.WATCHER_ROLE, "pg_monitor")
        role_store.ensure_member(connection, postgres.SERVICE_ROLE, "pg_checkpoint")
        role_store.ensure_database(connection, postgres.DATABASE, postgres.SERVICE_ROLE)
    with database.begin() as tx:
        for extension in ("pg_prewarm", "pg_stat_statements"):
            role_store.ensure_extension(tx, extension)


def _load(engine: Engine, seats: int, profile: Profile, why: Freshness, progress: Progress) -> None:
    progress(Step("data", f"{why.value}: loading {seats:,} seats"))
    with engine.begin() as tx:
        dataset_store.load(tx, seats)
        dataset_store.shape(tx, indexed=profile == "improved")
    settle(engine)


def _reuse(engine: Engine, profile: Profile, progress: Progress) -> None:
    with engine.begin() as tx:
        found = dataset_store.find(tx)
        freed = dataset_store.free_all(tx)
        dataset_store.shape(tx, indexed=profile == "improved")
    seats = found.seats if found else 0
    progress(Step("data", f"{Freshness.KEEP.value}: {seats:,} seats, {freed:,} reservations taken back"))
    settle(engine)
