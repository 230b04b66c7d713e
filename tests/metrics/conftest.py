"""Real servers over the samples of ``differential_series``, one of each kind a session, and our engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.metrics.agreement import Ours
from tests.metrics.differential_series import every_series, openmetrics
from tests.metrics.real_prometheus import Prometheus, blocks, missing, running


@pytest.fixture(scope="session")
def ours() -> Ours:
    return Ours.with_series(every_series())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that servers copy."""
    return blocks(tmp_path_factory.mktemp("blocks"), openmetrics(every_series()))


@pytest.fixture(scope="session")
def stable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The Prometheus of Debian stable."""
    yield from _server("stable", request, tmp_path_factory.mktemp("stable"))


@pytest.fixture(scope="session")
def lts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus 3.5."""
    yield from _server("3.5", request, tmp_path_factory.mktemp("lts"))


def _server(which: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Prometheus]:
    reason = missing(which)
    if reason is not None:
        pytest.skip(reason)
    with running(which, folder / "server", request.getfixturevalue("served")) as started:
        yield started
