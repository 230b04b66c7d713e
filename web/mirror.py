"""What the two pages of "why not" ask about rules and runbooks, each at most once a second for everybody."""

from collections.abc import Mapping, Sequence

from flask import current_app

from alerts.rule_outcome import RuleStatus
from alerts.why_not import RuleFacts
from alerts.why_not_facts import gather
from runbooks.runbook_look import RunbookLook
from web.journey import STALE_AFTER_SECONDS
from web.lately import Lately
from web.parts import ConsoleParts
from web.rule_chart import RuleChart, rule_chart

ROUNDS_OF_GRACE = 2.0
"""Seconds beyond its interval that the newest evaluation may be old before it counts as late."""


class Mirror:
    """Asks on behalf of all visitors."""

    def __init__(self, part: ConsoleParts) -> None:
        self._part = part
        self._facts = Lately(self._gather, part.clock)
        self._looks = Lately(self._look, part.clock)
        self._charts = Lately(self._chart, part.clock)

    def facts(self, statuses: Sequence[RuleStatus]) -> Mapping[str, RuleFacts]:
        """What was gathered of rules by key; a rule is missing until its turn has come."""
        return self._facts.all([status.rule.key for status in statuses])

    def facts_of(self, key: str) -> RuleFacts:
        """What is to be said about one rule. Raises KeyError for one that there is not."""
        return self._facts.one(key)

    def chart_of(self, key: str) -> RuleChart:
        """A rule's chart. Raises KeyError for a rule that there is not."""
        return self._charts.one(key)

    def looks(self) -> Mapping[str, RunbookLook]:
        """Every runbook by name, in the catalog's order; one is missing until its turn has come."""
        names = [runbook.name for runbook in self._part.onlooker.catalog.runbooks]
        found = self._looks.all(names)
        return {name: found[name] for name in names if name in found}

    def look_at(self, name: str) -> RunbookLook:
        """One runbook. Raises KeyError for one that there is not."""
        return self._looks.one(name)

    def _gather(self, key: str, now: float) -> RuleFacts:
        return gather(status_of(self._part, key), self._part.asker, down_targets(self._part, now), now)

    def _look(self, name: str, now: float) -> RunbookLook:
        runbook = self._part.onlooker.catalog.get(name)
        if runbook is None:
            raise KeyError(name)
        return self._part.onlooker.look(runbook, now, lag(self._part.rules(), now))

    def _chart(self, key: str, now: float) -> RuleChart:
        return rule_chart(status_of(self._part, key), self._part.asker, now, self._part.long_range)


def mirror() -> Mirror:
    """The mirror of the application that serves the current request."""
    found = current_app.extensions["showcall_mirror"]
    assert isinstance(found, Mirror)  # noqa: S101 - a wiring mistake, not an input
    return found


def status_of(part: ConsoleParts, key: str) -> RuleStatus:
    """A rule by its key. Raises KeyError for one that there is not."""
    found = next((status for status in part.rules() if status.rule.key == key), None)
    if found is None:
        raise KeyError(key)
    return found


def down_targets(part: ConsoleParts, now: float) -> Mapping[str, str]:
    """Targets that are down or late, each with why."""
    down = {}
    for report in part.targets():
        age = None if report.last_up_at is None else now - report.last_up_at
        if not report.up:
            down[report.target] = f"is down ({report.error or report.error_kind or 'no reason known'})"
        elif age is None or age > STALE_AFTER_SECONDS:
            since = "" if age is None else f" for {age:.0f} s"
            down[report.target] = f"has not reported{since}"
    return down


def lag(statuses: Sequence[RuleStatus], now: float) -> float:
    """Seconds by which evaluation is late, 0 while it turns."""
    evaluated = [status.at for status in statuses if status.at is not None]
    if not evaluated:
        return 0.0
    interval = min(status.group.interval for status in statuses)
    late = now - max(evaluated) - interval
    return late if late > ROUNDS_OF_GRACE else 0.0
