"""One container's series at one look, from what is known of it and its newest stats message."""

from collections.abc import Mapping
from typing import NamedTuple

from collector.docker_arithmetic import CpuLimit
from collector.docker_containers import Container, Listed
from collector.docker_message import parse_message
from collector.docker_series import container_columns
from collector.known_series import NOTHING, Columns, KnownSeries
from collector.round import ErrorKind
from collector.source import ScrapeError
from metrics.values import Labels

STALE_SECONDS = 5.0  # a daemon sends a message every second; older facts are none


class Newest(NamedTuple):
    """The newest line of a stats stream, and when it came (monotonic seconds)."""

    line: bytes
    heard: float


class Look(NamedTuple):
    """What a look gave.

    Attributes:
        labels: the very same tuple as at the last look while the series are the same.
        values: one for each of them.
        problem: why there are no stats although there should be.
        fresh: whether there are stats.
    """

    labels: tuple[Labels, ...]
    values: tuple[float, ...]
    problem: ScrapeError | None
    fresh: bool


class ContainerReadings:
    """One container. A message is decoded once, at the first look that finds it.

    What has not changed since the last look is the very same object and is not made again.
    """

    def __init__(self) -> None:
        self._series = KnownSeries({})
        self._known: tuple[Container | None, int | None] = None, None
        self._facts = NOTHING
        self._decoded: tuple[Newest | None, CpuLimit | None] = None, None
        self._stats = NOTHING
        self._problem: ScrapeError | None = None
        self._expected_since: float | None = None

    def look(
        self,
        container: Container,
        oom_kills: int | None,
        newest: Newest | None,
        error: ScrapeError | None,
        now: float,
    ) -> Look:
        """Its series now.

        Args:
            container: what list and inspection say.
            oom_kills: since we watch; None where nobody counts them.
            newest: of its stream, None without any.
            error: why its stream ended, if it did.
            now: monotonic seconds.
        """
        known, known_kills = self._known
        if container is not known or oom_kills != known_kills:
            self._know(container, oom_kills)
        stats, problem = self._stats_now(container, newest, error, now)
        labels = self._series.labels(self._facts.groups + stats.groups)
        return Look(labels, self._facts.values + stats.values, problem, bool(stats.values))

    def _know(self, container: Container, oom_kills: int | None) -> None:
        shared = shared_labels(container.listed)
        if shared != self._series.shared:
            self._series = KnownSeries(shared)
        self._known = container, oom_kills
        self._facts = container_columns(container, oom_kills)

    def _stats_now(
        self, container: Container, newest: Newest | None, error: ScrapeError | None, now: float
    ) -> tuple[Columns, ScrapeError | None]:
        if not container.alive:
            self._expected_since = None
            return NOTHING, None
        if self._expected_since is None:
            self._expected_since = now
        if newest is not None:
            self._expected_since = max(self._expected_since, newest.heard)
            if now - newest.heard <= STALE_SECONDS:
                self._decode(newest, container.inspected.cpu if container.inspected else None)
                return self._stats, self._problem
        silent = now - self._expected_since
        if error is None and silent > STALE_SECONDS:
            error = ScrapeError(ErrorKind.TIMEOUT, f"no stats for {silent:.0f} s")
        return NOTHING, error

    def _decode(self, newest: Newest, limit: CpuLimit | None) -> None:
        decoded, its_limit = self._decoded
        if newest is decoded and limit == its_limit:
            return
        self._decoded, self._problem, self._stats = (newest, limit), None, NOTHING
        try:
            self._stats = parse_message(newest.line, limit) or NOTHING
        except ValueError as error:
            self._problem = ScrapeError(ErrorKind.BAD_FORMAT, str(error))


def shared_labels(listed: Listed) -> Mapping[str, str]:
    """What is on every series of a container; Compose's labels are named as cAdvisor names them."""
    return {
        "name": listed.name,
        "image": listed.image,
        "container_label_com_docker_compose_service": listed.service,
        "container_label_com_docker_compose_project": listed.project,
    }
