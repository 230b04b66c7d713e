"""Starting the stack's processes in order, each only when the one before answers."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import stack
from stack.config import StackConfig
from stack.local import cluster, dataset, postgres, service, valkey
from stack.local.capacity import calibrate, is_disturbed, probe
from stack.local.child import ChildSpec, spawn
from stack.local.cpu import CpuPlan
from stack.local.errors import Fault, StackError
from stack.local.launch import Launch
from stack.local.layout import Layout
from stack.local.log_files import last_lines
from stack.local.process_identity import ProcessIdentity, identify
from stack.local.progress import Progress, Step
from stack.local.state import Capacity, ProcessRecord

_READY_SECONDS = 60.0
_LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack that is to be started.

    ``answers`` says whether it does its work yet; ``ports`` and ``memory_bytes`` are those of the container
    that it stands for; ``logs`` are the names of the logs that may say why it does not start, ``remedy`` is
    what to try then.
    """

    name: str
    spec: ChildSpec
    answers: Callable[[], bool]
    ports: tuple[int, ...]
    memory_bytes: int
    logs: tuple[str, ...]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how a stack comes up."""

    layout: Layout
    launch: Launch
    cpus: CpuPlan
    progress: Progress
    clock: Callable[[], datetime]

    @property
    def config(self) -> StackConfig:
        """The stack's config."""
        return self.launch.config


Started = Callable[[subprocess.Popen[bytes], ProcessRecord], None]


def project_root() -> Path:
    """The folder from which Python finds this package, in processes that we start."""
    return Path(stack.__file__).resolve().parents[1]


def bring_up(site: Site, started: Started) -> Capacity | None:
    """Start everything and make it ready for a sale; ``started`` is told of each process at once.

    Returns the measured capacity, None when it was not to be measured.

    Raises:
        StackError: which part failed, and the last lines of its log.
    """
    layout, config = site.layout, site.config
    _start(site, _valkey(site), started)
    home = _data_folder(site)
    _start(site, _postgres(site, home), started)
    dataset.prepare(layout, config, site.progress)
    service.configure(layout, config)
    _start(site, _service(site), started)
    return _measured(site) if site.launch.measure else None


def _valkey(site: Site) -> Part:
    config = site.config
    return Part(
        name="redis",
        spec=valkey.child(site.layout, config, site.cpus),
        answers=partial(valkey.answers, config),
        ports=(config.valkey_port,),
        memory_bytes=valkey.CONTAINER_BYTES,
        logs=("redis",),
    )


def _postgres(site: Site, home: cluster.Cluster) -> Part:
    return Part(
        name="database",
        spec=postgres.child(site.layout, home, site.cpus),
        answers=partial(postgres.answers, site.layout, site.config),
        ports=(site.config.postgres_port,),
        memory_bytes=postgres.CONTAINER_BYTES,
        logs=("database",),
        # Nothing waits for the disk, so a machine that lost its power may have left broken data.
        remedy="If the data are broken, `showcall stack down --purge` makes way for new ones. ",
    )


def _service(site: Site) -> Part:
    config = site.config
    return Part(
        name="concert",
        spec=service.child(site.layout, site.launch.service_command, site.cpus, project_root()),
        answers=partial(service.answers, config),
        ports=(config.service_port, config.management_port),
        memory_bytes=service.CONTAINER_BYTES,
        logs=(service.OUTPUT_LOG, "concert"),
    )


def _data_folder(site: Site) -> cluster.Cluster:
    home = cluster.locate(site.layout)
    if not cluster.is_whole(home, site.layout):
        site.progress(Step("database", f"making a data folder: {home.data}"))
        cluster.initialise(home, site.layout)
    postgres.configure(home, site.config)
    return home


def _start(site: Site, part: Part, started: Started) -> None:
    site.progress(Step(part.name, "starting"))
    began = time.monotonic()
    process = _spawned(part)
    record = ProcessRecord(part.name, _identity(process), part.ports, 1.0, part.memory_bytes)
    started(process, record)
    while not part.answers():
        if process.poll() is not None:
            raise _failed(site, part, f"ended with exit code {process.returncode} while starting")
        if time.monotonic() - began > _READY_SECONDS:
            raise _failed(site, part, f"does not answer after {_READY_SECONDS:.0f} s")
        time.sleep(_LOOK_EVERY)
    ports = ", ".join(str(port) for port in part.ports)
    took = time.monotonic() - began
    site.progress(Step(part.name, f"answers on port {ports} after {took:.1f} s, pid {process.pid}"))


def _spawned(part: Part) -> subprocess.Popen[bytes]:
    try:
        return spawn(part.spec)
    except (OSError, subprocess.SubprocessError) as error:
        found = f"{part.spec.argv[0]} cannot be started: {error}"
        advice = "See whether the file is there and may be run by this user."
        raise StackError(Fault(part.name, found, "a running process", advice)) from error


def _identity(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    # One that ended at once keeps its pid as a zombie until we wait for it, so it is nobody else's.
    return identify(process.pid) or ProcessIdentity(process.pid, 0.0)


def _failed(site: Site, part: Part, found: str) -> StackError:
    ports = " and ".join(str(port) for port in part.ports)
    lines = [line for name in part.logs for line in last_lines(site.layout.log(name), 8)]
    advice = "\n".join([f"{part.remedy}The end of its log:", *(f"    {line}" for line in lines)])
    return StackError(Fault(part.name, found, f"an answer on port {ports}", advice))


def _measured(site: Site) -> Capacity:
    cpu = min(site.cpus.service) if site.cpus.service else None
    log = site.layout.log("supervisor")
    measure = partial(probe, site.layout.service_config, cpu, log, project_root())
    site.progress(Step("capacity", f"measuring with {site.config.pool_size} busy connections"))
    engine = dataset.engine_for(site.layout, site.config)
    capacity = calibrate(engine, site.config, measure, site.clock, site.progress)
    site.progress(Step("capacity", _verdict(capacity)))
    return capacity


def _verdict(capacity: Capacity) -> str:
    served = f"{capacity.queries_per_second:.2f} date queries/s with {capacity.seats:,} seats"
    if not capacity.ok:
        return f"NOT as wanted, {served}: {capacity.reason}"
    if is_disturbed(capacity.others_percent):
        return f"serves {served}, while other processes use {capacity.others_percent:.0f} % of its CPU"
    return f"serves {served}"
