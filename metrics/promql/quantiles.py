"""The interpolated quantile of many sets of numbers at once."""

import numpy as np

from metrics.promql.frame import Bools
from metrics.values import Floats


def quantile_of(quantile: Floats, values: Floats, inside: Bools) -> Floats:
    """The quantile of the values along the last axis, NaN first in their order, as Prometheus has it.

    Args:
        quantile: [...]; below 0 gives -Inf, above 1 +Inf, NaN gives NaN.
        values: [..., numbers].
        inside: [..., numbers], which of them count. None at all gives NaN.
    """
    number = inside.sum(axis=-1)
    nans = (np.isnan(values) & inside).sum(axis=-1)
    lowered = np.where(np.isnan(values), -np.inf, values)
    ordered = _sorted(lowered, inside)
    rank = np.where((quantile >= 0) & (quantile <= 1), quantile, 0.0) * (number - 1)
    below = np.maximum(np.floor(rank), 0).astype(np.intp)
    above = np.clip(below + 1, 0, np.maximum(number - 1, 0))
    weight = rank - np.floor(rank)
    found = _at(ordered, below, nans) * (1 - weight) + _at(ordered, above, nans) * weight
    found = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, found))
    return np.where(np.isnan(quantile) | (number == 0), np.nan, found)


def _sorted(values: Floats, inside: Bools) -> Floats:
    """Ascending, with what does not count behind."""
    order = np.lexsort((values, ~inside), axis=-1)
    return np.take_along_axis(values, order, axis=-1)


def _at(ordered: Floats, place: np.typing.NDArray[np.intp], nans: np.typing.NDArray[np.intp]) -> Floats:
    picked = np.take_along_axis(ordered, place[..., None], axis=-1)[..., 0]
    return np.where(place < nans, np.nan, picked)
