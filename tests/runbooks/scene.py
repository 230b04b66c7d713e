"""A small world for run loop tests: a lever server, a metrics store that is scraped, incidents, a clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from alerts import timeline_store
from alerts.alert_state import Alert, AlertState
from alerts.timeline import TimelineKind, TimelineRow
from database import Database
from metrics.store import Store
from metrics.values import Batch, labels_of
from runbooks import catalog_files, request_store, run_store
from runbooks.catalog_files import Catalog
from runbooks.levers import factory
from runbooks.request import NewRequest, Request, RequestKind
from runbooks.run import Run
from runbooks.run_loop import RunLoop
from runbooks.trouble import Trouble
from settings.schema import LeverSettings, RunbookMode, RunbooksSettings
from tests.runbooks.fake_lever import FakeLever, serving

START = 1_800_000_000.0
CATALOG = Path(__file__).parents[2] / "runbooks" / "catalog"


@dataclass
class Facts:
    """What the service's own metrics say; completions are a rate per second."""

    pending: float = 20.0
    completions: float = 4.8
    active: float = 40.0
    waiting: float = 30.0
    pool_size: float = 10.0
    busy: float = 10.0
    latency: float = 1.2
    redis_up: float = 1.0
    breaker_open: float = 0.0


@dataclass
class FakeIncidents:
    """One incident that fires while ``firing`` says so."""

    firing: tuple[str, ...] = ("PoolExhausted",)
    resolved: bool = False

    def unresolved(self) -> Sequence[Trouble]:
        if self.resolved:
            return ()
        return [Trouble(1, tuple(alert(name) for name in self.firing))]


def alert(rule: str) -> Alert:
    return Alert(
        rule=rule,
        labels=labels_of({"alertname": rule, "pool": "HikariPool-1"}),
        annotations={},
        state=AlertState.FIRING,
        held=AlertState.FIRING,
        active_at=START,
        fired_at=START,
        resolved_at=None,
        value=1.0,
        component="pool",
        severity="critical",
        incident_id=1,
    )


def lever_settings(url: str, **changes: object) -> LeverSettings:
    return LeverSettings.model_validate(
        {
            "name": "active_users_cap",
            "title": "Cap on active users",
            "kind": "http_json",
            "component": "queue",
            "url": url,
            "unit": "users",
            "minimum": 7,
            "maximum": 1000,
            "baseline": 1000,
            "safe_direction": "down",
            "timeout": "300ms",
            **changes,
        }
    )


@dataclass
class Scene:
    """The world; ``tick`` lets a second pass: scrape, evaluate, act."""

    database: Database
    lever: FakeLever
    store: Store
    incidents: FakeIncidents
    catalog: Catalog
    levers: tuple[LeverSettings, ...]
    now: float = START
    facts: Facts = field(default_factory=Facts)
    scraped: bool = True
    completed: float = 0.0
    requested: float = 0.0
    settings: RunbooksSettings = field(default_factory=RunbooksSettings)
    loop: RunLoop | None = None

    def new_loop(self) -> RunLoop:
        """Another Showcall on the same data, as after a restart."""
        return RunLoop(
            self.database,
            self.settings,
            catalog=self.catalog,
            levers=factory.build(self.levers),
            asker=self.store,
            incidents=self.incidents,
            clock=lambda: self.now,
        )

    def restart(self) -> None:
        self.loop = self.new_loop()

    def scrape(self) -> None:
        """One second of the stack's life, and one look at it."""
        self.now += 1.0
        self.lever.advance(self.now)
        self.completed += self.facts.completions
        self.requested += self.facts.completions
        if self.scraped:
            self.store.append(_batch(self))

    def tick(self, times: int = 1, lag: float = 0.0) -> None:
        for _ in range(times):
            self.scrape()
            self.act(lag)

    def act(self, lag: float = 0.0) -> None:
        if self.loop is None:
            self.restart()
        assert self.loop is not None
        self.loop.step(self.now, lag)

    def warm(self, seconds: int = 12) -> None:
        """The stack is watched for a while before anything fires."""
        for _ in range(seconds):
            self.scrape()

    def calm(self) -> None:
        """The throttle works: nobody waits for a connection, users still ask."""
        self.facts = replace(self.facts, pending=0.0, active=self.lever.value)

    def harm(self) -> None:
        """The throttle is too deep: people wait, and the database stands idle."""
        self.facts = replace(self.facts, pending=0.0, completions=1.0, active=8.0, waiting=50.0, busy=0.4)

    def over(self) -> None:
        """The surge has ended and everybody is gone."""
        self.facts = replace(self.facts, pending=0.0, active=0.0, waiting=0.0, completions=0.2)
        self.incidents.firing = ()

    def request(self, kind: RequestKind, **values: object) -> int:
        new = NewRequest(kind=kind, who="min", at=self.now, **values)  # type: ignore[arg-type]  # test values
        with self.database.transaction() as tx:
            return request_store.add(tx, new)

    def answered(self, request_id: int) -> Request:
        with self.database.reading() as connection:
            found = request_store.get(connection, request_id)
        assert found is not None
        return found

    def runs(self) -> Sequence[Run]:
        with self.database.reading() as connection:
            return run_store.for_incident(connection, 1)

    @property
    def run(self) -> Run:
        return self.runs()[-1]

    def rows(self, *kinds: TimelineKind) -> list[TimelineRow]:
        with self.database.reading() as connection:
            found = timeline_store.since(connection, 0, limit=5000)
        return [row for row in found if not kinds or row.kind in kinds]

    def story(self) -> list[str]:
        """Kind and reason of every row, for reading a failure."""
        return [f"{row.at - START:.0f} {row.kind} {row.reason}: {row.text}" for row in self.rows()]


