"""Gathering what is said about a rule that does not fire. It asks questions and changes nothing."""

from collections.abc import Mapping

from alerts.clause_facts import read_clauses
from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleStatus, samples_of
from alerts.rule_promql import may_be_unknown, selectors
from alerts.why_not import DownTarget, RuleFacts
from metrics.errors import QueryError
from metrics.promql.parser import parse
from metrics.values import Asker


def gather(status: RuleStatus, asker: Asker, down: Mapping[str, str], now: float) -> RuleFacts:
    """Everything that a line about a rule speaks of; a few questions for each selector and comparison.

    Args:
        down: targets that are down or late, each with what is known of why.
        now: Unix seconds.
    """
    if not isinstance(status.rule, AlertingRule):
        return RuleFacts(status, now)
    at = now - status.group.query_offset
    try:
        return _asked(status, asker, down, at)
    except QueryError as error:
        return RuleFacts(status, now, problem=error.message)


def _asked(status: RuleStatus, asker: Asker, down: Mapping[str, str], at: float) -> RuleFacts:
    expr = status.rule.expr
    readings = read_clauses(expr, asker, at)
    ages = {selector: asker.freshness(selector, at) for selector in selectors(parse(expr), expr)}
    known = [age for age in ages.values() if age is not None]
    # What an expression says is missing, as `absent()` does, is no lack of data.
    counts = may_be_unknown(parse(expr))
    return RuleFacts(
        status=status,
        now=at + status.group.query_offset,
        clauses=readings,
        returned=_returned(status, asker, at) if all(each.holding for each in readings) else 0,
        missing=tuple(selector for selector, age in ages.items() if age is None and counts),
        age=max(known, default=None),
        down=tuple(DownTarget(name, down[name]) for name in sorted(asker.origins(expr, at) & down.keys())),
    )


def _returned(status: RuleStatus, asker: Asker, at: float) -> int:
    return len(samples_of(asker.query(status.rule.expr, at)))
