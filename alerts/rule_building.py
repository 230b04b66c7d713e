"""One rule as written to one rule as evaluated, with everything that is wrong with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from alerts.alert_state import Timing
from alerts.evidence_choice import Choice, read_choice
from alerts.rule import AlertingRule, RecordingRule, Rule
from alerts.rule_format import FileRule
from alerts.rule_promql import may_be_unknown, read_expr, seconds_back, selectors
from alerts.template import Template, template
from alerts.template_syntax import TemplateError
from metrics.errors import QueryError
from metrics.promql.ast import Expr
from settings import Problem, YamlNode
from settings.problems import KeyPath, dotted

_METRIC_NAME = re.compile(r"[^{}\ud800-\udfff]+")
"""As Prometheus: braces are mostly those of an expression that was meant; a lone surrogate is no UTF-8."""
_LABEL_NAME = re.compile(r"(?!__name__\Z)[^\ud800-\udfff]+")
_NO_TEMPLATES = frozenset({"clear_if", "evidence"})
"""Annotations that are PromQL and not for people."""


@dataclass(frozen=True, slots=True)
class Named:
    """A rule's names: its key, its group's and its own."""

    key: str
    group: str
    name: str


class Components(Protocol):
    """What is asked of the topology."""

    def knows(self, name: str | None) -> bool:
        """Whether there is such a component."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written, and the list that takes what is wrong with it."""

    node: YamlNode
    file: str
    path: KeyPath
    problems: list[Problem]

    def below(self, *path: str | int) -> "Place":
        """A place further in."""
        return Place(self.node, self.file, (*self.path, *path), self.problems)

    @property
    def line(self) -> int:
        """The line it begins in, from 1."""
        return self.node.position(self.path)[0]

    def wrong(self, message: str, further: int = 0) -> None:
        """Report a problem here, or some lines further down."""
        line, column = self.node.position(self.path)
        self.problems.append(Problem(self.file, line + further, column, dotted(self.path), message))


def build(rule: FileRule, group: str, key: str, components: Components, place: Place) -> Rule | None:
    """The rule as it is evaluated, or None when something is wrong with it; the place's list says what."""
    before = len(place.problems)
    expr = _promql(rule.expr, place.below("expr"))
    _check_label_names(rule, place.below("labels"))
    built: Rule
    if rule.alert is not None:
        name = Named(key, group, rule.alert)
        built = _alerting(rule, name, expr, components, place)
    else:
        built = _recording(rule, Named(key, group, rule.record or ""), place)
    if (rule.alert is None) == (rule.record is None):
        place.wrong("want exactly one of 'alert' and 'record'")
    return built if len(place.problems) == before else None


def _recording(rule: FileRule, named: Named, place: Place) -> RecordingRule:
    if rule.record is not None and not _METRIC_NAME.fullmatch(rule.record):
        place.below("record").wrong(f"{rule.record!r} is not a metric name (want any text without braces)")
    given = {"for": rule.for_, "keep_firing_for": rule.keep_firing_for, "annotations": rule.annotations}
    for key, value in given.items():
        if value:
            place.below(key).wrong(f"{key!r} goes with 'alert' only")
    return RecordingRule(
        named.key, named.group, named.name, rule.expr, labels=rule.labels, file=place.file, line=place.line
    )


def _alerting(
    rule: FileRule, named: Named, expr: Expr | None, components: Components, place: Place
) -> AlertingRule:
    annotations = _templates(rule.annotations, place.below("annotations"))
    component = annotations.get("component")
    if component is not None and component.is_fixed and not components.knows(component.text):
        text = f"{component.text!r} is not a component of the topology"
        place.below("annotations", "component").wrong(text)
    clear_if = rule.annotations.get("clear_if")
    clear = None if clear_if is None else _promql(clear_if, place.below("annotations", "clear_if"))
    return AlertingRule(
        key=named.key,
        group=named.group,
        name=named.name,
        expr=rule.expr,
        timing=Timing(rule.for_ or 0.0, rule.keep_firing_for or 0.0),
        labels=_templates(rule.labels, place.below("labels")),
        annotations=annotations,
        clear_if=clear_if,
        clear_selectors=() if clear is None or clear_if is None else selectors(clear, clear_if),
        component=component,
        evidence=_evidence(rule.annotations.get("evidence"), place.below("annotations", "evidence")),
        may_be_unknown=expr is None or may_be_unknown(expr),
        window=max((seconds_back(found) for found in (expr, clear) if found is not None), default=0.0),
        file=place.file,
        line=place.line,
    )


def _promql(text: str, place: Place) -> Expr | None:
    try:
        return read_expr(text)
    except QueryError as error:
        # A text of several lines is a block that begins on the line below its key.
        within = (error.position or (1, 1))[0]
        place.wrong(str(error), further=within if "\n" in text else 0)
        return None


def _evidence(text: str | None, place: Place) -> Choice | None:
    if text is None:
        return None
    choice, wrong = read_choice(text)
    for each in wrong:
        # A text of several lines is a block that begins on the line below its key.
        place.wrong(each.message, further=each.line + 1 if "\n" in text else 0)
    return choice


def _check_label_names(rule: FileRule, place: Place) -> None:
    for name in rule.labels:
        if not _LABEL_NAME.fullmatch(name):
            place.below(name).wrong(f"{name!r} cannot be a label of a rule")


def _templates(texts: Mapping[str, str], place: Place) -> dict[str, Template]:
    read = {}
    for name, text in texts.items():
        if name in _NO_TEMPLATES and place.path[-1] == "annotations":
            continue
        try:
            read[name] = template(text)
        except TemplateError as error:
            place.below(name).wrong(str(error))
    return read
