"""Results as JSON text, number by number as Prometheus writes them. No number passes through a JSON library:
a range query may have a million of them."""

import json
import math
from collections.abc import Iterable
from decimal import Decimal

from metrics.values import Labels, Matrix, Points, QueryResult, Sample, Scalar, String, Vector

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-6, 1e21


def result(found: QueryResult) -> str:
    """``{"resultType": ..., "result": ...}``."""
    match found:
        case Vector(samples=samples):
            return _typed("vector", _listed(map(_sample, samples)))
        case Matrix(series=series):
            return _typed("matrix", _listed(map(_points, series)))
        case Scalar(value=value, at=at):
            return _typed("scalar", f'[{seconds(at)},"{number(value)}"]')
        case String(value=text, at=at):
            return _typed("string", f"[{seconds(at)},{json.dumps(text)}]")


def labels_json(labels: Labels) -> str:
    """A label set as a JSON object."""
    return json.dumps(dict(labels), ensure_ascii=False)


def number(value: float) -> str:
    """A value: plain, with an exponent only below 1e-6 and from 1e21 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    if _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:
        return format(Decimal(text), "f")
    return text


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
