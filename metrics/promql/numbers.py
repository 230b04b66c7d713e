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
    """The shortest text that reads back as the same number, as ``%g`` and ``%v`` write it: 1e+06, 100000."""
    if not math.isfinite(value):
        return go_float(value)
    digits, _, power = np.format_float_scientific(value, trim="-").partition("e")
    exponent = int(power)
    if -4 <= exponent < 6:
        return go_float(value)
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
