"""Servers that tests of the stack share within one test process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.service_rig import Postgres, Service, Valkey


@pytest.fixture(scope="session")
def lonely_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    yield from _running(Valkey(tmp_path_factory.mktemp("valkey")))


@pytest.fixture
def valkey(lonely_valkey: Valkey) -> Valkey:
    """A Valkey without any key, and without any service that lasts longer than the test."""
    lonely_valkey.flush()
    return lonely_valkey


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    yield from _running(Valkey(tmp_path_factory.mktemp("shared-valkey")))


def _running(server: Valkey) -> Iterator[Valkey]:
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """500 concerts with two dates of 20 seats each."""
    server = Postgres()
    server.start()
    server.load()
    yield server
    server.remove()


@pytest.fixture
def make_service(valkey: Valkey, postgres: Postgres, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a concert service with some settings of its own; at the end it is gone."""
    made: list[Service] = []

    def make(**settings: object) -> Service:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        service = Service(folder, valkey.port, postgres.url, **settings)
        made.append(service)
        service.start()
        return service

    yield make
    for service in made:
        service.kill()


@pytest.fixture(scope="session")
def shared_service(
    shared_valkey: Valkey, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("service"), shared_valkey.port, postgres.url)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def service(shared_valkey: Valkey, shared_service: Service) -> Service:
    """A concert service as the demo starts it: nobody in its queue, every lever at its baseline."""
    shared_valkey.flush()
    shared_service.reset_levers()
    return shared_service
