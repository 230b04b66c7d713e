"""What had to follow, and whether it did: every expectation of the drill with the value found."""

from collections.abc import Iterator
from dataclasses import dataclass

from stack.drills.expectation import Expectation, at_most, between, under
from stack.drills.observer import EventKind, ObservedEvent
from stack.drills.outcome import Outcome
from stack.drills.plan import Wanted
from stack.drills.result import DrillResult


@dataclass(frozen=True, slots=True)
class Verdict:
    """All expectations; ``comparable`` is False when the stack was not calibrated as the scenario wants."""

    expectations: tuple[Expectation, ...]
    comparable: bool

    @property
    def passed(self) -> bool:
        """Everything held."""
        return all(expectation.passed for expectation in self.expectations)

    @property
    def failed(self) -> tuple[Expectation, ...]:
        """What did not hold."""
        return tuple(expectation for expectation in self.expectations if not expectation.passed)


def judge_drill(result: DrillResult, outcome: Outcome) -> Verdict:
    """Judge one drill against its plan."""
    wanted = result.plan.wanted
    calibrated = _capacity(result, wanted)
    expectations = (
        calibrated,
        at_most("complete", "times the drill was stopped early", int(not result.complete), 0),
        *_reaction(outcome, wanted),
        _recovery(result, outcome, wanted),
        *_after(outcome, wanted),
        at_most("pool_timeouts", "pool timeouts", outcome.pool_timeouts, 0),
        at_most(
            "cap_reversals",
            "reversals of the cap after recovery",
            outcome.cap_reversals,
            wanted.cap_reversals,
            missing="never recovered",
        ),
        under(
            "release_pending",
            "most waiting for a connection during release",
            outcome.release_pending,
            wanted.release_pending,
            missing="no release was seen",
        ),
        *_incidents(result),
        _reopened(result, outcome.instants.release_began),
        _levers(outcome),
        at_most("dropped_arrivals", "arrivals the generator dropped", result.generator.dropped, 0),
    )
    return Verdict(expectations, comparable=calibrated.passed)


def _capacity(result: DrillResult, wanted: Wanted) -> Expectation:
    found = result.capacity.queries_per_second
    inside = wanted.capacity_from <= found <= wanted.capacity_to
    return Expectation(
        name="capacity",
        title="measured capacity",
        found=found,
        limit=None,
        unit="queries/s",
        wanted=f"{wanted.capacity_from} to {wanted.capacity_to}",
        passed=inside and result.capacity.ok,
        why="" if inside and result.capacity.ok else _uncalibrated(result),
    )


def _uncalibrated(result: DrillResult) -> str:
    reason = result.capacity.reason
    return f"figures cannot be compared: {reason}" if reason else "figures cannot be compared"


def _reaction(outcome: Outcome, wanted: Wanted) -> Iterator[Expectation]:
    seen = outcome.instants
    yield at_most(
        "alert_within",
        "from the wait that makes the rule true to the alert",
        between(seen.rule_true, seen.alert_firing),
        wanted.alert_within,
        unit="s",
        missing="no stamp in the service's log" if seen.rule_true is None else "no alert fired",
    )
    yield at_most(
        "act_within",
        "from the alert to the lever set"
        + (f" ({seen.cut_source})" if seen.cut_source and seen.lever_set else ""),
        between(seen.alert_firing, seen.lever_set),
        wanted.act_within,
        unit="s",
        missing="no alert fired" if seen.alert_firing is None else "no lever was set",
    )


def _recovery(result: DrillResult, outcome: Outcome, wanted: Wanted) -> Expectation:
    seen = outcome.instants
    took = between(seen.first_cut, seen.recovered)
    during_surge = seen.recovered is not None and seen.recovered <= result.surge_until
    missing = "no lever was set" if seen.first_cut is None else "never recovered"
    return Expectation(
        name="recover_within",
        title="from the first cut to recovered, in the surge",
        found=took,
        limit=wanted.recover_within,
        unit="s",
        wanted=f"at most {wanted.recover_within:g} s",
        passed=took is not None and took <= wanted.recover_within and during_surge,
        why=missing if took is None else "" if during_surge else "only after the surge had ended",
    )


def _after(outcome: Outcome, wanted: Wanted) -> Iterator[Expectation]:
    after = outcome.after
    for name, value in (("p90", after.p90 if after else None), ("p95", after.p95 if after else None)):
        yield under(
            f"after_{name}",
            f"{name} of dates asked for after recovery",
            value,
            wanted.objective,
            unit="s",
            missing="no date request after recovery in the surge",
        )


def _incidents(result: DrillResult) -> Iterator[Expectation]:
    count = len(result.incidents)
    yield Expectation(
        "one_incident", "incidents", count, 1, "", "exactly 1", count == 1, "" if count else "none was opened"
    )
    resolved = sum(1 for incident in result.incidents if incident.resolved_at is not None)
    yield Expectation(
        name="resolved",
        title="incidents resolved",
        found=resolved,
        limit=None,
        unit="",
        wanted="all, and at least 1",
        passed=resolved == count > 0,
        why="" if count else "none was opened",
    )


def _reopened(result: DrillResult, release_began: float | None) -> Expectation:
    """Releasing may not exhaust the pool again.

    Only reopenings for an alert that says so count. Others are named, not failed: at the tail's one request
    a second a few slow answers are enough for an EndpointLatencyHigh, and they say nothing of the release.
    """
    again = [
        seen.event
        for seen in result.events
        if seen.event.kind == EventKind.INCIDENT_REOPENED
        and release_began is not None
        and seen.event.at >= release_began
    ]
    exhausted = [event for event in again if alerts_of(event) & set(result.plan.exhaustion_alerts)]
    others = sorted(set().union(*(alerts_of(event) for event in again if event not in exhausted)))
    return Expectation(
        name="reopened",
        title="incidents reopened from the release on",
        found=None if release_began is None else len(exhausted),
        limit=0,
        unit="",
        wanted="none",
        passed=release_began is not None and not exhausted,
        why="no release was seen" if release_began is None else _why_reopened(exhausted, others),
    )


def alerts_of(event: ObservedEvent) -> set[str]:
    """Names of the alerts in a row's details, where they stand with their labels: ``Name{label="x"}``."""
    return {str(alert).partition("{")[0] for alert in event.details.get("alerts", ())}


def _why_reopened(exhausted: list[ObservedEvent], others: list[str]) -> str:
    told = [event.text for event in exhausted]
    return "; ".join([*told, f"not counted: {', '.join(others)}"] if others else told)


def _levers(outcome: Outcome) -> Expectation:
    away = [story.name for story in outcome.levers if not story.back]
    read = bool(outcome.levers)
    return Expectation(
        name="levers_at_baseline",
        title="levers away from their baseline at the end",
        found=len(away) if read else None,
        limit=0,
        unit="",
        wanted="none",
        passed=read and not away,
        why=", ".join(away) if read else "no lever could be read",
    )
