"""``python -m stack.service.prepare --config prepare.json``: make a PostgreSQL server ready for a sale.

Roles, database, tables and seats, as the local stack makes them; what is there and fits is kept and every
reservation taken back. May be run again at any time before the service starts. Prints a line per step; exit
code 0, or 1 with the reason.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import URL, Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from stack.local import dataset
from stack.local.cluster import SUPERUSER
from stack.local.postgres import DATABASE, SERVICE_ROLE, WATCHER_ROLE
from stack.local.progress import Progress, Step
from stack.service.config import ConfigError, Port, Profile, secret_in, validated

PAUSE_SECONDS = 0.5


class PrepareConfig(BaseModel):
    """Which server, whose passwords, and what to load; keys are written in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    host: str
    port: Port = 5432
    superuser: str = SUPERUSER
    superuser_password_file: Path
    service_password_file: Path
    watcher_password_file: Path
    profile: Profile = Profile.PUBLISHED
    seats: Annotated[int, Field(ge=1, le=100_000_000)] = 1_500_000
    patience_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """How long the server may take until it answers."""


def main() -> int:
    """Read the arguments and prepare."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.service.prepare", description="Prepare the database."
    )
    parser.add_argument("--config", type=Path, required=True, help="prepare.json")
    path = parser.parse_args().config
    try:
        prepare(path, validated(path, PrepareConfig), _tell)
    except ConfigError as error:
        return _refuse(str(error))
    except DBAPIError as error:
        return _refuse(f"{path}: the database: {' '.join(str(error.orig).split())}")
    return 0


def prepare(path: Path, config: PrepareConfig, progress: Progress) -> None:
    """Do it.

    Raises:
        ConfigError: a password cannot be read; names ``path``.
        DBAPIError: the server does not answer in time, or refuses.
    """
    superuser = secret_in(path, "superuserPasswordFile", config.superuser_password_file)
    passwords = {
        SERVICE_ROLE: secret_in(path, "servicePasswordFile", config.service_password_file),
        WATCHER_ROLE: secret_in(path, "watcherPasswordFile", config.watcher_password_file),
    }
    server = _engine(config, config.superuser, superuser, "postgres")
    _await(server, config.patience_seconds)
    progress(Step("roles", f"{', '.join(passwords)} on {config.host}:{config.port}"))
    dataset.prepare_roles(server, _engine(config, config.superuser, superuser, DATABASE), passwords)
    engine = _engine(config, SERVICE_ROLE, passwords[SERVICE_ROLE], DATABASE)
    dataset.prepare_tables(engine, config.seats, config.profile.value, progress)
    progress(Step("data", "ready"))


def _engine(config: PrepareConfig, role: str, password: str, database: str) -> Engine:
    url = URL.create("postgresql+psycopg", role, password, config.host, config.port, database)
    return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})


def _await(server: Engine, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with server.connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _tell(step: Step) -> None:
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


def _refuse(reason: str) -> int:
    sys.stderr.write(f"prepare: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
