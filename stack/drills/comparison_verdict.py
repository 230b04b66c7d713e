"""What a comparison had to show, and whether it did: the published failure, and that acting prevents it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from stack.drills.comparison import Comparison, Side, side_of
from stack.drills.expectation import Expectation, at_least, at_most, between, over, under
from stack.drills.outcome import compute_outcome
from stack.drills.plan import Wanted
from stack.drills.result import DrillResult
from stack.drills.verdict import judge_drill

FIRST_TIMEOUT_WITHIN = 110.0
PUBLISHED_P95 = 30.0


class Conclusion(StrEnum):
    """What the two runs say together."""

    SHOWN = "shown"
    NOT_SHOWN = "not_shown"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class ComparisonVerdict:
    """Every expectation by what it is about, and what follows from them; ``text`` is for people."""

    left_alone: tuple[Expectation, ...]
    acting: tuple[Expectation, ...]
    both: tuple[Expectation, ...]
    conclusion: Conclusion
    text: str

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """All of them, in order."""
        return (*self.left_alone, *self.acting, *self.both)

    @property
    def passed(self) -> bool:
        """Everything held."""
        return self.conclusion is Conclusion.SHOWN


def judge_comparison(comparison: Comparison) -> ComparisonVerdict:
    """Judge both runs and what lies between them."""
    alone = side_of(comparison.left_alone, comparison.watch_after)
    acting = side_of(comparison.acting, comparison.watch_after)
    left_alone = tuple(judge_left_alone(comparison.left_alone, alone))
    acted = tuple(_judge_acting(comparison.acting, acting))
    both = tuple(_judge_both(alone, acting, comparison.acting.plan.wanted))
    failed = [each for each in (*left_alone, *acted, *both) if not each.passed]
    conclusion = _conclusion(alone, comparison.too_fast, failed)
    text = _text(conclusion, alone, acting, comparison, failed)
    return ComparisonVerdict(left_alone, acted, both, conclusion, text)


def judge_left_alone(result: DrillResult, side: Side) -> Iterator[Expectation]:
    """The published failure appears in full, and the platform sees it and keeps its hands off."""
    seen = side.instants
    yield at_most("complete", "times the drill was stopped early", int(not result.complete), 0)
    yield at_least("pool_timeouts", "pool timeouts", side.timeouts, 1)
    yield at_least(
        "timeout_lines", "lines of the published text in the service's log", len(side.timeout_lines), 1
    )
    yield at_most(
        "first_timeout",
        "first pool timeout after the surge began",
        side.first_timeout,
        FIRST_TIMEOUT_WITHIN,
        unit="s",
        missing="no pool timeout was seen",
    )
    yield over(
        "slow_p95",
        "p95 of dates asked for in the second half of the surge",
        side.second_half.p95,
        PUBLISHED_P95,
        unit="s",
        missing="no date request in it",
    )
    yield at_most(
        "alert_within",
        "from the wait that makes the rule true to the alert",
        between(seen.rule_true, seen.alert_firing),
        result.plan.wanted.alert_within,
        unit="s",
        missing="no stamp in the service's log" if seen.rule_true is None else "no alert fired",
    )
    yield at_least("would_act", "times it said what it would have done", len(side.would), 1)
    yield at_most("hands_off", "levers that left their baseline", len(side.levers_moved), 0)
    count = len(result.incidents)
    yield Expectation("one_incident", "incidents", count, 1, "", "exactly 1", count == 1)
    yield at_most("dropped_arrivals", "arrivals the generator dropped", result.generator.dropped, 0)


def _judge_acting(result: DrillResult, side: Side) -> Iterator[Expectation]:
    yield from judge_drill(result, compute_outcome(result)).expectations
    yield under(
        "fast_p95",
        "p95 of dates asked for in the second half of the surge",
        side.second_half.p95,
        result.plan.wanted.objective,
        unit="s",
        missing="no date request in it",
    )


def _judge_both(alone: Side, acting: Side, wanted: Wanted) -> Iterator[Expectation]:
    yield at_most("same_users", "difference in users who arrived", _apart(alone, acting), 1)
    yield over(
        "more_in_time",
        f"users served within {wanted.objective:g} s, more than left alone",
        acting.users.within_objective - alone.users.within_objective,
        0,
    )
    yield over(
        "fewer_errors",
        "users who saw an error, fewer than left alone",
        alone.users.saw_error - acting.users.saw_error,
        0,
    )


def _apart(alone: Side, acting: Side) -> int:
    return abs(alone.users.arrived - acting.users.arrived)


def _conclusion(alone: Side, too_fast: float, failed: list[Expectation]) -> Conclusion:
    if not failed:
        return Conclusion.SHOWN
    rate = alone.rate.per_second
    fast = alone.timeouts == 0 and rate is not None and rate > too_fast
    return Conclusion.INCONCLUSIVE if fast else Conclusion.NOT_SHOWN


def _text(
    conclusion: Conclusion, alone: Side, acting: Side, comparison: Comparison, failed: list[Expectation]
) -> str:
    if conclusion is Conclusion.INCONCLUSIVE:
        rate, limit = alone.rate.per_second or 0.0, comparison.too_fast
        return (
            f"Inconclusive: the host was too fast. It served {rate:.2f} queries/s, and from {limit:.2f} "
            "queries/s on no pool timeout can appear. Play it again."
        )
    if conclusion is Conclusion.SHOWN:
        objective, users = comparison.acting.plan.wanted.objective, alone.users
        return (
            f"Left alone, {alone.timeouts} requests got no database connection in time; acting, "
            f"{acting.timeouts or 'none'}. {users.within_objective} of {users.arrived} users were served "
            f"within {objective:g} s left alone, {acting.users.within_objective} acting."
        )
    count = f"{len(failed)} expectation{'s' if len(failed) > 1 else ''} failed"
    return f"{count}: {'; '.join(each.title for each in failed)}."
