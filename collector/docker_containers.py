"""What the daemon says of containers beside their stats: lists, inspections, events, as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.docker_arithmetic import CpuLimit, cpu_limit

SERVICE_LABEL = "com.docker.compose.service"
PROJECT_LABEL = "com.docker.compose.project"
ALIVE = frozenset({"running", "paused"})
NEVER_STARTED = "0001"
SHAPE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


@dataclass(frozen=True, slots=True)
class Listed:
    """A container in the daemon's list.

    Attributes:
        name: without the slash.
        service, project: Compose's, empty without.
        state: created, running, paused, restarting, removing, exited, dead.
        status: what stands in brackets in the status for people: health, or the exit code.
    """

    id: str
    name: str
    image: str
    service: str
    project: str
    state: str
    status: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """What only an inspection tells.

    Attributes:
        restarts: by the daemon, since the container was made or last started by hand.
        exit_code: of its last run.
        health: healthy, unhealthy, starting; empty without a health check.
        started: Unix seconds, None when it never was.
        memory_limit: bytes, 0 without one.
    """

    restarts: int
    exit_code: int
    health: str
    started: float | None
    memory_limit: int
    cpu: CpuLimit | None


@dataclass(frozen=True, slots=True)
class Container:
    """One container: what the list said, and the inspection once there was one."""

    listed: Listed
    inspected: Inspected | None

    @property
    def alive(self) -> bool:
        """Whether it runs, so that it has stats."""
        return self.listed.state in ALIVE


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something that happened to a container; ``time`` counts nanoseconds since 1970."""

    id: str
    action: str
    time: int


def parse_list(entries: Any) -> dict[str, Listed]:
    """``GET /containers/json`` by id. Raises ValueError."""
    try:
        return {entry["Id"]: _listed(entry) for entry in entries}
    except SHAPE_ERRORS as error:
        raise ValueError(f"not a list of containers ({type(error).__name__}: {error})") from None


def _listed(entry: Mapping[str, Any]) -> Listed:
    names = sorted(entry.get("Names") or [entry["Id"][:12]], key=lambda name: name.count("/"))
    labels = entry.get("Labels") or {}
    return Listed(
        id=entry["Id"],
        name=names[0].removeprefix("/"),
        image=str(entry.get("Image") or ""),
        service=labels.get(SERVICE_LABEL, ""),
        project=labels.get(PROJECT_LABEL, ""),
        state=str(entry["State"]),
        status=str(entry.get("Status") or "").partition("(")[2].partition(")")[0],
    )


def parse_inspection(document: Any) -> Inspected:
    """``GET /containers/{id}/json``. Raises ValueError."""
    try:
        return _inspected(document)
    except SHAPE_ERRORS as error:
        raise ValueError(f"not an inspection of a container ({type(error).__name__}: {error})") from None


def _inspected(document: Mapping[str, Any]) -> Inspected:
    state, host = document["State"], document.get("HostConfig") or {}
    started = str(state.get("StartedAt") or NEVER_STARTED)
    return Inspected(
        restarts=int(document.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        health=(state.get("Health") or {}).get("Status", "").removeprefix("none"),
        started=None if started.startswith(NEVER_STARTED) else datetime.fromisoformat(started).timestamp(),
        memory_limit=int(host.get("Memory") or 0),
        cpu=cpu_limit(
            int(host.get("NanoCpus") or 0), int(host.get("CpuQuota") or 0), int(host.get("CpuPeriod") or 0)
        ),
    )


def parse_event(line: bytes) -> ContainerEvent | None:
    """A line of ``GET /events``; None of anything that is not about a container."""
    try:
        document = json.loads(line)
        action = str(document["Action"]).partition(":")[0]
        if document["Type"] != "container":
            return None
        return ContainerEvent(str(document["Actor"]["ID"]), action, int(document.get("timeNano") or 0))
    except SHAPE_ERRORS:
        return None
