"""One container's series at one look, from what is known of it and its newest stats message."""

from collections.abc import Mapping
from dataclasses import dataclass

from collector.docker_arithmetic import CpuLimit
from collector.docker_containers import Container, Listed
from collector.docker_message import StatsMessage, parse_message
from collector.docker_series import container_readings, message_readings
from collector.known_series import KnownSeries, Reading
from collector.round import ErrorKind
from collector.source import ScrapeError
from metrics.values import Labels

STALE_SECONDS = 5.0  # a daemon sends a message every second; older facts are none


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest line of a stats stream, and when it came (monotonic seconds)."""

    line: bytes
    heard: float


@dataclass(frozen=True, slots=True)
class Look:
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
    """One container. A message is decoded once, at the first look that finds it."""

    def __init__(self) -> None:
        self._series = KnownSeries({})
        self._decoded: tuple[Newest, CpuLimit | None] | None = None
        self._stats: tuple[Reading, ...] = ()
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
        shared = shared_labels(container.listed)
        if shared != self._series.shared:
            self._series = KnownSeries(shared)
        stats, problem = self._stats_now(container, newest, error, now)
        readings = (*container_readings(container, oom_kills), *stats)
        labels = self._series.labels(tuple(key for key, _ in readings))
        return Look(labels, tuple(value for _, value in readings), problem, bool(stats))

    def _stats_now(
        self, container: Container, newest: Newest | None, error: ScrapeError | None, now: float
    ) -> tuple[tuple[Reading, ...], ScrapeError | None]:
        if not container.alive:
            self._expected_since = None
            return (), None
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
        return (), error

    def _decode(self, newest: Newest, limit: CpuLimit | None) -> None:
        if self._decoded == (newest, limit):
            return
        self._decoded, self._problem, self._stats = (newest, limit), None, ()
        try:
            message: StatsMessage | None = parse_message(newest.line)
        except ValueError as error:
            self._problem = ScrapeError(ErrorKind.BAD_FORMAT, str(error))
        else:
            self._stats = tuple(message_readings(message, limit)) if message else ()


def shared_labels(listed: Listed) -> Mapping[str, str]:
    """What is on every series of a container; Compose's labels are named as cAdvisor names them."""
    return {
        "name": listed.name,
        "image": listed.image,
        "container_label_com_docker_compose_service": listed.service,
        "container_label_com_docker_compose_project": listed.project,
    }
