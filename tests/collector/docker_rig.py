"""A docker source on a fake daemon, and short ways to look through it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from collector.docker import DockerSource
from collector.docker_endpoint import DockerEndpoint
from collector.docker_link import DockerSettings
from collector.resolver import Resolver
from collector.source import Scraped, ScrapeError
from metrics.values import label
from tests.collector.fake_docker import FakeDocker, docker
from tests.collector.raw_server import soon
from tests.stack.service_rig import eventually

Found = TypeVar("Found")
NOW = 1_795_363_202.0


class Rig:
    """The daemon and the source that watches it."""

    def __init__(self, daemon: FakeDocker, source: DockerSource) -> None:
        self.daemon = daemon
        self.source = source

    def look(self) -> Scraped:
        return self.source.fetch(NOW, soon())

    def failure(self, seconds: float = 5.0) -> ScrapeError:
        with pytest.raises(ScrapeError) as caught:
            self.source.fetch(NOW, soon(seconds))
        return caught.value

    def fails(self) -> ScrapeError:
        """The next look that fails; until then they may work."""
        return until(self.failed)

    def failed(self) -> ScrapeError | None:
        try:
            self.look()
        except ScrapeError as error:
            return error
        return None

    def sees(self, check: Callable[[Scraped], object]) -> Scraped:
        """The first look that passes a check."""

        def passing() -> Scraped | None:
            scraped = self.look()
            return scraped if check(scraped) else None

        return until(passing)

    def sees_whole(self, *names: str) -> Scraped:
        """The first look with stats and inspections of all these containers."""
        return self.sees(lambda scraped: whole(scraped).issuperset(names))

    def sees_stats(self, *names: str) -> Scraped:
        """The first look with stats of all these containers."""
        return self.sees(lambda scraped: with_stats(scraped).issuperset(names))


def whole(scraped: Scraped) -> set[str]:
    """Names of the containers that have been inspected and have stats."""
    metric = "container_restarts_total"
    inspected = {label(one, "name") for one in scraped.labels if label(one, "__name__") == metric}
    return inspected & with_stats(scraped)


def until(check: Callable[[], Found | None]) -> Found:
    found: Found = eventually(check)
    return found


def with_stats(scraped: Scraped) -> set[str]:
    """Names of the containers that have stats."""
    metric = "container_cpu_usage_seconds_total"
    return {label(labels, "name") for labels in scraped.labels if label(labels, "__name__") == metric}


def values(scraped: Scraped, name: str) -> Mapping[str, float]:
    """By metric, of a container; of those with further labels any."""
    pairs = zip(scraped.labels, scraped.values.tolist(), strict=True)
    return {label(labels, "__name__"): value for labels, value in pairs if label(labels, "name") == name}


def state(scraped: Scraped, name: str) -> str:
    return next(
        (
            label(labels, "state")
            for labels in scraped.labels
            if label(labels, "name") == name and label(labels, "__name__") == "container_state"
        ),
        "",
    )


def source_at(path: Path, project: str | None = None, **labels: str) -> DockerSource:
    return DockerSource(DockerSettings(DockerEndpoint(path), project, labels, 50_000), Resolver())


@contextmanager
def socket_path() -> Iterator[Path]:
    """Short enough for a socket, whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="docker-") as folder:
        yield Path(folder) / "docker.sock"


@contextmanager
def watched(project: str | None = None, **labels: str) -> Iterator[Rig]:
    with socket_path() as path, docker(path) as daemon:
        source = source_at(path, project, **labels)
        try:
            yield Rig(daemon, source)
        finally:
            source.close()
