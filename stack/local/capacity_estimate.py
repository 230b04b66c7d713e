"""How many queries a second a set of busy connections got served, from the times their answers came.

Ten connections on one CPU take turns, so their answers come in bunches: counting answers in a window of a few
seconds may be wrong by a whole bunch of ten. Each connection is therefore measured between its own answers,
and the rates are added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_COMPARED_TURNS = 3
_STEADY = 0.08
# Seconds. Rented machines change speed by a tenth within seconds: a shorter look is a matter of luck.
_AT_LEAST = 8.0
_AT_MOST = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured rate.

    Attributes:
        queries_per_second: of all connections together.
        turns: queries that every connection has finished, at least, since its first.
        spread: how far the latest turns lie apart, as a share: 0.05 is 5 %; infinite before there are enough.
    """

    queries_per_second: float
    turns: int
    spread: float


def estimate(answers: Sequence[Sequence[float]]) -> Estimate | None:
    """The rate, from each connection's answer times in seconds, ascending.

    The first answer of a connection only starts its clock: it paid for warming up. None until every
    connection has a second one.
    """
    turns = min((len(times) - 1 for times in answers), default=0)
    if turns < 1:
        return None
    rate = sum((len(times) - 1) / (times[-1] - times[0]) for times in answers)
    return Estimate(rate, turns, _spread(answers, turns))


def _spread(answers: Sequence[Sequence[float]], turns: int) -> float:
    if turns < _COMPARED_TURNS:
        return float("inf")
    gaps = [[after - before for before, after in pairwise(times)][:turns] for times in answers]
    rates = [sum(1 / gap[turn] for gap in gaps) for turn in range(turns - _COMPARED_TURNS, turns)]
    return max(rates) / min(rates) - 1


def is_steady(found: Estimate | None, elapsed: float) -> bool:
    """Whether to stop measuring after ``elapsed`` seconds.

    Steady turns and some seconds are enough; after a while any whole turn has to do, because a machine whose
    speed drifts never looks steady.
    """
    if found is None:
        return False
    return elapsed >= _AT_LEAST and (found.spread <= _STEADY or elapsed >= _AT_MOST)
