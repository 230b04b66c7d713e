"""Arithmetic and comparison of numbers, element by element, with the edge cases of IEEE 754 as in Go."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from metrics.promql.frame import Bools
from metrics.values import Floats

ARITHMETIC: Mapping[str, Callable[[Floats, Floats], Floats]] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "%": np.fmod,
        "^": np.power,
        "atan2": np.arctan2,
    }
)

COMPARISON: Mapping[str, Callable[[Floats, Floats], Bools]] = MappingProxyType(
    {
        "==": np.equal,
        "!=": np.not_equal,
        ">": np.greater,
        "<": np.less,
        ">=": np.greater_equal,
        "<=": np.less_equal,
    }
)

SETS = frozenset({"and", "or", "unless"})


def combined(op: str, left: Floats, right: Floats, return_bool: bool) -> tuple[Floats, Bools | None]:
    """The values of ``left op right``, and which of them are kept (None for all).

    A comparison keeps the left value where it holds; with ``bool`` it is 1 or 0 everywhere.
    """
    work = ARITHMETIC.get(op)
    if work is not None:
        return work(left, right), None
    holds = COMPARISON[op](left, right)
    if return_bool:
        return holds.astype(float), None
    return np.broadcast_to(left, holds.shape), holds
