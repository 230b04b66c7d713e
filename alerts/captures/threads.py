"""Request threads and open connections of the service, as Tomcat and the JVM report them."""

from alerts.captures.series import SOURCE, Measure, by_labels
from alerts.evidence import Asked, Captured, CaptureName, Column, Form, Pace, Table, Traits
from metrics.values import Asker, label

_THING = frozenset({"job", "instance"})
_MEASURES = (
    Measure(
        "Busy",
        "sum by (job, instance) (tomcat_threads_busy_threads)",
        "",
        "Request threads at work. One that waits for a connection of the pool counts as busy.",
    ),
    Measure(
        "Alive", "sum by (job, instance) (tomcat_threads_current_threads)", "", "Request threads there are."
    ),
    Measure(
        "Max",
        "sum by (job, instance) (tomcat_threads_config_max_threads)",
        "",
        "Request threads there may be. Once all are busy, nothing is answered any more.",
    ),
    Measure(
        "Connections",
        "sum by (job, instance) (tomcat_connections_current_connections)",
        "",
        "Open connections of clients, at work or kept open.",
    ),
    Measure(
        "All threads",
        "sum by (job, instance) (jvm_threads_live_threads)",
        "",
        "Threads of the whole process, those of the pool and the scheduler too.",
    ),
    Measure(
        "Blocked",
        'sum by (job, instance) (jvm_threads_states_threads{state="blocked"})',
        "",
        "Threads that wait for a lock inside the process.",
    ),
)


class ThreadsCapture:
    """A row for each service that reports threads."""

    traits = Traits(CaptureName.THREADS, "request threads", Pace.QUICK, component="service")

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it is in memory
        """Ask the store as of the evaluation."""
        services = by_labels(self._asker, _MEASURES, _THING, asked.at)
        if not services:
            return Captured(SOURCE, notes=("No service reports threads (tomcat_threads_busy_threads).",))
        known = [each for each in _MEASURES if any(each.title in values for values in services.values())]
        columns = tuple(Column(each.title, Form.NUMBER, each.unit, each.meaning) for each in known)
        tables = (
            Table(
                f"{label(labels, 'job')} at {label(labels, 'instance')}",
                columns,
                (tuple(values.get(each.title) for each in known),),
                upright=True,
            )
            for labels, values in services.items()
        )
        return Captured(SOURCE, tuple(tables))
