"""Whether an alert is what a runbook is for."""

from collections.abc import Sequence

from alerts.alert_state import Alert
from metrics.promql.ast import Matcher, MatchOp
from metrics.promql.patterns import compiled
from metrics.values import label


def fits(matchers: Sequence[Matcher], alert: Alert) -> bool:
    """Whether every matcher of one list matches."""
    return all(matches(matcher, alert) for matcher in matchers)


def matches(matcher: Matcher, alert: Alert) -> bool:
    """Whether one matcher matches; an absent label is an empty one."""
    value = alert.rule if matcher.name == "alertname" else label(alert.labels, matcher.name)
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.REGEX:
            return compiled(matcher.value).fullmatch(value) is not None
        case MatchOp.NOT_REGEX:
            return compiled(matcher.value).fullmatch(value) is None


def worded(matchers: Sequence[Matcher]) -> str:
    """``PoolExhausted`` for a name alone, else ``severity="critical" and component=~"pool|db"``."""
    if len(matchers) == 1 and matchers[0].name == "alertname" and matchers[0].op is MatchOp.EQUAL:
        return matchers[0].value
    return " and ".join(f'{matcher.name}{matcher.op}"{matcher.value}"' for matcher in matchers)
