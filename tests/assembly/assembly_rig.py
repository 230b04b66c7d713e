"""A whole Showcall, in this process or one of its own: its console, and what it wrote down."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import assembly
import configuration
from alerts import alert_store, incident_store, timeline_store
from alerts.alert_state import Alert
from alerts.incident import Incident
from alerts.timeline import TimelineKind, TimelineRow
from database import Database
from runbooks import lease_store, request_store, run_store
from runbooks.catalog_files import Catalog
from runbooks.lease import Lease
from runbooks.request import NewRequest, Request, RequestKind
from runbooks.run import Run
from runbooks.runbook import ControlDo, Runbook
from tests.assembly.assembly_site import REPO, Site
from tests.assembly.fake_stack import wall_clock
from web.sign_in import new_code

Found = TypeVar("Found")
Typed = Callable[..., tuple[object, str, str]]
"""Runs a command line in the test's process: exit code, standard output, standard error."""

WITHIN = 20.0
"""Seconds; most things take one or two, but the machine may be busy."""


def eventually(condition: Callable[[], Found], what: str, within: float = WITHIN) -> Found:
    """The first true answer of ``condition``."""
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(0.05)


def always(condition: Callable[[], object], what: str, seconds: float) -> None:
    """``condition`` is true from now on for some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(0.05)


@dataclass
class Story:
    """What a Showcall wrote down: read from its database, whether it runs or not."""

    database: Database

    def rows(self, *kinds: TimelineKind) -> list[TimelineRow]:
        with self.database.reading() as connection:
            rows = timeline_store.since(connection, 0, limit=10_000)
        return [row for row in rows if not kinds or row.kind in kinds]

    def rows_of_kind(self) -> list[TimelineKind]:
        return [row.kind for row in self.rows()]

    def texts(self, *kinds: TimelineKind) -> list[str]:
        return [row.text for row in self.rows(*kinds)]

    def reasons(self, *kinds: TimelineKind) -> list[str]:
        return [row.reason for row in self.rows(*kinds)]

    def incidents(self) -> Sequence[Incident]:
        with self.database.reading() as connection:
            return incident_store.recent(connection)

    def alerts(self) -> Sequence[Alert]:
        with self.database.reading() as connection:
            return alert_store.active(connection)

    def alert(self, rule: str) -> Alert | None:
        return next((alert for alert in self.alerts() if alert.rule == rule), None)

    def runs(self) -> Sequence[Run]:
        with self.database.reading() as connection:
            return run_store.recent(connection)

    def leases(self) -> Sequence[Lease]:
        with self.database.reading() as connection:
            return lease_store.held(connection)

    def ask(self, kind: RequestKind, run: Run | None = None) -> int:
        """Mina asks for something, or says yes to a run's plan."""
        new = NewRequest(kind, "mina", wall_clock())
        if run is not None:
            new = replace(new, run_key=run.key, plan_hash=run.plan.hash)
        with self.database.transaction() as tx:
            return request_store.add(tx, new)

    def answer(self, request_id: int) -> Request | None:
        with self.database.reading() as connection:
            return request_store.get(connection, request_id)

    def told(self) -> str:
        """The whole timeline, for a failed test's report."""
        return "\n".join(f"{row.at:.2f} {row.kind}/{row.reason}: {row.text}" for row in self.rows())


def soon_drained(catalog: Catalog) -> Catalog:
    """The catalog, its law content with a calm of one second; no file can say that."""

    def drained(runbook: Runbook) -> Runbook:
        if not isinstance(runbook.do, ControlDo):
            return runbook
        law = replace(runbook.do.law, drained_for=1.0)
        return replace(runbook, do=replace(runbook.do, law=law))

    return Catalog(tuple(drained(runbook) for runbook in catalog.runbooks))


class InProcess:
    """A Showcall in this process, as assembly builds it."""

    def __init__(self, site: Site, clock: Callable[[], float] = wall_clock) -> None:
        written = configuration.load(site.write())
        catalog = soon_drained(written.catalog)
        self.showcall = assembly.build(replace(written, catalog=catalog), clock)
        self.story = Story(self.showcall.database)
        self._stopped = False

    @property
    def console(self) -> "Visitor":
        return Visitor(self.showcall.web.address)

    def signed_in(self) -> "Visitor":
        """Somebody who looks at the console's pages."""
        visitor = self.console
        assert visitor.sign_in(new_code(self.showcall.database, "mina", wall_clock())) == 303
        return visitor

    def start(self) -> "InProcess":
        self.showcall.start()
        return self

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.showcall.stop()


class Process:
    """``python -m showcall run`` in a process of its own."""

    def __init__(self, site: Site, *arguments: str) -> None:
        self._site = site
        site.write()
        self.log = site.folder / f"showcall-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                command("run", "--sign-in", "--config", str(site.config_file), *arguments),
                cwd=REPO,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
            )

    @property
    def story(self) -> Story:
        return Story(Database(f"sqlite:///{self._site.database_file}"))

    @property
    def said(self) -> str:
        """Everything it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def console(self) -> "Visitor":
        """Its console, once it has said where that is."""
        eventually(lambda: "Sign in" in self.said or self.popen.poll() is not None, "it started")
        found = re.search(r"Console +(http://\S+)", self.said)
        assert found, f"it did not start:\n{self.said}"
        return Visitor(found[1])

    @property
    def code(self) -> str:
        """The one-time code it printed."""
        found = re.search(r"#code=(\S+)", self.said)
        assert found, self.said
        return found[1]

    def kill(self) -> None:
        """kill -9."""
        self.popen.kill()
        self.popen.wait(10)

    def terminate(self, within: float = 10.0) -> int:
        """SIGTERM; the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(within)


def command(*arguments: str) -> list[str]:
    """The command line of Showcall."""
    return [sys.executable, "-m", "showcall", *arguments]


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        command(*arguments),
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@dataclass
class Visitor:
    """Somebody with a browser; ``cookie`` once signed in."""

    address: str
    cookie: str = ""

    def get(self, path: str) -> tuple[HTTPResponse, str]:
        return self._send("GET", path, None)

    def status(self, path: str) -> int:
        """The status of a GET; 0 without an answer."""
        try:
            return self.get(path)[0].status
        except OSError:
            return 0

    @contextmanager
    def stream(self, path: str) -> Iterator[HTTPResponse]:
        """An answer that goes on."""
        connection = self._connection()
        connection.request("GET", path, headers={"Cookie": self.cookie})
        yield connection.getresponse()
        connection.close()

    def sign_in(self, code: str) -> int:
        """The status: 303 and a session, or 401."""
        answer, _ = self._send("POST", "/sign-in", urlencode({"code": code, "next": "/"}))
        self.cookie = str(answer.getheader("Set-Cookie", "")).split(";")[0]
        return answer.status

    def _send(self, method: str, path: str, form: str | None) -> tuple[HTTPResponse, str]:
        connection = self._connection()
        headers = {"Accept": "text/html", "Cookie": self.cookie}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        try:
            connection.request(method, path, form, headers)
            answer = connection.getresponse()
            return answer, answer.read().decode()
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        where = urlsplit(self.address)
        return HTTPConnection(where.hostname or "", where.port or 0, timeout=5)
