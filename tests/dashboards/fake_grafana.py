"""A Grafana that keeps what it is sent in memory, records every call, and fails as it is told."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_a-token-of-a-service-account"

Answer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: Any
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class Failure:
    """The next ``times`` calls with this method whose path begins so fail.

    ``status`` alone: refused. ``applied``: done all the same. ``cut``: the connection ends without an answer.
    ``hang``: no answer until the fake is closed.
    """

    method: str
    path: str
    status: int = 0
    message: str = ""
    times: int = 1
    applied: bool = False
    cut: bool = False
    hang: bool = False
    html: bool = False


@dataclass(slots=True)
class FakeGrafana:
    calls: list[Call] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    meta: dict[str, dict[str, Any]] = field(default_factory=dict)
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    before_save: Callable[[], None] | None = None
    prefix: str = ""
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _made: int = 0

    def fail(self, method: str, path: str, status: int = 0, **how: Any) -> None:
        self.failures.append(Failure(method, path, status, **how))

    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def failure_of(self, method: str, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.times > 0 and failure.method == method and path.startswith(failure.path):
                failure.times -= 1
                return failure
        return None

    def answer(self, method: str, path: str, body: Any, query: dict[str, list[str]]) -> Answer:
        with self._lock:
            kind, *rest = path.removeprefix("/api/").split("/")
            handler = getattr(self, f"_{kind}", None)
            return handler(method, rest, body, query) if handler else _message(404, "Not found")

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _folders(self, method: str, rest: list[str], body: Any, query: dict[str, list[str]]) -> Answer:
        if method == "POST":
            if body["uid"] in self.folders:
                return _message(409, "a folder with the same uid already exists")
            self.folders[body["uid"]] = {"id": self._number(), **body, "version": 1}
            return 200, self.folders[body["uid"]]
        folder = self.folders.get(rest[0])
        if folder is None:
            return _message(404, "folder not found")
        if method == "PUT":
            folder |= {"title": body["title"], "version": folder["version"] + 1}
        return 200, folder

    def _datasources(self, method: str, rest: list[str], body: Any, query: dict[str, list[str]]) -> Answer:
        secret = body.pop("secureJsonData", {}) if body else {}
        if method == "POST":
            self.secrets[body["uid"]] = dict(secret)
            if any(each["name"] == body["name"] for each in self.sources.values()):
                return _message(409, "data source with the same name already exists")
            self.sources[body["uid"]] = {
                "id": self._number(), "orgId": 1, "typeLogoUrl": "public/app/plugins/prometheus.svg",
                "user": "", "database": "", "basicAuth": False, "isDefault": False, "secureJsonFields": {},
                "version": 1, "readOnly": False, **body,
            }  # fmt: skip
            return 200, {"datasource": self.sources[body["uid"]], "message": "Datasource added"}
        source = self.sources.get(rest[1])
        if source is None:
            return _message(404, "data source not found")
        if method == "PUT":
            source.update({**body, "version": source["version"] + 1})
            self.secrets[rest[1]] |= secret
            return 200, {"datasource": source, "message": "Datasource updated"}
        return 200, {**source, "secureJsonFields": dict.fromkeys(self.secrets[rest[1]], True)}

    def _dashboards(self, method: str, rest: list[str], body: Any, query: dict[str, list[str]]) -> Answer:
        if method == "POST":
            if self.before_save:
                self.before_save()
            return self._save(body)
        model = self.dashboards.get(rest[1])
        if model is None:
            return _message(404, "Dashboard not found")
        return 200, {"dashboard": model, "meta": self.meta[rest[1]]}

    def _save(self, body: Any) -> Answer:
        model = body["dashboard"]
        there = self.dashboards.get(model["uid"])
        if body["folderUid"] not in self.folders:
            return _message(400, "folder not found")
        if there and not body["overwrite"] and model.get("version") != there["version"]:
            return _message(412, "The dashboard has been changed by someone else")
        version = there["version"] + 1 if there else 1
        number = there["id"] if there else self._number()
        self.dashboards[model["uid"]] = {**model, "id": number, "version": version}
        self.meta[model["uid"]] = {
            "folderUid": body["folderUid"], "version": version, "provisioned": False,
            "updatedBy": "sa-showcall", "updated": "2026-11-22T16:00:00Z",
        }  # fmt: skip
        return 200, {"id": number, "uid": model["uid"], "status": "success", "version": version}

    def edit(self, uid: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Somebody edits the dashboard by hand and saves it."""
        model = json.loads(json.dumps(self.dashboards[uid]))
        change(model)
        model["version"] += 1
        self.dashboards[uid] = model
        self.meta[uid] |= {"version": model["version"], "updatedBy": "minji"}

    def _annotations(self, method: str, rest: list[str], body: Any, query: dict[str, list[str]]) -> Answer:
        if method == "GET":
            wanted = set(query.get("tags", []))
            first, last = int(query["from"][0]), int(query["to"][0])
            found = [
                each
                for each in self.annotations.values()
                if wanted <= set(each["tags"]) and each["time"] <= last and each["timeEnd"] >= first
            ]
            return 200, found[: int(query.get("limit", ["100"])[0])]
        if method == "POST":
            number = self._number()
            self.annotations[number] = {"id": number, "timeEnd": body.get("time"), **body}
            return 200, {"id": number, "message": "Annotation added"}
        there = self.annotations.get(int(rest[0]))
        if there is None:
            return _message(404, "annotation not found")
        there.update(body)
        return 200, {"message": "Annotation updated"}


def _message(status: int, text: str) -> Answer:
    return status, {"message": text}


def _handler(fake: FakeGrafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            query = parse_qs(parts.query)
            path = unquote(parts.path)
            if not path.startswith(f"{fake.prefix}/api/"):
                self.reply(404, "<html>no such page</html>", "text/html")
                return
            path = path.removeprefix(fake.prefix)
            fake.calls.append(Call(self.command, path, body, tuple(query.get("tags", ()))))
            failure = fake.failure_of(self.command, path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.reply_json(401, {"message": "Invalid API key"})
            elif failure is not None:
                self.fail(failure, path, body, query)
            else:
                self.reply_json(*fake.answer(self.command, path, body, query))

        def fail(self, failure: Failure, path: str, body: Any, query: dict[str, list[str]]) -> None:
            if failure.applied:
                fake.answer(self.command, path, body, query)
            if failure.hang:
                fake.closing.wait(30)
            if failure.hang or failure.cut:
                self.close_connection = True
            elif failure.html:
                self.reply(200, "<html>please sign in</html>", "text/html")
            else:
                self.reply_json(failure.status, {"message": failure.message})

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the names that the server looks for

        def reply_json(self, status: int, body: Any) -> None:
            self.reply(status, json.dumps(body), "application/json; charset=UTF-8")

        def reply(self, status: int, text: str, kind: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    return Handler


@contextmanager
def running(prefix: str = "", tls: ssl.SSLContext | None = None) -> Iterator[FakeGrafana]:
    fake = FakeGrafana(prefix=prefix)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}{prefix}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
