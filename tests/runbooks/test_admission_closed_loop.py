"""The law against a queueing model of the stack: users, queue, pool and a database of drifting speed."""

from dataclasses import dataclass

import pytest

from runbooks.admission_control import decide
from runbooks.admission_law import Control, Law, begin, cut, must_cut
from runbooks.step import Action, Direction, StepReason
from tests.runbooks.surge_model import SurgeModel

LAW = Law(cut=8, floor=7, baseline=1000, objective=2.5)
SURGE_ENDS = 110.0


@dataclass
class Played:
    """What became of one surge."""

    model: SurgeModel
    cut_at: float
    reversals: int
    ended_at: float | None
    release_peak: int

    @property
    def recovered_after(self) -> float:
        """Seconds from the cut to a period whose mean of waiting requests is under 1."""
        seconds = [pending for at, pending in self.model.pending_each_second if at >= self.cut_at]
        return next(index for index in range(len(seconds)) if sum(seconds[index : index + 10]) < 10)

    def quantile_after_recovery(self, q: float) -> float:
        since = self.cut_at + self.recovered_after + 10
        found = sorted(latency for at, latency in self.model.issued if since < at < SURGE_ENDS)
        return found[int(q * (len(found) - 1))]


def play(capacity: float, seed: int) -> Played:
    model = SurgeModel(capacity, users_a_second=capacity, surge_ends=SURGE_ENDS, seed=seed)
    control: Control | None = None
    exhausted, cut_at, ended_at, peak = 0, 0.0, None, 0
    while ended_at is None and model.now < 250:
        model.run_for(1)
        facts = model.facts(control.measured_from if control else 0)
        if control is None:
            exhausted = exhausted + 1 if must_cut(facts) else 0
            if exhausted < 2:
                continue
            decided, cut_at = cut(LAW, begin(1000, model.now), facts, StepReason.CUT, model.now), model.now
        else:
            decided = decide(LAW, control, facts, model.now)
        if decided.wish.action is not Action.HOLD:
            model.set_cap(decided.control.cap, decided.wish.put_back_excess)
        if decided.wish.direction is Direction.RELEASING:
            peak = max(peak, len(model.pool_queue))
        ended_at = model.now if decided.wish.action is Action.END else None
        control = decided.control
    return Played(model, cut_at, control.reversals if control else 0, ended_at, peak)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("capacity", [4.5, 4.8, 5.2])
def test_a_surge_of_five_times_the_capacity_heals_and_is_let_go(capacity: float, seed: int) -> None:
    played = play(capacity, seed)
    assert played.recovered_after < 60
    assert played.quantile_after_recovery(0.9) < 2.5
    assert played.quantile_after_recovery(0.95) < 2.5
    assert played.reversals <= 2
    assert played.model.pool_timeouts == 0
    assert played.release_peak < 10
    assert played.ended_at is not None
    assert played.ended_at - SURGE_ENDS < 90


def test_the_same_surge_left_alone_runs_into_pool_timeouts() -> None:
    model = SurgeModel(4.8, users_a_second=4.8, surge_ends=SURGE_ENDS, seed=1)
    model.run_for(SURGE_ENDS)
    assert model.pool_timeouts > 0
