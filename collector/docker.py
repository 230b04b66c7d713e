"""Containers of a Docker daemon, under cAdvisor's names.

Two threads, however many containers: one asks the daemon for its list and inspections through the SDK, one
reads the stats streams and the events. A look takes each container's newest message, so it never waits for
stats; it asks whether the daemon is there when none came lately. Nothing but GET is ever sent.
"""

import time
from collections.abc import Mapping
from itertools import chain

import numpy as np

from collector.deadline import Deadline
from collector.docker_link import DockerLink, DockerSettings
from collector.docker_ping import DockerPing, Greeting
from collector.docker_readings import ContainerReadings, Look
from collector.docker_series import METADATA
from collector.docker_watch import Daemon, View
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import Finding, Scraped, ScrapeError, measured
from metrics.values import Labels

MAX_CONTAINERS = 1000
NAMED_IN_FINDING = 3
UP = (measured("docker_up", 1.0),)
DOWN = (measured("docker_up", 0.0),)


class DockerSource:
    """One daemon. Its threads begin with the first look that finds it, and end with ``close``."""

    def __init__(self, settings: DockerSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._ping = DockerPing(settings.endpoint, resolver)
        self._link: DockerLink | None = None
        self._view: View | None = None
        self._readings: dict[str, ContainerReadings] = {}
        self._parts: tuple[tuple[Labels, ...], ...] = ()
        self._labels: tuple[Labels, ...] = ()

    def fetch(self, at: float, deadline: Deadline) -> Scraped:  # noqa: ARG002 - the daemon's time is in the stats
        """The newest of every container. Down: the daemon does not answer, or no container gives stats."""
        try:
            link = self._link
            if link is None or not link.alive() or not link.lively():
                link = self._linked(self._ping.ask(deadline))
            view = link.watch.view(deadline, events=link.events_error is None)
            if view is not self._view:
                self._adopt(view)
            looks = self._looks(link, view)
            return self._columns(tuple(looks.values()), _finding(looks, link, view))
        except ScrapeError as error:
            raise error.with_verdict(DOWN) from error

    def close(self) -> None:
        """End both threads and drop every connection."""
        self._ping.close()
        if self._link is not None:
            self._link.stop()
        self._link = self._view = None
        self._readings = {}

    def _linked(self, greeting: Greeting) -> DockerLink:
        link = self._link
        if link is not None and (link.greeting.version != greeting.version or not link.alive()):
            link.stop()  # the daemon was replaced by another one, or a thread has ended by a fault
            self._link = None
        if self._link is None:
            self._link = DockerLink(self._settings, greeting, lambda: self._daemon(greeting.version))
        self._link.greeting = greeting
        return self._link

    def _daemon(self, version: str) -> Daemon:
        from collector.docker_client import DockerDaemon  # noqa: PLC0415 - who watches no Docker pays nothing

        return DockerDaemon(self._settings.endpoint.base_url, version, self._settings.label_filter)

    def _adopt(self, view: View) -> None:
        """Other containers than at the last look, or other facts about them."""
        if len(view.containers) > MAX_CONTAINERS:
            text = f"{len(view.containers):,} containers (at most {MAX_CONTAINERS:,})"
            raise ScrapeError(ErrorKind.LIMIT, f"{text}: choose by compose_project or container_labels")
        known = self._readings
        self._readings = {key: known.get(key) or ContainerReadings() for key in view.containers}
        self._view = view

    def _looks(self, link: DockerLink, view: View) -> dict[str, Look]:
        """By container name."""
        now, counted = time.monotonic(), link.events_error is None
        return {
            container.listed.name: self._readings[key].look(
                container,
                view.oom_kills.get(key, 0) if counted else None,
                link.newest.get(key),
                link.errors.get(key),
                now,
            )
            for key, container in view.containers.items()
        }

    def _columns(self, looks: tuple[Look, ...], finding: Finding | None) -> Scraped:
        """All containers as columns; the very same labels as last time while no container's changed."""
        parts = tuple([look.labels for look in looks])
        if parts != self._parts:
            self._parts, self._labels = parts, tuple(chain.from_iterable(parts))
        if len(self._labels) > self._settings.sample_limit:
            text = f"{len(self._labels):,} samples, over collector.sample_limit"
            raise ScrapeError(ErrorKind.LIMIT, f"{text} ({self._settings.sample_limit:,})")
        values = np.fromiter(
            chain.from_iterable([look.values for look in looks]), np.float64, len(self._labels)
        )
        return Scraped(self._labels, values, METADATA, UP, finding)


def _finding(looks: Mapping[str, Look], link: DockerLink, view: View) -> Finding | None:
    """What did not work although the look did: containers without stats, no events, no inspection.

    Raises the first container's problem when none of them gives stats.
    """
    failed = [(name, look.problem) for name, look in looks.items() if look.problem]
    if failed:
        if not any(look.fresh for look in looks.values()):
            name, problem = failed[0]
            raise ScrapeError(problem.kind, f"no container gives stats; {name}: {problem.text}")
        named = "; ".join(f"{name}: {problem.text}" for name, problem in failed[:NAMED_IN_FINDING])
        more = "; ..." if len(failed) > NAMED_IN_FINDING else ""
        return Finding(
            failed[0][1].kind, f"{len(failed)} of {len(looks)} containers give no stats: {named}{more}"
        )
    if link.events_error is not None:
        text = "no events, so changes are seen late and OOM kills not at all"
        return Finding(link.events_error.kind, f"{text}: {link.events_error.text}")
    return Finding(view.problem.kind, view.problem.text) if view.problem else None
