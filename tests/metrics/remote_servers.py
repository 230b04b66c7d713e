"""Servers that samples are written to: a recording fake, and real ones where they are installed."""

import http.client
import json
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cramjam

from metrics.values import Labels, labels_of

PROMETHEUS = shutil.which("prometheus")
VICTORIA = shutil.which("victoria-metrics")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "showcall"
PROMETHEUS_35 = shutil.which(
    os.environ.get("PROMETHEUS_35") or str(_CACHE / "prometheus-3.5/usr/bin/prometheus")
)

Written = list[tuple[Labels, list[tuple[int, float]]]]


def decoded(body: bytes) -> Written:
    """The series of a WriteRequest, by a decoder that knows nothing of the encoder."""
    return [_series(data) for _, data in _fields(bytes(cramjam.snappy.decompress_raw(body)))]


def _series(data: bytes) -> tuple[Labels, list[tuple[int, float]]]:
    labels: list[tuple[str, str]] = []
    samples: list[tuple[int, float]] = []
    for number, piece in _fields(data):
        found = dict(_fields(piece))
        if number == 1:
            labels.append((found[1].decode(), found.get(2, b"").decode()))
        else:
            samples.append((found[2], struct.unpack("<d", found[1])[0]))
    assert labels == sorted(labels)
    return tuple(labels), samples


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, data[at : at + 8]
                at += 8
            case 2:
                length, at = _varint(data, at)
                yield tag >> 3, data[at : at + length]
                at += length
            case other:
                raise AssertionError(f"wire type {other}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


@dataclass
class Fake:
    """Records what it is sent. ``answers``: what to answer next (status, headers, body); then 204."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    accepted: list[bytes] = field(default_factory=list)
    hang: threading.Event | None = None
    on_request: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def samples(self) -> dict[Labels, list[tuple[int, float]]]:
        """Everything that was accepted, in the order in which it came."""
        found: dict[Labels, list[tuple[int, float]]] = {}
        for body in self.accepted:
            for labels, samples in decoded(body):
                found.setdefault(labels, []).extend(samples)
        return found


@contextmanager
def fake() -> Iterator[Fake]:
    """A running fake."""
    recorder = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            recorder.bodies.append(body)
            recorder.headers.append(dict(self.headers))
            recorder.paths.append(self.path)
            recorder.on_request()
            if recorder.hang is not None:
                recorder.hang.wait(20)
            status, headers, text = recorder.answers.pop(0) if recorder.answers else (204, {}, b"")
            if status < 300:
                recorder.accepted.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A caller that gives up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield recorder
    finally:
        if recorder.hang is not None:
            recorder.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()


class RealServer:
    """A Prometheus or a VictoriaMetrics that can be killed and started again over the same data."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "empty.yml").write_text("{}\n", encoding="utf-8")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = (self._folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self._kind} did not come up: {(self._folder / 'log').read_text()[-1500:]}")

    @property
    def kind(self) -> str:
        return self._kind

    def kill(self) -> None:
        """SIGKILL for Prometheus; VictoriaMetrics keeps seconds in memory alone and may put them down."""
        if self._process is not None:
            victoria = self._kind == "victoria-metrics"
            self._process.send_signal(signal.SIGTERM if victoria else signal.SIGKILL)
            self._process.wait()
            self._process = None

    def raw(self, selector: str, start: float, end: float) -> dict[Labels, list[tuple[int, float]]]:
        """Every sample of the series that match, by the server's API."""
        if self._kind == "victoria-metrics":
            return self._exported(selector, start, end)
        seconds = math.ceil(end - start)
        found = self._get("/api/v1/query", query=f"{selector}[{seconds}s]", time=f"{end:.3f}")
        rows = json.loads(found)["data"]["result"]
        return {
            labels_of(row["metric"]): [(round(at * 1000), float(text)) for at, text in row["values"]]
            for row in rows
        }

    def flush(self) -> None:
        """What was accepted may be asked for afterwards."""
        if self._kind == "victoria-metrics":
            self._get("/internal/force_flush")

    def _exported(self, selector: str, start: float, end: float) -> dict[Labels, list[tuple[int, float]]]:
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        lines = self._get("/api/v1/export", **{"match[]": selector, **times}).splitlines()
        found: dict[Labels, list[tuple[int, float]]] = {}
        for line in lines:
            row = json.loads(line.replace("+Inf", "Infinity").replace("-Inf", "-Infinity"))
            values = [math.nan if each is None else float(each) for each in row["values"]]
            found.setdefault(labels_of(row["metric"]), []).extend(zip(row["timestamps"], values, strict=True))
        return found

    def _command(self) -> list[str]:
        if self._kind == "victoria-metrics":
            return [
                str(VICTORIA),
                f"-storageDataPath={self._folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
                "-search.cacheTimestampOffset=0s",
                "-memory.allowedBytes=64MB",
            ]
        return [
            str(PROMETHEUS if self._kind == "prometheus" else PROMETHEUS_35),
            f"--config.file={self._folder / 'empty.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]

    def _answers(self) -> bool:
        try:
            self._get("/health" if self._kind == "victoria-metrics" else "/-/ready")
        except (OSError, RuntimeError, http.client.HTTPException):
            return False
        return True

    def _get(self, path: str, **parameters: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"{path}?{urlencode(parameters)}")
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {text}")
        return text


@contextmanager
def real_server(folder: Path, kind: str) -> Iterator[RealServer]:
    """A running server of that kind."""
    server = RealServer(folder, kind)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not come about"
        time.sleep(0.02)
