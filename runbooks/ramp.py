"""The way back to the baseline, one step at a time."""

from runbooks.lever import LeverValue


def ramped(value: LeverValue, baseline: LeverValue, factor: float) -> LeverValue:
    """The next value: times or divided by the factor, at least one, never past the baseline.

    A state has nothing in between and goes back at once.
    """
    if isinstance(value, str) or isinstance(baseline, str):
        return baseline
    if value < baseline:
        return min(baseline, max(float(int(value * factor)), value + 1))
    return max(baseline, min(float(int(value / factor)), value - 1))
