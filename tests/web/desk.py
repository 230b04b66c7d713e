"""The console on a desk: a real database, a clock that tests turn, an asker that knows a few numbers."""

from dataclasses import dataclass, field, replace
from typing import Any

from flask.testing import FlaskClient

from alerts import incident_store, why
from alerts.incident import Incident, IncidentState
from alerts.rule_outcome import RuleStatus
from collector.round import TargetReport
from database import Database
from metrics.errors import ErrorKind as QueryErrorKind
from metrics.errors import QueryError
from metrics.values import PLAIN, Answer, Matrix, QueryResult, Sample, Terms, Vector
from web.parts import ConsoleParts, LoopHealth
from web.session_store import Role
from web.sign_in import new_code

NOW = 1_790_000_000.0


@dataclass
class Numbers:
    """An asker that answers from a table of fragments of queries."""

    values: dict[str, float] = field(default_factory=dict)
    age: float | None = 0.5
    broken: bool = False

    def query(self, expr: str, at: float) -> QueryResult:
        if self.broken:
            raise QueryError(QueryErrorKind.EXECUTION, "the engine is down")
        found = [value for key, value in self.values.items() if key in expr]
        return Vector(tuple(Sample((), value, at) for value in found[:1]))

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        return Matrix(())

    def ask(self, expr: str, at: float, terms: Terms = PLAIN) -> Answer[QueryResult]:
        return Answer(self.query(expr, at))

    def ask_range(
        self, expr: str, start: float, end: float, step: float, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        return Answer(self.query_range(expr, start, end, step))

    def freshness(self, expr: str, at: float) -> float | None:
        return self.age

    def origins(self, expr: str, at: float) -> frozenset[str]:
        return frozenset()


@dataclass
class Desk:
    """The console with the knobs that tests turn."""

    parts: ConsoleParts
    client: FlaskClient
    numbers: Numbers
    clock: list[float]
    reports: list[TargetReport]
    loops: list[LoopHealth]
    statuses: list[RuleStatus]

    @property
    def database(self) -> Database:
        return self.parts.database

    def sign_in(self, name: str = "mina", role: Role = Role.RESPONDER) -> str:
        """Sign in and return the session's form token."""
        code = new_code(self.database, name, self.clock[0], role)
        answer = self.client.post("/sign-in", data={"code": code, "next": "/account"}, follow_redirects=True)
        assert answer.status_code == 200
        return answer.text.split('name="csrf-token" content="')[1].split('"')[0]

    def json(self, path: str) -> Any:
        """The JSON answer of a GET."""
        return self.client.get(path).get_json()

    def open_incident(self, **changes: object) -> int:
        with self.database.transaction() as tx:
            return incident_store.add(tx, replace(an_incident(), **changes))  # type: ignore[arg-type]


def an_incident() -> Incident:
    """The pool is exhausted and the card says so."""
    card = why.WhyCard(
        at=NOW,
        cause="database",
        chain="admits 5 users/s x 5 queries = 25/s > database serves 4.9/s -> waiting 27",
        nodes=(
            why.WhyNode(
                "pool", "HikariPool-1", why.WhyNodeKind.COMPONENT, True, False,
                (
                    why.WhyFact(
                        "waiting", "sum(hikaricp_connections_pending)", 27.0, "requests", "27 requests"
                    ),
                ),
            ),
        ),
        arrows=(why.WhyArrow("pool", "database", ()),),
    )  # fmt: skip
    return Incident(
        id=0, title="Connection pool exhausted", state=IncidentState.OPEN, cause="database",
        severity="critical", opened_at=NOW - 42, why=card,
    )  # fmt: skip
