"""Prints what the docker source costs: CPU ms a stats message, all of its threads and its looks together.

    .venv/bin/python benchmarks/docker_source.py [containers] [seconds]

A daemon that this script fakes runs in a process of its own and sends each container's message once a
second; this process looks every second, as the scrape loop does. CPU time is this process' own, start and
imports left out. Beside it: the same messages through the SDK's own ``stats(stream=True, decode=True)``, a
thread for each container, and the machine's noise, which is the spread of a fixed piece of work. Exit code 1
if the aim is missed.
"""

import contextlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("URLLIB3_NO_OVERRIDE", "1")

from collector.deadline import Deadline  # noqa: E402 - the project is beside, not installed
from collector.docker import DockerSource  # noqa: E402
from collector.docker_endpoint import DockerEndpoint  # noqa: E402
from collector.docker_link import DockerSettings  # noqa: E402
from collector.resolver import Resolver  # noqa: E402
from tests.collector.docker_documents import SECOND, cpu, line, v2_message  # noqa: E402
from tests.collector.fake_docker import docker  # noqa: E402

AIM_MS = 0.5
PERIOD_SECONDS = 1.0
SERIES = 30  # of one container, at least, once its stats have come

Work = Callable[[Path, int, int], tuple[float, int]]


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


def ours(path: Path, containers: int, seconds: int) -> tuple[float, int]:
    """CPU seconds and messages."""
    source = DockerSource(DockerSettings(DockerEndpoint(path), None, {}, 1_000_000), Resolver())
    try:
        until = time.monotonic() + 60
        while look(source) < containers * SERIES and time.monotonic() < until:
            time.sleep(PERIOD_SECONDS)
        began = time.process_time()
        for _ in range(seconds):
            time.sleep(PERIOD_SECONDS)
            look(source)
        return time.process_time() - began, containers * seconds
    finally:
        source.close()


def look(source: DockerSource) -> int:
    """Series at one look."""
    return len(source.fetch(0.0, Deadline.within(5.0)).labels)


def sdk(path: Path, containers: int, seconds: int) -> tuple[float, int]:
    """The same by a thread for each container on the SDK's generator; nothing is made of what comes."""
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
    return time.process_time() - began, sum(counts) - before


def noise() -> float:
    """Spread of a fixed piece of work in CPU time, as a part of its median."""
    spans = []
    for _ in range(15):
        began = time.process_time()
        sum(range(400_000))
        spans.append(time.process_time() - began)
    return statistics.pstdev(spans) / statistics.median(spans)


def milliseconds(work: Work, path: Path, containers: int, seconds: int) -> float:
    """CPU ms a message."""
    spent, messages = work(path, containers, seconds)
    return spent / max(messages, 1) * 1000


def main(containers: int = 10, seconds: int = 20) -> int:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docker.sock"
        here, there = multiprocessing.Pipe()
        arguments = (str(path), containers, there)
        process = multiprocessing.get_context("fork").Process(target=serve, args=arguments)
        process.start()
        here.recv()
        spread = noise()
        cost, beside = (milliseconds(work, path, containers, seconds) for work in (ours, sdk))
        spread = max(spread, noise())
        here.send("end")
        process.join(10)
    print(
        f"containers  {containers}, {seconds} s, a message of {len(message('0' * 64, 1))} bytes each second"
    )
    print(f"machine     {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, noise {spread:.0%}")
    print(f"showcall    {cost:.3f} ms CPU a message, looks and lists included (aim: under {AIM_MS})")
    print(f"SDK         {beside:.3f} ms CPU a message for decoding alone, with {containers} threads")
    return 0 if cost < AIM_MS else 1


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:3])))
