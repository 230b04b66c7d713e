"""A daemon that was found: the thread that lists, the thread that reads streams, and what both brought."""

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from collector.docker_containers import ALIVE, PROJECT_LABEL, Listed, parse_event
from collector.docker_endpoint import DockerEndpoint
from collector.docker_ping import Greeting
from collector.docker_readings import Newest
from collector.docker_streams import Stream, StreamLoop
from collector.docker_watch import ContainerWatch, Daemon
from collector.round import ErrorKind
from collector.source import ScrapeError

EVENTS = "#events"
ACTIONS = (
    "start", "restart", "die", "oom", "destroy", "rename", "update", "pause", "unpause", "health_status",
)  # fmt: skip
STOPPED_ACTIONS = frozenset({"die", "destroy"})
STOP_SECONDS = 1.0
LIVELY_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """Which daemon, and which of its containers.

    Attributes:
        project: of Compose; None takes all.
        labels: that a container must have; an empty value stands for any.
        sample_limit: more samples refuse a look.
    """

    endpoint: DockerEndpoint
    project: str | None
    labels: Mapping[str, str]
    sample_limit: int

    @property
    def label_filter(self) -> tuple[str, ...]:
        """As the Engine API's ``label`` filter."""
        wanted = {**self.labels, **({PROJECT_LABEL: self.project} if self.project else {})}
        return tuple(f"{name}={value}" if value else name for name, value in wanted.items())


class DockerLink:
    """Both threads. ``newest`` and ``errors`` are by container id and change all the while.

    Args:
        settings: of the target.
        greeting: the daemon's.
        daemon: makes the client.
    """

    def __init__(self, settings: DockerSettings, greeting: Greeting, daemon: Callable[[], Daemon]) -> None:
        self.greeting = greeting
        self.newest: dict[str, Newest] = {}
        self.errors: dict[str, ScrapeError] = {}
        self._settings = settings
        self._heard = 0.0
        self._streams = StreamLoop(settings.endpoint, self._take, self._began, self._ended)
        self.watch = ContainerWatch(daemon, self._changed)
        self._streams.start()
        self.watch.start()

    @property
    def events_error(self) -> ScrapeError | None:
        """Why no events come, if they do not."""
        return self.errors.get(EVENTS)

    def lively(self) -> bool:
        """Whether stats came lately and nothing broke since: as good a sign of life as an answer."""
        return time.monotonic() - self._heard < LIVELY_SECONDS

    def alive(self) -> bool:
        """Whether both threads run."""
        return self._streams.alive() and self.watch.alive()

    def stop(self) -> None:
        """End both threads."""
        self._streams.stop(STOP_SECONDS)
        self.watch.stop(STOP_SECONDS)

    def _changed(self, containers: Collection[Listed]) -> None:
        """A new list: whose stats are wanted."""
        version = self.greeting.version
        streams = {EVENTS: Stream(self._events_path(), silent=True)}
        for listed in containers:
            if listed.state in ALIVE:
                streams[listed.id] = Stream(f"/v{version}/containers/{listed.id}/stats?stream=1")
        for known in (self.newest, self.errors):
            for key in set(known) - set(streams):
                known.pop(key, None)
        self._streams.want(self.greeting.address, streams)

    def _events_path(self) -> str:
        """Where events are; after a broken connection, from the last one on."""
        filters = {"type": ["container"], "event": ACTIONS, "label": self._settings.label_filter}
        query = {"filters": json.dumps({name: value for name, value in filters.items() if value})}
        last = self.watch.last_event
        if last:
            query["since"] = f"{last // 10**9}.{last % 10**9:09d}"
        return f"/v{self.greeting.version}/events?{urlencode(query)}"

    def _began(self, key: str) -> None:
        self.errors.pop(key, None)

    def _take(self, key: str, line: bytes) -> None:
        if key != EVENTS:
            self._heard = heard = time.monotonic()
            self.newest[key] = Newest(line, heard)
            return
        event = parse_event(line)
        if event is not None:
            if event.action in STOPPED_ACTIONS:
                self.newest.pop(event.id, None)
            self.watch.heard(event)

    def _ended(self, key: str, error: ScrapeError | None) -> None:
        """A stream has ended: of a container mostly because that is gone, so look."""
        self._heard = 0.0
        self.newest.pop(key, None)
        if error is not None and error.kind is not ErrorKind.GONE:
            self.errors[key] = error
        if key != EVENTS:
            self.watch.suspect(key)
