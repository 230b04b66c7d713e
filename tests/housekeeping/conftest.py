"""A real database in a folder of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from database import Database
from tests.housekeeping.house import House


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the migrations make it, once for all tests."""
    file = tmp_path_factory.mktemp("empty") / "showcall.db"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.close()
    return file


@pytest.fixture
def house(tmp_path: Path, empty_database: Path) -> Iterator[House]:
    file = tmp_path / "data" / "showcall.db"
    file.parent.mkdir()
    shutil.copy(empty_database, file)
    database = Database(f"sqlite:///{file}")
    yield House(database, file)
    database.close()
