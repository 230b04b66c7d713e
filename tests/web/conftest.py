"""A console over a real database, with a fixed clock."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import configuration
from alerts.rule_outcome import RuleHealth, RuleStatus
from collector.round import ErrorKind, TargetReport
from configuration import Configuration
from database import Database
from metrics.store import Store
from runbooks.onlooker import Onlooker
from runbooks.trouble import IncidentsInDatabase
from settings.schema import Settings
from tests.web.desk import NOW, Desk, Numbers
from web.app import create_app
from web.parts import ConsoleParts, LoopHealth
from web.server import WebServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo() -> Configuration:
    """The shipped configuration, rules and runbooks."""
    return configuration.load(ROOT / "config.yaml")


@pytest.fixture(scope="session")
def demo_settings(demo: Configuration) -> Settings:
    return demo.settings


@pytest.fixture
def desk(tmp_path: Path, demo: Configuration) -> Iterator[Desk]:
    database = Database(f"sqlite:///{tmp_path}/console.db")
    clock = [NOW]
    numbers = Numbers({"hikaricp_connections_pending": 27.0, "quantile": 6.1})
    reports = [
        TargetReport("concert", "actuator", NOW - 0.4, 0.01, True, 300, None, None, NOW - 0.4),
        TargetReport(
            "redis", "redis", NOW - 0.4, 0.9, False, 0, ErrorKind.REFUSED, "nothing listens", NOW - 75
        ),
    ]
    loops = [LoopHealth("collector", True, 0.3)]
    statuses = [
        RuleStatus(rule, group, RuleHealth.OK, None, NOW - 0.4, 0.001)
        for group in demo.rules.groups
        for rule in group.rules
    ]
    parts = ConsoleParts(
        settings=demo.settings,
        database=database,
        asker=numbers,
        series=Store(),
        clock=lambda: clock[0],
        targets=lambda: tuple(reports),
        rules=lambda: tuple(statuses),
        loops=lambda: tuple(loops),
        own_metrics=lambda: b"showcall_rounds_total 3\n",
        onlooker=Onlooker(
            database,
            demo.settings.runbooks,
            catalog=demo.catalog,
            levers=demo.settings.levers,
            asker=numbers,
            incidents=IncidentsInDatabase(database),
        ),
    )
    app = create_app(parts)
    database.create_all()
    yield Desk(parts, app.test_client(), numbers, clock, reports, loops, statuses)
    database.close()


@pytest.fixture
def served(desk: Desk) -> Iterator[str]:
    settings = desk.parts.settings
    free = settings.model_copy(update={"web": settings.web.model_copy(update={"port": 0})})
    server = WebServer(replace(desk.parts, settings=free))
    server.start()
    yield server.address
    server.stop()
