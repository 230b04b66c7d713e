"""The three servers of the metrics benchmark as processes: how they are started, asked and measured."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from stack.local.child import ChildSpec, end, environment, spawn

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "showcall"
PROMETHEUS_35 = Path(os.environ.get("PROMETHEUS_35") or CACHE / "prometheus-3.5/usr/bin/prometheus")
STOP = ((signal.SIGTERM, 15.0),)
START_SECONDS = 60.0
SHOWCALL = (sys.executable, "-m", "launch")
OURS, PROMETHEUS, VICTORIA = "showcall", "prometheus", "victoriametrics"
AGENTS = {OURS: "Showcall", PROMETHEUS: "Prometheus", VICTORIA: "vm_promscrape"}
READY = {OURS: "/-/ready", PROMETHEUS: "/-/ready", VICTORIA: "/health"}


@dataclass(frozen=True, slots=True)
class Site:
    """The targets' port, how many there are, how many series each, and how many seconds between scrapes."""

    port: int
    targets: int
    series: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: psutil.Process
    folder: Path

    def cpu(self) -> float:
        """CPU seconds so far, user and system, all threads."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Resident memory in MB."""
        return float(self.process.memory_info().rss) / 1e6

    def ask(self, path: str, parameters: Mapping[str, str]) -> Any:
        """The ``data`` of an answer of Prometheus' API."""
        document = json.loads(self.raw(path, parameters))
        if document.get("status") != "success":
            raise SystemExit(f"{self.name}: {path} {dict(parameters)}: {document}")
        return document["data"]

    def raw(self, path: str, parameters: Mapping[str, str]) -> bytes:
        """The body of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", f"{path}?{urlencode(parameters)}")
            return connection.getresponse().read()
        finally:
            connection.close()


def prometheus_binary() -> str | None:
    """3.5 where it was unpacked, else the system's."""
    return str(PROMETHEUS_35) if os.access(PROMETHEUS_35, os.X_OK) else shutil.which("prometheus")


def promtool_binary() -> str | None:
    """The system's: what it writes every Prometheus reads."""
    return shutil.which("promtool")


def victoria_binary() -> str | None:
    """The system's."""
    return shutil.which("victoria-metrics") or shutil.which("victoriametrics")


def available(wanted: Sequence[str]) -> list[str]:
    """Those of the wanted servers that are installed."""
    there = {OURS: "yes", PROMETHEUS: prometheus_binary(), VICTORIA: victoria_binary()}
    return [name for name in wanted if there[name]]


def version(binary: str | None) -> str:
    """The first line that a program says of itself."""
    if binary is None:
        return "not installed"
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).splitlines()[0].partition(" (")[0]


@contextmanager
def targets(profile: str, number: int, series: int) -> Iterator[Site]:
    """The generator for as long as the block lasts."""
    command = [sys.executable, str(ROOT / "benchmarks/metrics_targets.py"), "--profile", profile]
    command += ["--targets", str(number), "--series", str(series)]
    with tempfile.TemporaryDirectory(prefix="showcall-targets-") as folder:
        log = Path(folder) / "log"
        process = spawn(ChildSpec(command, log, ROOT, environment(PYTHONPATH=str(ROOT)), piped=True))
        try:
            assert process.stdout is not None
            yield Site(int(process.stdout.readline()), number, series)
        finally:
            end(process, STOP)


def served(site: Site) -> dict[str, int]:
    """Samples given to each server so far."""
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("GET", "/served")
    told = json.loads(connection.getresponse().read())
    return {name: int(told.get(agent, 0)) for name, agent in AGENTS.items()}


@contextmanager
def servers(
    names: Sequence[str], site: Site, rules: str | None = None, keep: str = "15m"
) -> Iterator[dict[str, Server]]:
    """These servers, scraping the site, for as long as the block lasts."""
    with ExitStack() as ending:
        yield {name: ending.enter_context(running(name, site, rules, keep)) for name in available(names)}


@contextmanager
def running(
    name: str,
    site: Site,
    rules: str | None,
    keep: str,
    prepared: Callable[[Path], None] = lambda _: None,
) -> Iterator[Server]:
    """One server, once it is ready; its folder is ``prepared`` before."""
    with tempfile.TemporaryDirectory(prefix=f"showcall-{name}-") as folder_name:
        folder, port = Path(folder_name), free_port()
        if rules is not None:
            (folder / "rules.yaml").write_text(rules)
        made = {OURS: _showcall, PROMETHEUS: _prometheus, VICTORIA: _victoria}[name]
        command = made(folder, port, site, rules is not None, keep)
        prepared(folder)
        process = spawn(_spec(command, folder))
        try:
            _wait(name, port, process, folder)
            yield Server(name, port, psutil.Process(process.pid), folder)
        finally:
            end(process, STOP)


def _spec(command: list[str], folder: Path) -> ChildSpec:
    """A server as it runs where it is installed, where compiled modules are there from the start before."""
    alike = environment(URLLIB3_NO_OVERRIDE="1", PYTHONDONTWRITEBYTECODE="")
    return ChildSpec(command, folder / "log", ROOT, alike)


def _wait(name: str, port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", READY[name])
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"{name} is not ready:\n{(folder / 'log').read_text(errors='replace')[-3000:]}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _showcall(folder: Path, port: int, site: Site, rules: bool, keep: str) -> list[str]:
    """JSON is YAML."""
    pages = f"http://127.0.0.1:{site.port}/t/"
    config = {
        "name": "benchmark",
        "data_dir": "data",
        "web": {"port": port, "api_without_token": True},
        "collector": {
            "interval": "1s",
            "timeout": "900ms",
            "targets": [
                {"name": f"t{number}", "kind": "actuator", "url": f"{pages}{number}"}
                for number in range(site.targets)
            ],
        },
        "metrics": {"keep": keep, "lookback": min(keep, "5m", key=_minutes), "max_samples": 500_000_000},
        "alerts": {"rule_files": ["rules.yaml"] if rules else []},
        "runbooks": {"catalog": str(ROOT / "runbooks/catalog"), "only": [], "mode": "observe"},
    }
    (folder / "config.yaml").write_text(json.dumps(config, indent=1))
    return [*SHOWCALL, "run", "--config", str(folder / "config.yaml")]


def _minutes(text: str) -> int:
    return int(text.removesuffix("m"))


def _scraping(site: Site) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
        "scrape_configs": [
            {
                "job_name": f"t{number}",
                "metrics_path": f"/t/{number}",
                "static_configs": [{"targets": [f"127.0.0.1:{site.port}"]}],
            }
            for number in range(site.targets)
        ],
    }


def _prometheus(folder: Path, port: int, site: Site, rules: bool, keep: str) -> list[str]:  # noqa: ARG001
    config = _scraping(site)
    if rules:
        config["rule_files"] = ["rules.yaml"]
        config["global"]["evaluation_interval"] = "5s"
    (folder / "config.yaml").write_text(json.dumps(config))
    return [
        str(prometheus_binary()),
        f"--config.file={folder / 'config.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.max-samples=500000000",
        "--log.level=warn",
    ]


def _victoria(folder: Path, port: int, site: Site, rules: bool, keep: str) -> list[str]:  # noqa: ARG001
    (folder / "config.yaml").write_text(json.dumps(_scraping(site)))
    return [
        str(victoria_binary()),
        f"-promscrape.config={folder / 'config.yaml'}",
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s",
        "-loggerLevel=WARN",
    ]
