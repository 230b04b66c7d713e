"""Prints what the docker source costs: CPU ms a stats message, all of its threads and its looks together.

    .venv/bin/python benchmarks/docker_source.py [containers] [seconds]

A daemon that this script fakes runs in a process of its own and sends each container's message once a
second; this process looks every second, as the scrape loop does, and costs what each thread took of the
processor. Then it looks twice a second: what the looks cost more is what a look costs in which nothing is
new, timer and wake-up included. Lists and inspections are far apart, so each is measured by itself and
counted by how often it is made. Beside it: the same messages through the SDK's own
``stats(stream=True, decode=True)``, a thread for each container, and the machine's noise, which is the spread
of a fixed piece of work. With one container caches are cold whenever something wakes, so that a busy machine
shows. Exit code 1 if the aim is missed.
"""

import contextlib
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("URLLIB3_NO_OVERRIDE", "1")

from benchmarks.machine_noise import noise  # noqa: E402 - the project is beside, not installed
from collector.deadline import Deadline  # noqa: E402
from collector.docker import DockerSource  # noqa: E402
from collector.docker_client import DockerDaemon  # noqa: E402
from collector.docker_endpoint import DockerEndpoint  # noqa: E402
from collector.docker_link import DockerSettings  # noqa: E402
from collector.docker_watch import INSPECT_EVERY_SECONDS, LIST_EVERY_SECONDS  # noqa: E402
from collector.resolver import Resolver  # noqa: E402
from tests.collector.docker_documents import SECOND, cpu, line, v2_message  # noqa: E402
from tests.collector.fake_docker import docker  # noqa: E402

AIM_MS = 0.5
PERIOD_SECONDS = 1.0
SERIES = 30  # of one container, at least, once its stats have come

ASKS = 10


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU ms of one part of the work, for each message."""

    reading: float
    looking: float


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU ms.

    Attributes:
        reading: a message, by the thread that reads.
        decoding: a message, by the look that finds it.
        look: of all containers, in which nothing is new.
        listing, inspecting: by the SDK; of all containers, and of one.
    """

    containers: int
    reading: float
    decoding: float
    look: float
    listing: float
    inspecting: float

    @property
    def sdk(self) -> float:
        """Lists and inspections, for each message."""
        return self.listing / LIST_EVERY_SECONDS / self.containers + self.inspecting / INSPECT_EVERY_SECONDS

    @property
    def whole(self) -> float:
        """For each message."""
        return self.reading + self.decoding + self.look / self.containers + self.sdk


def serve(path: str, containers: int, pipe: Connection) -> None:
    """The daemon's process: until it is told to end."""
    with docker(Path(path)) as daemon:
        for number in range(containers):
            daemon.add(f"{number:064x}", f"shop-{number}")
        daemon.every(PERIOD_SECONDS, message)
        pipe.send("ready")
        pipe.recv()


def message(identity: str, turn: int) -> bytes:
    """Another second of a container that uses half a processor."""
    now, before = (cpu((turn + more) * SECOND // 2, (4000 + 4 * (turn + more)) * SECOND) for more in (1, 0))
    return line(v2_message(id=identity, cpu_stats=now, precpu_stats=before))


def ours(path: Path, containers: int, seconds: int) -> Costs:
    """Every part."""
    source = DockerSource(DockerSettings(DockerEndpoint(path), None, {}, 1_000_000), Resolver())
    try:
        until = time.monotonic() + 60
        while look(source) < containers * SERIES and time.monotonic() < until:
            time.sleep(PERIOD_SECONDS)
        once, twice = (spent(source, containers, seconds, looks) for looks in (1, 2))
    finally:
        source.close()
    daemon = DockerDaemon(f"unix://{path}", "1.47", ())
    listing, inspecting = asked(daemon.containers), asked(lambda: daemon.inspect("0" * 64))
    daemon.close()
    idle = twice.looking - once.looking
    return Costs(containers, once.reading, once.looking - idle, idle * containers, listing, inspecting)


def spent(source: DockerSource, containers: int, seconds: int, looks: int) -> Spent:
    """So many looks a second for so long."""
    (reader,) = [each for each in threading.enumerate() if each.name == "docker-streams"]
    assert reader.ident is not None
    clock = time.pthread_getcpuclockid(reader.ident)
    reading, looking = time.clock_gettime(clock), time.thread_time()
    for _ in range(seconds * looks):
        time.sleep(PERIOD_SECONDS / looks)
        look(source)
    messages = containers * seconds
    return Spent(
        (time.clock_gettime(clock) - reading) / messages * 1000,
        (time.thread_time() - looking) / messages * 1000,
    )


def asked(question: Callable[[], object]) -> float:
    """CPU ms of one, asked now and then."""
    question()
    cost = 0.0
    for _ in range(ASKS):
        time.sleep(PERIOD_SECONDS / 2)
        began = time.thread_time()
        question()
        cost += time.thread_time() - began
    return cost / ASKS * 1000


def look(source: DockerSource) -> int:
    """Series at one look."""
    return len(source.fetch(0.0, Deadline.within(5.0)).labels)


def sdk(path: Path, containers: int, seconds: int) -> float:
    """CPU ms a message by a thread for each on the SDK's generator; nothing is made of what comes."""
    import docker as sdk_of_docker  # noqa: PLC0415 - only for the comparison

    client = sdk_of_docker.APIClient(f"unix://{path}", version="1.47", max_pool_size=containers)
    counts = [0] * containers

    def read(number: int) -> None:
        with contextlib.suppress(Exception):
            for _ in client.stats(f"{number:064x}", stream=True, decode=True):
                counts[number] += 1

    for number in range(containers):
        threading.Thread(target=read, args=(number,), daemon=True).start()
    time.sleep(3)
    began, before = time.process_time(), sum(counts)
    time.sleep(seconds)
    return (time.process_time() - began) / max(sum(counts) - before, 1) * 1000


def main(containers: int = 1, seconds: int = 30) -> int:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docker.sock"
        here, there = multiprocessing.Pipe()
        arguments = (str(path), containers, there)
        process = multiprocessing.get_context("fork").Process(target=serve, args=arguments)
        process.start()
        here.recv()
        spread = noise()
        costs, beside = ours(path, containers, seconds), sdk(path, containers, seconds)
        spread = max(spread, noise())
        here.send("end")
        process.join(10)
    print(
        f"containers  {containers}, {seconds} s, a message of {len(message('0' * 64, 1))} bytes each second"
    )
    print(f"machine     {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, noise {spread:.0%}")
    report(costs, beside)
    return 0 if costs.whole < AIM_MS else 1


def report(costs: Costs, beside: float) -> None:
    """For people."""
    ours_alone = costs.reading + costs.decoding
    listing, inspecting = f"{costs.listing:.2f} ms", f"{costs.inspecting:.2f} ms"
    apart = f"{costs.reading:.3f} to read it off the wire, {costs.decoding:.3f} to decode it"
    often = f"a list {listing} every {LIST_EVERY_SECONDS:g} s, an inspection {inspecting} every"
    print(f"whole       {costs.whole:.3f} ms CPU a message; aim {AIM_MS}, ratio {costs.whole / AIM_MS:.2f}")
    print(f"a look      {costs.look:.3f} ms when nothing is new, of all containers")
    print(f"a message   {ours_alone:.3f} ms: {apart}")
    print(f"SDK's part  {costs.sdk:.3f} ms a message: {often} {INSPECT_EVERY_SECONDS:g} s")
    print(f"beside it   {beside:.3f} ms a message by the SDK's own stats(), with {costs.containers} threads")


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:3])))
