"""A real Prometheus with known samples: blocks made by promtool, a server on a port of its own, questions."""

import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from metrics.values import Labels, labels_of

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "showcall"
_BINARIES = {
    "stable": Path("/usr/bin/prometheus"),
    "3.5": Path(os.environ.get("PROMETHEUS_35") or _CACHE / "prometheus-3.5/usr/bin/prometheus"),
}
_PATIENCE = 600
"""Seconds to wait for an answer: only a machine that stands still takes so long."""
PROMTOOL = shutil.which("promtool")


@dataclass(frozen=True, slots=True)
class Given:
    """An answer: values by labels and time in milliseconds, or the error; notes sorted."""

    kind: str = ""
    rows: "tuple[tuple[Labels, tuple[tuple[int, float], ...]], ...]" = ()
    text: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def missing(which: str) -> str | None:
    """Why this Prometheus cannot be asked; None where it can."""
    if PROMTOOL is None:
        return "no promtool here (make test-deps)"
    found = _BINARIES[which]
    return None if os.access(found, os.X_OK) else f"no Prometheus {which} at {found} (make test-deps)"


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection: http.client.HTTPConnection | None = None

    def instant(self, query: str, at_ms: int) -> Given:
        """Ask at one time."""
        return _given(self.ask("query", {"query": query, "time": _seconds(at_ms)}))

    def over_range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Given:
        """Ask at many times."""
        times = {"start": _seconds(start_ms), "end": _seconds(end_ms), "step": _seconds(step_ms)}
        return _given(self.ask("query_range", {"query": query, **times}))

    def ask(self, call: str, parameters: Mapping[str, str]) -> Any:
        """The JSON document that a call of the API answers."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", f"/api/v1/{call}", urlencode(parameters), headers)
        return json.loads(self._connection.getresponse().read().decode("utf-8", "replace"))

    def write(self, message: bytes) -> None:
        """Send a WriteRequest of remote write 1.0, compressed as snappy does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        connection.request("POST", "/api/v1/write", message, headers)
        answer = connection.getresponse()
        if answer.status != 204:
            raise RuntimeError(f"remote write: {answer.status} {answer.read().decode(errors='replace')}")


def blocks(folder: Path, page: str) -> Path:
    """A data directory with the samples of an OpenMetrics page."""
    source, data = folder / "samples.om", folder / "data"
    source.write_text(page, encoding="utf-8")
    subprocess.run(
        [str(PROMTOOL), "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)],
        check=True,
        capture_output=True,
    )
    return data


@contextmanager
def running(which: str, folder: Path, data: Path | None, settings: str = "{}\n") -> Iterator[Prometheus]:
    """A server over a copy of these blocks, if any, for as long as the block lasts; it takes remote write."""
    folder.mkdir()
    if data is not None:
        shutil.copytree(data, folder / "data")
    (folder / "settings.yml").write_text(settings, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(_BINARIES[which]),
        f"--config.file={folder / 'settings.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait(server, port, folder / "log")
            yield Prometheus(port)
        finally:
            server.terminate()


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not come up: {log.read_text(errors='replace')[-2000:]}")


def _seconds(at_ms: int) -> str:
    return f"{at_ms / 1000:.3f}"


def _given(document: Any) -> Given:
    if document["status"] != "success":
        return Given(error=f"{document['errorType']}: {document['error']}")
    data = document["data"]
    told = [tuple(sorted(document.get(each, ()))) for each in ("warnings", "infos")]
    match data["resultType"]:
        case "scalar":
            return Given("scalar", (((), (_point(data["result"]),)),), None, None, *told)
        case "string":
            return Given("string", (), data["result"][1], None, *told)
        case kind:
            rows = tuple((labels_of(each["metric"]), _points(each)) for each in data["result"])
            return Given(kind, rows, None, None, *told)


def _points(row: Any) -> tuple[tuple[int, float], ...]:
    return tuple(_point(each) for each in row.get("values") or [row["value"]])


def _point(pair: Any) -> tuple[int, float]:
    at, text = pair
    return round(at * 1000), math.nan if text == "NaN" else float(text)
