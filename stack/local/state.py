"""``stack.json``: which process stands for which container, and what the stack was measured to serve.

Times are ISO 8601 in UTC with milliseconds, ``startTime`` is psutil's ``create_time`` in Unix seconds.
Readers need only ``profile``, ``startedAt``, ``processes`` and ``capacity``; the rest is for ``status``.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from stack.local.errors import Fault, StackError
from stack.local.layout import Layout
from stack.local.private_files import write_atomically
from stack.local.process_identity import ProcessIdentity


class Stage(StrEnum):
    """How far the supervisor is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process that stands for a container: ``concert``, ``redis`` or ``database``.

    ``cpus`` and ``memory_bytes`` are the container's limits, to compare with; nothing enforces them.
    """

    name: str
    identity: ProcessIdentity
    ports: tuple[int, ...]
    cpus: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the stack serves.

    Attributes:
        queries_per_second: date queries a second with every connection of the pool busy.
        seats: rows of the seats table at that measurement.
        measured_at: ISO time.
        steal_percent: share of the service's CPU that the hypervisor took meanwhile; None if unknown.
        ok: whether the figure lies in the wanted band.
        reason: why not, in words; None when ok.
        others_percent: share of that CPU that processes outside the stack used; None if unknown.
    """

    queries_per_second: float
    seats: int
    measured_at: str
    steal_percent: float | None
    ok: bool
    reason: str | None = None
    others_percent: float | None = None


@dataclass(frozen=True, slots=True)
class StackState:
    """All of ``stack.json``. ``notes`` are for people, e.g. that CPUs could not be pinned."""

    profile: str
    started_at: str
    stage: Stage
    supervisor: ProcessIdentity
    processes: tuple[ProcessRecord, ...] = ()
    capacity: Capacity | None = None
    notes: tuple[str, ...] = ()

    def with_process(self, record: ProcessRecord) -> "StackState":
        """The same with one process more."""
        return replace(self, processes=(*self.processes, record))


def iso(at: datetime) -> str:
    """A time as the stack's files show it, e.g. ``2026-11-22T16:00:00.123Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_of(seconds: float) -> str:
    """Unix seconds as the stack's files show times."""
    return iso(datetime.fromtimestamp(seconds, UTC))


def write(layout: Layout, state: StackState) -> None:
    """Replace ``stack.json`` in one step."""
    write_atomically(layout.state, json.dumps(_encoded(state), indent=1) + "\n")


def read(layout: Layout) -> StackState | None:
    """The state on disk; None when there is no stack.

    Raises:
        StackError: when the file is there and cannot be understood.
    """
    try:
        text = layout.state.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return _decoded(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        advice = "End the stack's processes by hand, remove the file, then start again."
        fault = Fault(str(layout.state), f"not understood ({error!r})", "the state of a stack", advice)
        raise StackError(fault) from None


def _encoded(state: StackState) -> dict[str, Any]:
    return {
        "profile": state.profile,
        "startedAt": state.started_at,
        "stage": state.stage.value,
        "supervisor": _encoded_identity(state.supervisor),
        "processes": [_encoded_process(record) for record in state.processes],
        "capacity": _encoded_capacity(state.capacity) if state.capacity else None,
        "notes": list(state.notes),
    }


def _encoded_identity(identity: ProcessIdentity) -> dict[str, Any]:
    return {"pid": identity.pid, "startTime": identity.start_time}


def _encoded_process(record: ProcessRecord) -> dict[str, Any]:
    limits = {"cpus": record.cpus, "memoryBytes": record.memory_bytes}
    return {
        "name": record.name,
        **_encoded_identity(record.identity),
        "ports": list(record.ports),
        "limits": limits,
    }


def _encoded_capacity(capacity: Capacity) -> dict[str, Any]:
    return {
        "queriesPerSecond": capacity.queries_per_second,
        "seats": capacity.seats,
        "measuredAt": capacity.measured_at,
        "stealPercent": capacity.steal_percent,
        "ok": capacity.ok,
        "reason": capacity.reason,
        "othersPercent": capacity.others_percent,
    }


def _decoded(body: dict[str, Any]) -> StackState:
    capacity = body["capacity"]
    return StackState(
        profile=str(body["profile"]),
        started_at=str(body["startedAt"]),
        stage=Stage(body["stage"]),
        supervisor=_decoded_identity(body["supervisor"]),
        processes=tuple(_decoded_process(entry) for entry in body["processes"]),
        capacity=_decoded_capacity(capacity) if capacity else None,
        notes=tuple(str(note) for note in body["notes"]),
    )


def _decoded_identity(body: dict[str, Any]) -> ProcessIdentity:
    return ProcessIdentity(int(body["pid"]), float(body["startTime"]))


def _decoded_process(body: dict[str, Any]) -> ProcessRecord:
    limits = body["limits"]
    ports = tuple(int(port) for port in body["ports"])
    identity = _decoded_identity(body)
    return ProcessRecord(
        str(body["name"]), identity, ports, float(limits["cpus"]), int(limits["memoryBytes"])
    )


def _decoded_capacity(body: dict[str, Any]) -> Capacity:
    return Capacity(
        queries_per_second=float(body["queriesPerSecond"]),
        seats=int(body["seats"]),
        measured_at=str(body["measuredAt"]),
        steal_percent=body["stealPercent"],
        ok=bool(body["ok"]),
        reason=body.get("reason"),
        others_percent=body.get("othersPercent"),
    )
