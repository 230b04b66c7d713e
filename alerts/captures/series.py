"""Questions to the series store whose answers belong together by their labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.evidence import CaptureError
from metrics.errors import QueryError
from metrics.values import Asker, Labels, Sample, Scalar, Vector

SOURCE = "Showcall's own store of metrics"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a thing: its name, the PromQL, and what it tells."""

    title: str
    expr: str
    unit: str
    meaning: str


def samples(asker: Asker, expr: str, at: float) -> tuple[Sample, ...]:
    """The samples of an expression; a scalar is one without labels.

    Raises:
        CaptureError: the query failed.
    """
    try:
        result = asker.query(expr, at)
    except QueryError as error:
        raise CaptureError(f"{expr}: {next(iter(str(error).splitlines()), '')}") from None
    match result:
        case Vector(samples=found):
            return found
        case Scalar(value=value):
            return (Sample((), value, at),)
    return ()


def by_labels(
    asker: Asker, measures: Iterable[Measure], names: frozenset[str], at: float
) -> Mapping[Labels, Mapping[str, float]]:
    """Each measure's value by its title, for every thing that the labels ``names`` tell apart."""
    found: dict[Labels, dict[str, float]] = {}
    for measure in measures:
        for sample in samples(asker, measure.expr, at):
            thing = tuple(pair for pair in sample.labels if pair[0] in names)
            found.setdefault(thing, {}).setdefault(measure.title, sample.value)
    return found


def labels_text(labels: Labels, without: frozenset[str] = frozenset({"__name__", "alertname"})) -> str:
    """Labels as people read them: ``job=concert pool=HikariPool-1``."""
    return " ".join(f"{name}={value}" for name, value in labels if name not in without)
