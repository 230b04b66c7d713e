"""Which rules /rules was asked for, and which page of their groups."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleStatus
from metrics.promql.ast import Matcher
from metrics.promql.literals import quoted
from metrics.promql.parser import parse_selector
from metrics.series_index import predicate
from web.prometheus_api import parameters
from web.prometheus_api.failure import invalid

RULE_TYPES = {"": None, "alert": "alerting", "record": "recording"}
NAMED_BY = ("rule_name[]", "rule_group[]", "file[]")

Group = Sequence[RuleStatus]


@dataclass(frozen=True, slots=True)
class RulesAsked:
    """What was asked.

    Attributes:
        kind: ``alerting`` or ``recording``, None for both.
        names: rule, group and file names by parameter; empty for all.
        matchers: any of these must hold for the rule's labels; empty for all.
        alerts: whether alerts are shown.
        most: groups on a page, None for all of them.
        page: the token of the page, empty for the first.
    """

    kind: str | None
    names: Mapping[str, frozenset[str]]
    matchers: tuple[tuple[Matcher, ...], ...]
    alerts: bool
    most: int | None
    page: str


def asked() -> RulesAsked:
    """What this request asks. Raises ApiError and QueryError for what cannot be used."""
    names = {key: frozenset(parameters.texts(key)) for key in NAMED_BY}
    matchers = tuple(parse_selector(text) for text in parameters.texts("match[]"))
    kind = parameters.value("type").lower()
    if kind not in RULE_TYPES:
        raise invalid("type", f"not supported value {quoted(kind)}")
    hidden = parameters.flag("exclude_alerts")
    most, page_token = _most(), parameters.value("group_next_token")
    if page_token and most is None:
        text = "group_limit needs to be present in order to paginate over the groups"
        raise invalid("group_next_token", text)
    return RulesAsked(RULE_TYPES[kind], names, matchers, not hidden, most, page_token)


def is_wanted(status: RuleStatus, wanted: RulesAsked) -> bool:
    """Whether a rule was asked for."""
    found = dict(zip(NAMED_BY, (status.rule.name, status.group.name, status.group.file), strict=True))
    if any(names and found[key] not in names for key, names in wanted.names.items()):
        return False
    if wanted.matchers and not any(_hold(matchers, status) for matchers in wanted.matchers):
        return False
    return wanted.kind is None or wanted.kind == kind(status)


def page(groups: Sequence[Group], wanted: RulesAsked) -> tuple[Sequence[Group], str]:
    """The groups of the page that was asked for, and the token of the one after it (empty for none)."""
    if wanted.most is None:
        return groups, ""
    tokens = [_token(group) for group in groups]
    if wanted.page and wanted.page not in tokens:
        text = f"invalid group_next_token '{wanted.page}'. were rule groups changed?"
        raise invalid("group_next_token", text)
    first = tokens.index(wanted.page) if wanted.page else 0
    last = first + wanted.most
    return groups[first:last], tokens[last] if last < len(tokens) else ""


def kind(status: RuleStatus) -> str:
    """``alerting`` or ``recording``."""
    return "alerting" if isinstance(status.rule, AlertingRule) else "recording"


def labels_of(status: RuleStatus) -> dict[str, str]:
    """A rule's labels as they are written, templates and all."""
    rule = status.rule
    if isinstance(rule, AlertingRule):
        return {name: template.text for name, template in rule.labels.items()}
    return dict(rule.labels)


def _most() -> int | None:
    text = parameters.value("group_limit")
    if not text:
        return None
    problem = parameters.not_whole(text)
    if problem:
        reason = f"strconv.ParseInt: parsing {quoted(text)}: {problem}"
        raise invalid("group_limit", f"group_limit needs to be a valid number: {reason}")
    if int(text) <= 0:
        raise invalid("group_limit", "group_limit needs to be greater than 0")
    return int(text)


def _hold(matchers: Sequence[Matcher], status: RuleStatus) -> bool:
    labels = labels_of(status)
    return all(predicate(matcher)(labels.get(matcher.name, "")) for matcher in matchers)


def _token(group: Group) -> str:
    first = group[0].group
    return hashlib.sha1(f"{first.file};{first.name}".encode(), usedforsecurity=False).hexdigest()
