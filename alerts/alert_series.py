"""``ALERTS`` and ``ALERTS_FOR_STATE``: the state of alerts as series, as in Prometheus. Output only."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np

from alerts.alert_state import Alert, AlertState
from metrics.values import Appended, Batch, Labels, labels_of

Append: TypeAlias = "Callable[[Batch], Appended]"


class AlertSeries:
    """Writes the series of each rule under an origin of its own, so that later rules see them at once.

    Label sets are built once per alert and state; handing over the same tuples is the store's fast path.
    """

    def __init__(self, append: Append) -> None:
        self._append = append
        self._labels: dict[tuple[Labels, AlertState], tuple[Labels, Labels]] = {}
        self._last: dict[str, tuple[Labels, ...]] = {}

    def write(self, rule_key: str, alerts: Iterable[Alert], at: float) -> None:
        """One batch for one rule; nothing when it had no alert and has none."""
        active = [alert for alert in alerts if alert.held is not AlertState.INACTIVE]
        if not active and not self._last.get(rule_key):
            return
        labels = tuple(found for alert in active for found in self._labels_of(alert))
        last = self._last.get(rule_key, ())
        labels = last if labels == last else labels
        values = [value for alert in active for value in (1.0, alert.active_at)]
        self._append(Batch(f"alerts:{rule_key}", at, labels, np.array(values, dtype=np.float64)))
        self._last[rule_key] = labels
        if not active:
            self._forget()

    def write_recorded(self, rule_key: str, series: Mapping[Labels, float], at: float) -> None:
        """The result of a recording rule."""
        values = np.array(list(series.values()), dtype=np.float64)
        self._append(Batch(f"rules:{rule_key}", at, tuple(series), values))

    def _labels_of(self, alert: Alert) -> tuple[Labels, Labels]:
        key = (alert.labels, alert.held)
        found = self._labels.get(key)
        if found is None:
            own = dict(alert.labels)
            found = (
                labels_of({**own, "__name__": "ALERTS", "alertstate": alert.held.value}),
                labels_of({**own, "__name__": "ALERTS_FOR_STATE"}),
            )
            self._labels[key] = found
        return found

    def _forget(self) -> None:
        """Keep the label sets that are in use only."""
        used = {labels for batch in self._last.values() for labels in batch}
        self._labels = {key: found for key, found in self._labels.items() if found[0] in used}
