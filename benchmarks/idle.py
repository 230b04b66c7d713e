"""What Showcall costs while it watches the idle demo stack at one look a second.

    .venv/bin/python benchmarks/idle.py [--seconds 60]

Starts the stack and a Showcall as the demo does, waits until it is settled, then reads the process' CPU time
and memory from the operating system: once with nobody at the console, once with one viewer on the live
stream. Exit code 0 when both figures without a viewer are within their aims, 1 when not.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402 - the project is beside, not installed
from rich.console import Console  # noqa: E402

import configuration  # noqa: E402
from database import Database  # noqa: E402
from settings.schema import Settings  # noqa: E402
from stack import local  # noqa: E402
from stack.config import StackConfig  # noqa: E402
from stack.local.child import ChildSpec, end, environment, spawn  # noqa: E402
from stack.local.cpu import step_aside  # noqa: E402
from web.session_store import Role  # noqa: E402
from web.sign_in import new_code  # noqa: E402

CPU_AIM_PERCENT = 8.0
MEMORY_AIM_MB = 200.0
SETTLE_SECONDS = 30.0
CONFIG = ROOT / "config.yaml"
STOP = ((signal.SIGTERM, 8.0),)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU in per cent of one core, peak RSS in MB, threads, over so many seconds."""

    cpu_percent: float
    memory_mb: float
    threads: int
    seconds: float


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args(arguments).seconds
    settings = configuration.load(CONFIG).settings
    console = Console()
    before = psutil.cpu_times()
    with ExitStack() as ending:
        ending.enter_context(stack_up(settings, console))
        step_aside()
        data_dir = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="showcall-idle-")))
        process = ending.enter_context(showcall_up(settings, data_dir))
        console.print(
            f"Settling for {SETTLE_SECONDS:g} s, then {seconds:g} s without and {seconds:g} s with a viewer"
        )
        time.sleep(SETTLE_SECONDS)
        alone = measured(process, seconds)
        ending.enter_context(viewer(settings, data_dir))
        watched = measured(process, seconds)
    return printed(alone, watched, steal_percent(before), console)


@contextmanager
def stack_up(settings: Settings, console: Console) -> Iterator[None]:
    """The concert stack for as long as the block lasts."""
    config = StackConfig(**settings.stack.model_dump())
    local.up(config, lambda step: console.print(f"{step.part:<9} {step.text}"), supervised_by=os.getpid())
    try:
        yield
    finally:
        local.down(config.run_dir, lambda _: None)


@contextmanager
def showcall_up(settings: Settings, data_dir: Path) -> Iterator[psutil.Process]:
    """A Showcall in a process of its own, once it is ready."""
    command = [sys.executable, "-m", "launch", "run", "--config", str(CONFIG), "--data-dir", str(data_dir)]
    log = data_dir / "showcall.log"
    log.touch(mode=0o600)
    process = spawn(ChildSpec(argv=command, log=log, cwd=ROOT, environment=environment()))
    try:
        deadline = time.monotonic() + 30.0
        while answer(settings, "/-/ready") != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"Showcall is not ready:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        end(process, STOP)


def answer(settings: Settings, path: str) -> int | None:
    """The status of a page, None without an answer."""
    connection = HTTPConnection(settings.web.host, settings.web.port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


@contextmanager
def viewer(settings: Settings, data_dir: Path) -> Iterator[None]:
    """Somebody who looks at the Now page: signed in, on the live stream."""
    database = Database(f"sqlite:///{data_dir}/showcall.db")
    code = new_code(database, "viewer", time.time(), Role.VIEWER)  # noqa: TID251 - a benchmark has no other clock
    database.close()
    connection = HTTPConnection(settings.web.host, settings.web.port, timeout=5.0)
    form = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://{connection.host}:{connection.port}",
    }
    connection.request("POST", "/sign-in", body=f"code={code}", headers=form)
    signed_in = connection.getresponse()
    signed_in.read()
    cookie = signed_in.headers.get("Set-Cookie", "").split(";")[0]
    if not cookie:
        raise SystemExit(f"the viewer could not sign in: status {signed_in.status}")
    stream = HTTPConnection(settings.web.host, settings.web.port, timeout=5.0)
    stream.request("GET", "/events?view=now", headers={"Cookie": cookie})
    response = stream.getresponse()
    if response.status != 200:
        raise SystemExit(f"the live stream answers {response.status}")
    try:
        yield
    finally:
        stream.close()


def measured(process: psutil.Process, seconds: float) -> Cost:
    """CPU time over a while and the largest memory seen in it."""
    began, cpu, peak = time.monotonic(), busy(process), 0.0
    while time.monotonic() - began < seconds:
        time.sleep(1.0)
        peak = max(peak, process.memory_info().rss / 1e6)
    lasted = time.monotonic() - began
    return Cost(100.0 * (busy(process) - cpu) / lasted, peak, process.num_threads(), lasted)


def busy(process: psutil.Process) -> float:
    """CPU seconds, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)


def steal_percent(before: object) -> float:
    """Processor time that other guests of the host took since, in per cent."""
    after = psutil.cpu_times()
    spent = sum(after) - sum(before)  # type: ignore[call-overload]
    return (
        float(100.0 * (getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)) / spent)
        if spent
        else 0.0
    )


def printed(alone: Cost, watched: Cost, steal: float, console: Console) -> int:
    """The figures beside their aims."""
    console.print(f"machine: {psutil.cpu_count()} processors, {steal:.1f} % stolen by the host")
    console.print(f"{'':<22} {'CPU, % of a core':>18} {'memory, MB':>12} {'threads':>8} {'seconds':>8}")
    for name, cost in (("nobody watches", alone), ("one viewer", watched)):
        figures = f"{cost.cpu_percent:>18.2f} {cost.memory_mb:>12.1f} {cost.threads:>8} {cost.seconds:>8.0f}"
        console.print(f"{name:<22} {figures}")
    console.print(f"{'aim':<22} {'under 8':>18} {'under 200':>12}")
    ratios = f"{alone.cpu_percent / CPU_AIM_PERCENT:>18.2f} {alone.memory_mb / MEMORY_AIM_MB:>12.2f}"
    console.print(f"{'ratio to the aim':<22} {ratios}")
    return 0 if alone.cpu_percent < CPU_AIM_PERCENT and alone.memory_mb < MEMORY_AIM_MB else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
