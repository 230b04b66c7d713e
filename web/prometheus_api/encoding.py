"""Results as JSON text, number by number as Prometheus writes them. No number passes through a JSON library:
a range query may have a million of them."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from metrics.promql.limits import timed_out
from metrics.values import Labels, Matrix, Points, QueryResult, Sample, Scalar, String, Vector, always

_TOGETHER = 16
"""Series written between two looks at the clock."""
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-6, 1e21


def result(found: QueryResult, goes_on: Callable[[], bool] = always) -> str:
    """``{"resultType": ..., "result": ...}``. Raises QueryError when the time is up."""
    match found:
        case Vector(samples=samples):
            return _typed("vector", _listed(_in_time(map(_sample, samples), goes_on)))
        case Matrix(series=series):
            return _typed("matrix", _listed(_in_time(map(_points, series), goes_on)))
        case Scalar(value=value, at=at):
            return _typed("scalar", f'[{seconds(at)},"{plain(value)}"]')
        case String(value=text, at=at):
            return _typed("string", f"[{seconds(at)},{written(text)}]")


def written(data: object) -> str:
    """Plain data as JSON text without spaces."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def label_sets(sets: Sequence[Labels], goes_on: Callable[[], bool] = always) -> str:
    """Label sets as a JSON array. Raises QueryError when the time is up."""
    return _listed(_in_time(map(labels_json, sets), goes_on))


def labels_json(labels: Labels) -> str:
    """A label set as a JSON object."""
    return written(dict(labels))


def number(value: float) -> str:
    """A value of a series: with an exponent only below 1e-6 and from 1e21 on."""
    if value == 0 or _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN or not math.isfinite(value):
        return plain(value)
    return repr(value)


def plain(value: float) -> str:
    """A scalar: never with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    return text.removesuffix(".0") if "e" not in text else format(Decimal(text), "f")


def exponential(value: float) -> str:
    """A value with its exponent always there, as alerts have it: ``1e+00``."""
    if not math.isfinite(value):
        return number(value)
    digits = Decimal(repr(value)).normalize().as_tuple().digits
    return f"{value:.{len(digits) - 1}e}"


def seconds(at: float) -> str:
    """A time in seconds with its milliseconds, if it has any."""
    whole, fraction = divmod(abs(round(at * 1000)), 1000)
    sign = "-" if at < 0 else ""
    return f"{sign}{whole}.{fraction:03d}" if fraction else f"{sign}{whole}"


def _typed(kind: str, found: str) -> str:
    return f'{{"resultType":"{kind}","result":{found}}}'


def _in_time(items: Iterable[str], goes_on: Callable[[], bool]) -> Iterator[str]:
    for number, item in enumerate(items):
        if number % _TOGETHER == 0 and not goes_on():
            raise timed_out()
        yield item


def _listed(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"


def _sample(sample: Sample) -> str:
    return (
        f'{{"metric":{labels_json(sample.labels)},"value":[{seconds(sample.at)},"{number(sample.value)}"]}}'
    )


def _points(points: Points) -> str:
    pairs = zip(points.at.tolist(), points.values.tolist(), strict=True)
    values = ",".join(f'[{seconds(at)},"{number(value)}"]' for at, value in pairs)
    return f'{{"metric":{labels_json(points.labels)},"values":[{values}]}}'
