"""Asking our engine in the form of a real server's answer, and saying where two answers differ."""

import math
from collections.abc import Mapping

import numpy as np

from metrics import QueryError, Store
from metrics.values import Answer, Batch, Floats, Labels, Matrix, QueryResult, Scalar, String, Vector
from tests.metrics.differential_series import Samples
from tests.metrics.real_prometheus import Given

RELATIVE = 1e-9


class Ours:
    """Our engine over the samples of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def with_series(cls, series: Mapping[Labels, Samples]) -> "Ours":
        """Over these samples; series of the same times come from one origin."""
        store = Store(keep=1e9)
        together: dict[tuple[int, ...], list[Labels]] = {}
        for labels, samples in series.items():
            together.setdefault(tuple(at for at, _ in samples), []).append(labels)
        for number, (times, sets) in enumerate(together.items()):
            rows: Floats = np.array([[value for _, value in series[labels]] for labels in sets])
            for place, at in enumerate(times):
                store.append(Batch(str(number), at / 1000, tuple(sets), rows[:, place]))
        return cls(store)

    def instant(self, query: str, at_ms: int) -> Given:
        """Ask at one time."""
        try:
            return _given(self._store.ask(query, at_ms / 1000))
        except QueryError as error:
            return _refused(error)

    def over_range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Given:
        """Ask at many times."""
        try:
            return _given(self._store.ask_range(query, start_ms / 1000, end_ms / 1000, step_ms / 1000))
        except QueryError as error:
            return _refused(error)


def difference(ours: Given, theirs: Given, *, told: bool) -> str | None:
    """What differs, in one line; warnings, infos and the words of errors only where they are ``told``."""
    if ours.error is not None or theirs.error is not None:
        same = ours.error == theirs.error if told else bool(ours.error) == bool(theirs.error)
        return None if same else f"error {ours.error!r}, there {theirs.error!r}"
    if (ours.kind, ours.text) != (theirs.kind, theirs.text):
        return f"{ours.kind} {ours.text!r}, there {theirs.kind} {theirs.text!r}"
    if told and (ours.warnings, ours.infos) != (theirs.warnings, theirs.infos):
        return f"told {ours.warnings + ours.infos}, there {theirs.warnings + theirs.infos}"
    return _of_rows(dict(ours.rows), dict(theirs.rows))


Rows = dict[Labels, tuple[tuple[int, float], ...]]


def _of_rows(ours: Rows, theirs: Rows) -> str | None:
    if ours.keys() != theirs.keys():
        return f"only here {ours.keys() - theirs.keys()}, only there {theirs.keys() - ours.keys()}"
    for labels, points in theirs.items():
        here, there = dict(ours[labels]), dict(points)
        if here.keys() != there.keys():
            return f"{labels}: at {sorted(here.keys() ^ there.keys())} only on one side"
        off = [(at, here[at], there[at]) for at in there if not close(here[at], there[at])]
        if off:
            return f"{labels}: {off[:3]} (ms, here, there), {len(off)} of {len(there)}"
    return None


def close(one: float, other: float) -> bool:
    """Equal within the tolerance; NaN is NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=RELATIVE)


def _refused(error: QueryError) -> Given:
    position = "" if error.position is None else "{}:{}: parse error: ".format(*error.position)
    return Given(error=f"{error.kind}: {position}{error.message}")


def _given(answer: "Answer[QueryResult] | Answer[Matrix]") -> Given:
    told = tuple(sorted(answer.warnings)), tuple(sorted(answer.infos))
    match answer.result:
        case Scalar(value=value, at=at):
            return Given("scalar", (((), ((round(at * 1000), value),)),), None, None, *told)
        case String(value=text):
            return Given("string", (), text, None, *told)
        case Vector(samples=samples):
            rows = tuple((each.labels, ((round(each.at * 1000), each.value),)) for each in samples)
            return Given("vector", rows, None, None, *told)
        case Matrix(series=series):
            points = tuple(
                (
                    each.labels,
                    tuple(
                        zip((each.at * 1000).round().astype(int).tolist(), each.values.tolist(), strict=True)
                    ),
                )
                for each in series
            )
            return Given("matrix", points, None, None, *told)
