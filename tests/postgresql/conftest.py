"""One server for all tests here, and whole Showcalls as the assembly's tests have them."""

from collections.abc import Iterator

import pytest

from stack.local.errors import StackError
from tests.assembly.conftest import plain_logs, run_here, site, stack, typed
from tests.postgresql.postgresql_rig import Network, Place, fresh, network
from tests.stack.service_rig import Postgres

__all__ = ["plain_logs", "run_here", "site", "stack", "typed"]


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except StackError as missing:
        pytest.skip(f"no PostgreSQL: {missing}")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def place(server: Postgres) -> Place:
    return fresh(server)


@pytest.fixture
def line(server: Postgres) -> Iterator[Network]:
    with network(server.port) as made:
        yield made
