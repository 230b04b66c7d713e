"""The daily digest: what a day was like, in one line and the numbers behind it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.incident import Incident, IncidentState
from alerts.quantity import quantity
from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind
from runbooks.run import Run, RunState

NAMED = 5
"""So many incidents, rules or targets are named; of the others only the number is said."""

NOT_CARRIED_OUT = frozenset({RunState.ASKED, RunState.DECLINED, RunState.EXPIRED})


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """What a digest is made of.

    Attributes:
        day: the calendar day on which it is made, ``2026-11-22``.
        since, until: what it covers, Unix seconds.
        incidents: that were not over at some time in it; ``runs``: that started or were undone in it.
        failing_rules, failing_targets: names, as things stand now.
        backup_at: when the last backup was made, None without one; ``backup_problem``: why the last failed.
        backed_up_by_us: else PostgreSQL's own means do it.
    """

    day: str
    since: float
    until: float
    incidents: Sequence[Incident]
    runs: Sequence[Run]
    failing_rules: Sequence[str] = ()
    failing_targets: Sequence[str] = ()
    backup_at: float | None = None
    backup_problem: str = ""
    backed_up_by_us: bool = True


def digest_row(facts: DigestFacts, at: float) -> NewTimelineRow:
    """The timeline row of a digest, made at ``at`` (Unix seconds)."""
    parts = [_incidents(facts), _actions(facts), *_failing(facts), _backup(facts)]
    covered = quantity(facts.until - facts.since, "s")
    return NewTimelineRow(
        at=at,
        kind=TimelineKind.DIGEST,
        reason="daily",
        text=f"Digest of {facts.day}, the last {covered}: {'; '.join(parts)}",
        details=_details(facts),
    )


def _incidents(facts: DigestFacts) -> str:
    if not facts.incidents:
        return "no incident"
    newest = list(reversed(facts.incidents))
    named = ", ".join(_incident(each, facts.until) for each in newest[:NAMED])
    return f"{_counted(len(newest), 'incident')} ({named}{_and_more(len(newest))})"


def _incident(incident: Incident, until: float) -> str:
    cause = f", cause {incident.cause}" if incident.cause else ""
    lasted = quantity(_duration(incident, until), "s")
    over = f"lasted {lasted}" if _over(incident, until) else f"not over after {lasted}"
    return f"#{incident.id} {incident.title}: {over}{cause}"


def _actions(facts: DigestFacts) -> str:
    done = _carried_out(facts)
    if not done:
        return "no action"
    by_runbook = Counter(run.runbook for run in done)
    named = ", ".join(f"{name} {count}" for name, count in sorted(by_runbook.items()))
    undone = sum(1 for run in done if run.undone_at is not None)
    return f"{_counted(len(done), 'action')} ({named}), {undone or 'none'} undone"


def _failing(facts: DigestFacts) -> list[str]:
    named = {"failing rules": facts.failing_rules, "targets without data": facts.failing_targets}
    return [
        f"{what}: {', '.join(names[:NAMED])}{_and_more(len(names))}" for what, names in named.items() if names
    ]


def _backup(facts: DigestFacts) -> str:
    if not facts.backed_up_by_us:
        return "backed up by PostgreSQL's own means (pg_dump)"
    last = "none yet" if facts.backup_at is None else _minute(facts.backup_at)
    return f"last backup: {last}" + (
        f" (the latest failed: {facts.backup_problem})" if facts.backup_problem else ""
    )


def _details(facts: DigestFacts) -> Mapping[str, JsonValue]:
    done = _carried_out(facts)
    return {
        "day": facts.day,
        "since": facts.since,
        "until": facts.until,
        "incidents": [
            {
                "id": each.id,
                "title": each.title,
                "cause": each.cause,
                "severity": each.severity,
                "duration": _duration(each, facts.until),
                "over": _over(each, facts.until),
            }
            for each in facts.incidents
        ],
        "actions": [{"run_key": run.key, "runbook": run.runbook, "state": run.state.value} for run in done],
        "undone": [run.key for run in done if run.undone_at is not None],
        "failing_rules": list(facts.failing_rules),
        "failing_targets": list(facts.failing_targets),
        "backup_at": facts.backup_at,
        "backup_problem": facts.backup_problem,
    }


def _carried_out(facts: DigestFacts) -> list[Run]:
    return [run for run in facts.runs if run.started_at is not None and run.state not in NOT_CARRIED_OUT]


def _over(incident: Incident, until: float) -> bool:
    at = incident.resolved_at
    return incident.state is IncidentState.RESOLVED and at is not None and at < until


def _duration(incident: Incident, until: float) -> float:
    end = incident.resolved_at if _over(incident, until) else None
    return max(0.0, (until if end is None else end) - incident.opened_at)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _and_more(count: int) -> str:
    return f" and {count - NAMED} more" if count > NAMED else ""


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
