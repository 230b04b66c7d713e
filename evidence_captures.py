"""Every capture there is: the looks of the collector as evidence, beside those of the other rooms."""

from collections.abc import Callable, Sequence

from alerts.captures.pool import PoolCapture
from alerts.captures.rule_values import AlertsCapture, QueriesCapture
from alerts.captures.threads import ThreadsCapture
from alerts.evidence import (
    Asked,
    Capture,
    Captured,
    CaptureError,
    CaptureName,
    Pace,
    Traits,
)
from alerts.evidence_choice import Choice
from alerts.evidence_due import Chooser
from alerts.rule import RuleSet
from alerts.topology import Topology
from collector.captures.postgresql_look import PostgresqlLook
from collector.captures.redis_look import RedisLook
from collector.deadline import Deadline
from collector.log_lines import LogReader, LogReaders
from collector.resolver import Resolver
from collector.source import ScrapeError
from collector.sources import postgresql_settings, redis_settings
from database import Database
from evidence_tables import lock_tables, log_lines, log_notes, redis_tables, statement_tables
from metrics.values import Asker
from runbooks.lever_evidence import LeversCapture
from settings.schema import Settings, TargetKind, TargetSettings

SHORTEST_WINDOW_SECONDS = 10.0
SCRAPES_IN_A_WINDOW = 4
BEFORE_THE_OPENING_SECONDS = 30.0
LOG_AT_MOST_SECONDS = 300.0

_READ = (CaptureName.LOG, CaptureName.STATEMENTS, CaptureName.LOCKS, CaptureName.REDIS)
"""What a person reads first: what the service says, then what its database does."""


def captures(
    settings: Settings,
    rules: RuleSet,
    *,
    asker: Asker,
    database: Database,
    logs: LogReaders,
    clock: Callable[[], float],
) -> tuple[Capture, ...]:
    """All captures of a configuration, in the order in which people read them. Opens nothing."""
    window = max(SHORTEST_WINDOW_SECONDS, SCRAPES_IN_A_WINDOW * settings.collector.interval)
    return (
        PoolCapture(asker, window),
        ThreadsCapture(asker),
        LeversCapture(database),
        AlertsCapture(asker, rules),
        QueriesCapture(asker, choices(rules)),
        *_looks(settings, logs, clock),
    )


def chooser(rules: RuleSet, topology: Topology) -> Chooser:
    """Which rule wants what."""
    return Chooser(choices(rules), topology)


def choices(rules: RuleSet) -> dict[str, Choice | None]:
    """By a rule's name; of several with one name the first that chooses."""
    found: dict[str, Choice | None] = {}
    for rule in rules.alerting:
        found[rule.name] = found.get(rule.name) or rule.evidence
    return found


def _looks(settings: Settings, logs: LogReaders, clock: Callable[[], float]) -> Sequence[Capture]:
    resolver = Resolver()
    found: list[Capture] = []
    for target in settings.collector.targets:
        match target.kind:
            case TargetKind.POSTGRESQL:
                found += _of_postgresql(target, resolver)
            case TargetKind.REDIS:
                found.append(_of_redis(target, resolver))
            case TargetKind.LOG if target.name in logs:
                found.append(LogCapture(target, logs[target.name], clock))
    return sorted(found, key=lambda capture: _READ.index(capture.traits.name))


def _traits(name: CaptureName, title: str, target: TargetSettings) -> Traits:
    return Traits(
        name, f"{title} of {target.name}", Pace.SLOW, target.name, target.component, f"target {target.name}"
    )


class LookCapture:
    """What one look at a target's server finds at that moment.

    Args:
        look: raises ScrapeError; must not outlive its deadline.
    """

    def __init__(self, traits: Traits, look: Callable[[Deadline], Captured]) -> None:
        self.traits = traits
        self._look = look

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it looks at what is now
        """Ask over a connection of its own."""
        try:
            return self._look(Deadline.within(seconds))
        except ScrapeError as error:
            raise CaptureError(error.text) from None


def _of_postgresql(target: TargetSettings, resolver: Resolver) -> Sequence[Capture]:
    """The costliest statements and those that run; and who waits for whom."""
    server = PostgresqlLook(postgresql_settings(target), resolver)
    source = f"PostgreSQL at {server.where}"

    def statements(deadline: Deadline) -> Captured:
        found = server.statements(deadline)
        return Captured(source, tuple(statement_tables(found)), found.notes)

    def locks(deadline: Deadline) -> Captured:
        return Captured(source, tuple(lock_tables(server.locks(deadline))))

    return (
        LookCapture(_traits(CaptureName.STATEMENTS, "slowest statements", target), statements),
        LookCapture(_traits(CaptureName.LOCKS, "locks", target), locks),
    )


def _of_redis(target: TargetSettings, resolver: Resolver) -> Capture:
    """INFO in extract and the slow log."""
    server = RedisLook(redis_settings(target), resolver)

    def extract(deadline: Deadline) -> Captured:
        found = server.extract(deadline)
        return Captured(f"Redis at {server.where}", tuple(redis_tables(found)), found.notes)

    return LookCapture(_traits(CaptureName.REDIS, "INFO", target), extract)


class LogCapture:
    """The newest lines of a followed log, from half a minute before the opening on, by template."""

    def __init__(self, target: TargetSettings, reader: LogReader, clock: Callable[[], float]) -> None:
        self.traits = _traits(CaptureName.LOG, "last lines", target)
        self._reader = reader
        self._clock = clock

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - the lines are in memory
        """What the log said up to now."""
        now = self._clock()
        wanted = now - asked.incident.opened_at + BEFORE_THE_OPENING_SECONDS
        span = min(max(wanted, BEFORE_THE_OPENING_SECONDS), LOG_AT_MOST_SECONDS)
        found = self._reader.extract(now, span)
        return Captured(f"the file {found.file}", (log_lines(found),), log_notes(found))
