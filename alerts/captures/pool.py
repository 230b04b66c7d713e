"""The connection pool as HikariCP reports it through Micrometer: every number with what it means."""

from collections.abc import Mapping

from alerts.captures.series import SOURCE, Measure, by_labels
from alerts.evidence import Asked, Captured, CaptureName, Column, Form, Pace, Piece, Table, Traits, Words
from metrics.values import Asker, Labels, label

_THING = frozenset({"job", "instance", "pool"})
_IN_LINE = {"Total": "total", "Active": "active", "Idle": "idle", "Waiting": "waiting"}


def measures(window: str) -> tuple[Measure, ...]:
    """What is asked; rates are over ``window``, a PromQL duration of at least four scrapes."""
    prefix = "hikaricp_connections"
    done = f"rate({prefix}_usage_seconds_count[{window}])"
    return (
        Measure("Total", prefix, "", "Connections that are open, used or not."),
        Measure("Active", f"{prefix}_active", "", "Connections that a request is using at this moment."),
        Measure(
            "Idle",
            f"{prefix}_idle",
            "",
            "Open connections that nobody uses: the next request gets one at once.",
        ),
        Measure(
            "Waiting",
            f"{prefix}_pending",
            "",
            "Requests that stand in line for a connection, each holding a request thread.",
        ),
        Measure("Max", f"{prefix}_max", "", "As many connections as the pool may open."),
        Measure(
            "Timeouts so far",
            f"{prefix}_timeout_total",
            "",
            "Requests that gave up waiting for a connection since the service started; each failed.",
        ),
        Measure(
            "Mean hold time",
            f"rate({prefix}_usage_seconds_sum[{window}]) / {done}",
            "s",
            f"How long a request keeps its connection, mean of the last {window}: its queries' time.",
        ),
        Measure(
            "Mean wait",
            f"rate({prefix}_acquire_seconds_sum[{window}]) / rate({prefix}_acquire_seconds_count[{window}])",
            "s",
            f"How long those who got one in the last {window} had waited for it. It speaks of the past.",
        ),
        Measure("Given back", done, "/s", "Connections that come free: what the database serves."),
        Measure(
            "Backlog",
            f"{prefix}_pending / ({done} > 0)",
            "s",
            "How long who joins the line now will wait: those waiting, at the rate connections come free.",
        ),
    )


class PoolCapture:
    """One table for each pool there is.

    Args:
        window: seconds that rates look back.
    """

    traits = Traits(CaptureName.POOL, "connection pool", Pace.QUICK, component="pool")

    def __init__(self, asker: Asker, window: float) -> None:
        self._asker = asker
        self._measures = measures(f"{round(window)}s")

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it is in memory
        """Ask the store as of the evaluation."""
        pools = by_labels(self._asker, self._measures, _THING, asked.at)
        pieces = [piece for labels, values in pools.items() for piece in self._pieces(labels, values)]
        if not pieces:
            return Captured(SOURCE, notes=("No pool reports: there is no series hikaricp_connections.",))
        return Captured(SOURCE, tuple(pieces))

    def _pieces(self, labels: Labels, values: Mapping[str, float]) -> list[Piece]:
        name = label(labels, "pool", "pool")
        columns = tuple(Column(each.title, Form.NUMBER, each.unit, each.meaning) for each in self._measures)
        row = tuple(values.get(each.title) for each in self._measures)
        table = Table(f"{name} at {label(labels, 'instance')}", columns, (row,), upright=True)
        if not _IN_LINE.keys() <= values.keys():
            return [table]
        return [table, Words("As HikariCP would write it", line(name, values), _COMPUTED)]


_COMPUTED = "Computed from the metrics above, not read from a log."


def line(name: str, values: Mapping[str, float]) -> str:
    """HikariCP's line about its numbers, e.g. ``... (total=10, active=10, idle=0, waiting=27)``."""
    numbers = ", ".join(f"{word}={values[title]:.0f}" for title, word in _IN_LINE.items())
    return f"{name} - Pool stats ({numbers})"
