"""Fixtures of the alerts' tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from database import Database
from tests.alerts.alert_rig import TOPOLOGY, Rig, configured


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.create_all()
    yield database
    database.close()


@pytest.fixture
def rig(tmp_path: Path, database: Database) -> Callable[..., Rig]:
    """Builds a rig from the rules of one group."""

    def build(rules: str, quiet: float = 20.0, interval: float = 1.0, topology: str = TOPOLOGY) -> Rig:
        rule_set, shape = configured(tmp_path, rules, topology)
        return Rig(database, rule_set, shape, quiet=quiet, interval=interval)

    return build
