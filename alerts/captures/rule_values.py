"""What the incident's rules see, and what they ask for besides: their expressions with every sample."""

from collections.abc import Iterable, Iterator, Mapping

from alerts.captures.series import SOURCE, labels_text, samples
from alerts.evidence import (
    Asked,
    Captured,
    CaptureError,
    CaptureName,
    Cell,
    Column,
    Form,
    Pace,
    Table,
    Traits,
)
from alerts.evidence_choice import Choice
from alerts.rule import RuleSet
from metrics.values import Asker

SAMPLES_SHOWN = 20

_SERIES = Column("Series", Form.TEXT, "", "The labels that tell it from others.")
_VALUE = Column("Value", Form.NUMBER, "", "What the expression gave at the time of the evaluation.")


class AlertsCapture:
    """The expression of every rule that the incident has an alert of, with what it gave."""

    traits = Traits(CaptureName.ALERTS, "values behind the alerts", Pace.QUICK)

    def __init__(self, asker: Asker, rules: RuleSet) -> None:
        self._asker = asker
        self._exprs: dict[str, list[str]] = {}
        for rule in rules.alerting:
            self._exprs.setdefault(rule.name, []).append(rule.expr)

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it is in memory
        """Ask every rule as of the evaluation."""
        rows = [
            (rule, *row)
            for rule in asked.incident.rules
            for expr in self._exprs.get(rule, ())
            for row in _rows(self._asker, expr, asked.at)
        ]
        columns = (
            Column("Rule", Form.TEXT, "", "The rule whose alert is in this incident."),
            _SERIES,
            _VALUE,
            Column("Expression", Form.CODE, "", "The rule's PromQL; an alert is a sample in its result."),
        )
        return Captured(SOURCE, (Table("What the rules see", columns, tuple(rows)),))


class QueriesCapture:
    """The PromQL that the incident's rules name in their annotation ``evidence``."""

    traits = Traits(CaptureName.QUERIES, "queries of the rules", Pace.QUICK)

    def __init__(self, asker: Asker, choices: Mapping[str, Choice | None]) -> None:
        self._asker = asker
        self._choices = choices

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it is in memory
        """Ask each once; one that fails loses nothing else."""
        pieces, notes = [], []
        for expr in self._exprs(asked.incident.rules):
            try:
                rows = tuple(row[:2] for row in _rows(self._asker, expr, asked.at))
                pieces.append(Table(expr, (_SERIES, _VALUE), rows))
            except CaptureError as error:
                notes.append(str(error))
        return Captured(SOURCE, tuple(pieces), tuple(notes))

    def _exprs(self, rules: Iterable[str]) -> Iterable[str]:
        chosen = (self._choices.get(rule) for rule in rules)
        return dict.fromkeys(expr for choice in chosen if choice is not None for expr in choice.queries)


def _rows(asker: Asker, expr: str, at: float) -> Iterator[tuple[Cell, Cell, Cell]]:
    found = samples(asker, expr, at)
    for sample in found[:SAMPLES_SHOWN]:
        yield labels_text(sample.labels), sample.value, expr
    if len(found) > SAMPLES_SHOWN:
        yield f"and {len(found) - SAMPLES_SHOWN} more", None, expr
    if not found:
        yield "nothing at that time", None, expr
