"""The living pieces of the two pages of "why not", as markup for the event stream."""

from collections.abc import Callable, Mapping

from flask import render_template

from web import alerts, runbooks
from web.parts import ConsoleParts

LONGEST_SUBJECT = 400


def _alerts(part: ConsoleParts, _subject: str) -> str:
    return render_template("_alerts_pieces.html", view=alerts.view(part))


def _rule(part: ConsoleParts, subject: str) -> str:
    found = alerts.rule_view(part, subject)
    return render_template("_rule_pieces.html", view=found) if found else ""


def _runbooks(part: ConsoleParts, _subject: str) -> str:
    return render_template("_runbooks_pieces.html", view=runbooks.view(part))


def _runbook(_part: ConsoleParts, subject: str) -> str:
    found = runbooks.one(subject)
    return render_template("_runbook_pieces.html", shown=found) if found else ""


VIEWS: Mapping[str, Callable[[ConsoleParts, str], str]] = {
    "alerts": _alerts,
    "rule": _rule,
    "runbooks": _runbooks,
    "runbook": _runbook,
}
"""What a view shows, by its name; the subject is a rule's key or a runbook's name."""
