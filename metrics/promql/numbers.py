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
