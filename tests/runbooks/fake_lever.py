"""A lever server with the wire contract, misbehaviour on demand, and an append-only ledger of its effects.

It runs on the caller's clock: ``now`` is set by the test, so leases expire and ramps go on without waiting.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Mode(StrEnum):
    """What the next POSTs meet."""

    GOOD = "good"
    FAIL = "fail"  # 500, nothing applied
    HANG = "hang"  # never answers, nothing applied
    APPLY_THEN_HANG = "apply_then_hang"
    APPLY_THEN_RESET = "apply_then_reset"
    APPLY_THEN_FAIL = "apply_then_fail"
    CONFLICT = "conflict"
    REFUSE = "refuse"
    REDIRECT = "redirect"
    LIE = "lie"  # 200, nothing applied


@dataclass(frozen=True)
class Effect:
    """One line of the ledger: what really changed."""

    at: float
    value: Any
    before: Any
    run_id: str | None
    request_id: str | None
    what: str


@dataclass
class FakeLever:
    """One lever's state and its ledger. ``modes``: used up one per POST, then ``mode``."""

    value: Any = 1000
    baseline: Any = 1000
    version: int = 7
    lease: dict[str, Any] | None = None
    ramping: bool = False
    ramp_due: float = 0.0
    ramp_every: float = 3.0
    pool_waits: bool = False
    now: float = 0.0
    mode: Mode = Mode.GOOD
    modes: list[Mode] = field(default_factory=list)
    read_mode: Mode = Mode.GOOD
    has_release: bool = True
    ledger: list[Effect] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    gets: int = 0
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger_file: Path | None = None
    clock: Callable[[], float] | None = None

    def follow_clock(self) -> None:
        """Let the time pass that somebody else's clock shows."""
        if self.clock is not None:
            self.advance(self.clock())

    def changes(self, run_id: str | None = None) -> list[Effect]:
        """Effects that moved the value, of one run or of all."""
        return [
            effect
            for effect in self.ledger
            if effect.value != effect.before and (run_id is None or effect.run_id == run_id)
        ]

    def advance(self, now: float) -> None:
        """Let time pass: the lease expires, the ramp goes on."""
        self.now = now
        if self.lease is not None and now >= self.lease["until"]:
            self._let_go("expired", None)
        while self.ramping and now >= self.ramp_due and not self.pool_waits:
            before = self.value
            self.value = min(self.baseline, max(self.value * 2, self.value + 1))
            self.version += 1
            self.ramp_due += self.ramp_every
            self.ramping = self.value != self.baseline
            self._record(before, None, None, "ramp")
        if self.ramping and self.pool_waits:
            self.ramp_due = max(self.ramp_due, now)

    def turn_by_hand(self, value: Any) -> None:
        """A person sets it, without a lease."""
        before, self.value, self.lease, self.ramping = self.value, value, None, False
        self.version += 1
        self._record(before, None, None, "person")

    def shape(self) -> dict[str, Any]:
        lease = None
        if self.lease is not None:
            until = datetime.fromtimestamp(self.lease["until"], UTC).isoformat().replace("+00:00", "Z")
            lease = {**self.lease, "until": until}
        return {
            "value": self.value,
            "baseline": self.baseline,
            "version": self.version,
            "lease": lease,
            "ramping": self.ramping,
        }

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Apply one write, or say why not."""
        if body["requestId"] in self.answers:
            return 200, self.answers[body["requestId"]]
        if body["ifVersion"] != self.version:
            return 409, {"message": "ifVersion is old", **self.shape()}
        before = self.value
        if path.endswith("/release"):
            if not self.has_release:
                return 404, {"message": "no such path"}
            self._let_go("released", body["requestId"])
        else:
            self.value = body["value"]
            self.version += 1
            seconds = body["leaseSeconds"]
            held = {"owner": body["owner"], "runId": body["runId"], "until": self.now + seconds}
            self.lease = held if seconds else None
            self.ramping = False
            self._record(before, body["runId"], body["requestId"], "set")
        self.answers[body["requestId"]] = self.shape()
        return 200, self.shape()

    def _let_go(self, what: str, request_id: str | None) -> None:
        run_id = self.lease["runId"] if self.lease else None
        self.lease = None
        self.version += 1
        self.ramping = self.value != self.baseline
        self.ramp_due = self.now
        self._record(self.value, run_id, request_id, what)

    def _record(self, before: Any, run_id: str | None, request_id: str | None, what: str) -> None:
        effect = Effect(self.now, self.value, before, run_id, request_id, what)
        self.ledger.append(effect)
        if self.ledger_file is not None:
            with self.ledger_file.open("a") as file:
                file.write(json.dumps([effect.value, effect.before, effect.run_id, effect.what]) + "\n")


@contextmanager
def serving(lever: FakeLever) -> Iterator[str]:
    """Serve it; yields the URL."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            lever.follow_clock()
            lever.gets += 1
            if lever.read_mode is Mode.HANG:
                stop.wait(20)
                self.close_connection = True
            elif lever.read_mode is Mode.FAIL:
                self._answer(500, {"message": "out of order"})
            else:
                self._answer(200, lever.shape())

        def do_POST(self) -> None:
            lever.follow_clock()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            lever.posts.append(body)
            mode = lever.modes.pop(0) if lever.modes else lever.mode
            if mode in {Mode.APPLY_THEN_HANG, Mode.APPLY_THEN_RESET, Mode.APPLY_THEN_FAIL}:
                lever.post(self.path, body)
            match mode:
                case Mode.GOOD:
                    self._answer(*lever.post(self.path, body))
                case Mode.FAIL | Mode.APPLY_THEN_FAIL:
                    self._answer(500, {"message": "out of order"})
                case Mode.HANG | Mode.APPLY_THEN_HANG:
                    stop.wait(20)
                    self.close_connection = True
                case Mode.APPLY_THEN_RESET:
                    self.close_connection = True
                case Mode.CONFLICT:
                    self._answer(409, {"message": "ifVersion is old", **lever.shape()})
                case Mode.REFUSE:
                    self._answer(400, {"message": "value: out of bounds"})
                case Mode.REDIRECT:
                    self._answer(302, {}, {"Location": f"http://{self.headers['Host']}/elsewhere"})
                case Mode.LIE:
                    self._answer(200, lever.shape())

        def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/actuator/active-users"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
