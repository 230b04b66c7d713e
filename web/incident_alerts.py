"""The alerts of an incident as its page lists them: each once, what fires first."""

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.alert_state import Alert, AlertState
from metrics.values import Labels


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """The newest episode of an alert, and how many there were in the incident."""

    newest: Alert
    times: int


def shown_alerts(episodes: Iterable[Alert]) -> tuple[ShownAlert, ...]:
    """One for each rule and label set; those that are not over first, else in the order of first firing."""
    found: dict[tuple[str, Labels], list[Alert]] = {}
    for each in episodes:
        found.setdefault((each.rule_key, each.labels), []).append(each)
    shown = [ShownAlert(group[-1], len(group)) for group in found.values()]
    return tuple(sorted(shown, key=lambda each: each.newest.state is AlertState.INACTIVE))
