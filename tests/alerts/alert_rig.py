"""A real store, a real database and an evaluator on a virtual clock: one call is one round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import settings
from alerts import alert_store, incident_store, timeline_store
from alerts.alert_state import Alert
from alerts.evaluator import Evaluation, Evaluator
from alerts.held_lease import HeldLease
from alerts.incident import Incident
from alerts.rule import RuleSet
from alerts.rule_files import load_all
from alerts.timeline import TimelineRow
from alerts.topology import Topology
from database import Database
from metrics import Store, parse
from metrics.promql.ast import VectorSelector
from metrics.values import Batch, Labels, labels_of

START = 1_700_000_000.0
TOPOLOGY = """
topology:
  - name: queue
    title: Waiting queue
    calls: [service]
    facts:
      - title: admits
        expr: sum(admitted)
        unit: users/s
        role: demand
        to: service
        makes: 5
        makes_unit: queries
  - name: service
    title: Service
    calls: [pool, redis]
    facts: [{title: p95, expr: max(p95), unit: s, role: effect}]
  - name: pool
    title: Pool
    calls: [database]
    saturated: active == limit and pending > 0
    facts: [{title: waiting, expr: sum(pending), unit: requests, role: effect}]
  - name: database
    title: Database
    saturated: busy > 0.8
    facts: [{title: serves, expr: sum(served), unit: queries/s, role: capacity}]
  - name: redis
    title: Redis
collector:
  targets:
    - {name: concert, kind: actuator, component: service, url: "http://127.0.0.1:1/"}
    - {name: cache, kind: redis, component: redis, port: 1}
    - {name: boxes, kind: local_processes, stack_file: stack.json}
"""


def labels(text: str) -> Labels:
    """``name{a="b"}`` as a label set."""
    expr = parse(text)
    assert isinstance(expr, VectorSelector)
    return labels_of([(matcher.name, matcher.value) for matcher in expr.matchers])


def configured(folder: Path, rules: str, topology: str = TOPOLOGY) -> tuple[RuleSet, Topology]:
    """The rules of one group, written as in a rule file, beside a topology."""
    lines = "\n".join(f"      {line}" for line in rules.strip("\n").split("\n"))
    (folder / "rules.yaml").write_text(f"groups:\n  - name: g\n    rules:\n{lines}\n", encoding="utf-8")
    config = folder / "config.yaml"
    config.write_text(f"alerts:\n  rule_files: [rules.yaml]\n{topology}", encoding="utf-8")
    loaded, source = settings.load_with_source(config)
    return load_all(loaded, source, str(config)), Topology.of(loaded)


class Leases:
    """Levers that are said to be held."""

    def __init__(self) -> None:
        self.now: tuple[HeldLease, ...] = ()

    def held(self) -> tuple[HeldLease, ...]:
        return self.now


@dataclass
class Rig:
    """One Showcall on one data directory; ``restart`` is a ``kill -9`` with everything in memory lost."""

    database: Database
    rules: RuleSet
    topology: Topology
    quiet: float = 20.0
    interval: float = 1.0
    at: float = START
    leases: Leases = field(default_factory=Leases)
    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, rules: RuleSet | None = None) -> None:
        self.rules = rules or self.rules
        self.store = Store()
        self.evaluator = Evaluator(
            self.rules,
            self.topology,
            asker=self.store,
            append=self.store.append,
            database=self.database,
            held=self.leases,
            quiet=self.quiet,
            interval=self.interval,
        )

    def shows(self, origin: str = "concert", **values: float | None) -> None:
        """What a target says from now on, by series name; None takes the series away."""
        self.says(origin, values)

    def says(self, origin: str, values: Mapping[str, float | None]) -> None:
        kept = {**self.values.get(origin, {}), **values}
        self.values[origin] = {name: value for name, value in kept.items() if value is not None}

    def round(self, down: Sequence[str] = (), seconds: float | None = None) -> Evaluation:
        """Scrape every target that is not down, then evaluate, one interval later."""
        self.at += self.interval if seconds is None else seconds
        for origin, values in self.values.items():
            shown = {} if origin in down else values
            batch = Batch(origin, self.at - 0.3, tuple(map(labels, shown)), np.array(list(shown.values())))
            self.store.append(batch)
        return self.evaluator.evaluate(self.at, frozenset(down))

    def rounds(self, count: int, down: Sequence[str] = ()) -> list[Evaluation]:
        return [self.round(down) for _ in range(count)]

    def active(self) -> list[Alert]:
        with self.database.reading() as connection:
            return list(alert_store.active(connection))

    def states(self) -> dict[str, str]:
        """State of each active alert by rule."""
        return {alert.rule: alert.state.value for alert in self.active()}

    def incidents(self) -> list[Incident]:
        with self.database.reading() as connection:
            return list(reversed(incident_store.recent(connection)))

    def incident(self) -> Incident:
        found = self.incidents()
        assert len(found) == 1, [incident.title for incident in found]
        return found[0]

    def rows(self) -> list[TimelineRow]:
        with self.database.reading() as connection:
            return list(timeline_store.since(connection, 0))

    def kinds(self) -> list[str]:
        return [row.kind.value for row in self.rows()]


def lease(incident_id: int | None, lever: str = "active_users_cap", component: str = "queue") -> HeldLease:
    """A throttle that is held."""
    return HeldLease(lever, component, incident_id, 8.0, 1000.0, "users", START)
