"""Functions of one number: rounding, logarithms, trigonometry, parts of a date."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from metrics.promql.frame import Frame
from metrics.values import Floats

_DAY = 86_400
_NO_DATE = 2.0**63
"""Seconds from which on there is no date; NaN has none either."""


def clamp(frame: Frame, low: Floats, high: Floats) -> Frame:
    """Values moved into [low, high] of each step; steps where low is above high give nothing.

    As in Go, -Inf is the smaller and +Inf the larger even of NaN.
    """
    values = np.minimum(high, frame.values)
    values = np.where((high == -np.inf) | (frame.values == -np.inf), -np.inf, values)
    values = np.where((low == np.inf) | (values == np.inf), np.inf, np.maximum(low, values))
    return Frame(frame.sets, values, frame.present & ~(low > high))


def rounded(frame: Frame, to_nearest: Floats) -> Frame:
    """Values rounded to a multiple of ``to_nearest``, halves up."""
    inverse = 1.0 / to_nearest
    return Frame(frame.sets, np.floor(frame.values * inverse + 0.5) / inverse, frame.present)


Whole = np.typing.NDArray[np.int64]


def _seconds(values: Floats) -> Whole:
    return np.where(np.abs(values) < _NO_DATE, np.trunc(values), 0.0).astype(np.int64)


def _days(values: Floats) -> Whole:
    return _seconds(values) // _DAY


def _date(values: Floats) -> np.typing.NDArray[np.datetime64]:
    return _days(values).astype("datetime64[D]")


def _month_start(values: Floats) -> np.typing.NDArray[np.datetime64]:
    return _date(values).astype("datetime64[M]")


def _day_of_month(values: Floats) -> Whole:
    return _whole_days(_date(values) - _month_start(values).astype("datetime64[D]")) + 1


def _days_in_month(values: Floats) -> Whole:
    month = _month_start(values)
    following = (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    return _whole_days(following - month.astype("datetime64[D]"))


def _day_of_year(values: Floats) -> Whole:
    year = _date(values).astype("datetime64[Y]").astype("datetime64[D]")
    return _whole_days(_date(values) - year) + 1


def _whole_days(span: np.typing.NDArray[np.timedelta64]) -> Whole:
    return span.astype(np.int64)


def _date_part(work: Callable[[Floats], Whole]) -> Callable[[Floats], Floats]:
    return lambda values: np.where(np.abs(values) < _NO_DATE, work(values).astype(float), np.nan)


def _parts() -> dict[str, Callable[[Floats], Whole]]:
    return {
        "minute": lambda values: _seconds(values) // 60 % 60,
        "hour": lambda values: _seconds(values) // 3600 % 24,
        "day_of_week": lambda values: (_days(values) + 4) % 7,
        "day_of_month": _day_of_month,
        "day_of_year": _day_of_year,
        "days_in_month": _days_in_month,
        "month": lambda values: _month_start(values).astype(np.int64) % 12 + 1,
        "year": lambda values: _date(values).astype("datetime64[Y]").astype(np.int64) + 1970,
    }


DATES: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {name: _date_part(work) for name, work in _parts().items()}
)
"""Parts of a date in UTC; without an argument they are asked of the step."""

MATHS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "abs": np.abs,
        "ceil": np.ceil,
        "floor": np.floor,
        "exp": np.exp,
        "ln": np.log,
        "log2": np.log2,
        "log10": np.log10,
        "sqrt": np.sqrt,
        "sgn": np.sign,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "tanh": np.tanh,
        "asinh": np.arcsinh,
        "acosh": np.arccosh,
        "atanh": np.arctanh,
        "deg": lambda values: values * 180 / np.pi,
        "rad": lambda values: values * np.pi / 180,
    }
)
