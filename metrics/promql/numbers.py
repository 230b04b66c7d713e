"""How Go writes numbers, where results show them as text."""

import math

import numpy as np


def go_float(value: float) -> str:
    """The shortest text that reads back as the same number, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


def go_short(value: float) -> str:
    """The shortest text that reads back as the same number, as ``%g`` writes it: 1e+06, 100000, 1e-05."""
    return _with_exponent_from(6, value)


def go_value(value: float) -> str:
    """The shortest text that reads back as the same number, as ``%v`` writes it: 1e+21, 1000000, 1e-05."""
    return _with_exponent_from(21, value)


def _with_exponent_from(most: int, value: float) -> str:
    if not math.isfinite(value):
        return go_float(value)
    digits, _, power = np.format_float_scientific(value, trim="-").partition("e")
    exponent = int(power)
    if -4 <= exponent < most:
        return go_float(value)
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