@contextmanager
def scene(folder: Path, mode: RunbookMode = RunbookMode.AUTO, **lever_changes: object) -> Iterator[Scene]:
    """A scene with the shipped catalog's throttle_queue, watched for twelve seconds."""
    database = Database(f"sqlite:///{folder}/showcall.db")
    database.create_all()
    lever, spare = FakeLever(now=START), FakeLever(now=START, value=100, baseline=100)
    with serving(lever) as url, serving(spare) as spare_url:
        levers = (lever_settings(url, **lever_changes), rate_settings(spare_url))
        made = Scene(
            database=database,
            lever=lever,
            store=Store(),
            incidents=FakeIncidents(),
            catalog=shipped_throttle(),
            levers=levers,
            settings=RunbooksSettings(mode=mode),
        )
        made.warm()
        yield made
    database.close()


@cache
def shipped_throttle() -> Catalog:
    """The shipped throttle_queue; reading YAML takes longer than most tests."""
    levers = (lever_settings("http://127.0.0.1:1/cap"), rate_settings("http://127.0.0.1:1/rate"))
    return throttle_only(levers)


def rate_settings(url: str) -> LeverSettings:
    return lever_settings(
        url, name="admission_rate", title="Admission per 10 s", minimum=1, maximum=100, baseline=100
    )


def throttle_only(levers: Sequence[LeverSettings]) -> Catalog:
    breaker = LeverSettings.model_validate(
        {
            "name": "circuit_breaker",
            "title": "Breaker",
            "kind": "resilience4j",
            "component": "pool",
            "url": "http://127.0.0.1:1/actuator/circuitbreakers",
            "breaker": "database",
            "states": ("METRICS_ONLY", "CLOSED", "FORCED_OPEN"),
            "baseline": "METRICS_ONLY",
            "safe_state": "FORCED_OPEN",
        }
    )
    whole = catalog_files.load(CATALOG, [*levers, breaker])
    return Catalog(tuple(each for each in whole.runbooks if each.name == "throttle_queue"))


BREAKER = {"__name__": "resilience4j_circuitbreaker_state", "name": "database", "state": "forced_open"}
DATE = {"uri": "/api/v1/concert/{concertId}/date", "status": "200"}


def _batch(made: Scene) -> Batch:
    facts = made.facts
    values = {
        (("__name__", "hikaricp_connections_pending"),): facts.pending,
        (("__name__", "hikaricp_connections_max"),): facts.pool_size,
        (("__name__", "hikaricp_connections_active"),): facts.busy,
        (("__name__", "hikaricp_connections_usage_seconds_count"),): made.completed,
        (("__name__", "queue_active"),): facts.active,
        (("__name__", "queue_waiting"),): facts.waiting,
        (("__name__", "queue_active_cap"),): float(made.lever.value),
        (("__name__", "redis_up"),): facts.redis_up,
        labels_of(BREAKER): facts.breaker_open,
        labels_of({"__name__": "http_server_requests_seconds_count", **DATE}): made.requested,
    }
    for edge in (0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0):
        labels = labels_of({"__name__": "http_server_requests_seconds_bucket", "le": f"{edge:g}", **DATE})
        values[labels] = made.requested if edge >= facts.latency else 0.0
    infinite = labels_of({"__name__": "http_server_requests_seconds_bucket", "le": "+Inf", **DATE})
    values[infinite] = made.requested
    return Batch("concert", made.now, tuple(values), np.array(list(values.values())))
