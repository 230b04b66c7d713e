"""When what happened: the instants of a drill, found in the samples, the log and the timeline."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from stack.drills.observer import EventKind, ObservedEvent
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult, LogMark, StackSample


class CutSource(StrEnum):
    """Whose clock says when the lever was set."""

    SERVICE_LOG = "service's log"
    TIMELINE = "platform's timeline"
    SAMPLES = "seen on the target"


@dataclass(frozen=True, slots=True)
class Instants:
    """Unix seconds, None for what did not happen or could not be seen.

    Attributes:
        first_waiting: the first request waiting for a connection in the surge (sampled, or the log's stamp
            if that is earlier).
        rule_true: the service's own stamp of the wait that makes the alert's rule true.
        alert_firing: the first firing of the plan's alert from then on (or of any alert, if it never fired).
        lever_set: the first lever set from ``rule_true`` on; before the alert, if another one led to it. By
            the service's own log, where it has the change; else by the platform's word, which is the nominal
            time of its round and says nothing of how long the change took.
        cut_source: whose time ``first_cut`` is.
        cut_seen: the first sample in which the drill itself saw a lever away from its baseline.
        backlog_gone: since when nobody waited for a connection any more, up to recovery.
        recovered: end of the first admission period after the cut with fewer waiting on average than the plan
            allows: the latest instant at which one can call it recovered, hence the honest one.
        release_began: the levers' ramp back.
        levers_back: every lever at its baseline again, for good.
        resolved: the incident's end.
    """

    first_waiting: float | None
    rule_true: float | None
    alert_firing: float | None
    lever_set: float | None
    cut_seen: float | None
    backlog_gone: float | None
    recovered: float | None
    release_began: float | None
    levers_back: float | None
    resolved: float | None
    cut_source: CutSource | None = None

    @property
    def first_cut(self) -> float | None:
        """The lever set by the timeline; without a timeline, as the drill saw it."""
        return self.lever_set if self.lever_set is not None else self.cut_seen


def find_instants(result: DrillResult) -> Instants:
    """All instants of one drill."""
    plan, samples = result.plan, result.samples
    events = [seen.event for seen in result.events]
    stamp = _first(line.at for line in result.log if line.mark is LogMark.POOL_SATURATED)
    sampled = _first(s.at for s in samples if s.at >= result.surge_from and s.pool_pending > 0)
    trouble_from = result.surge_from if stamp is None else stamp
    firing = first_firing(events, plan.alert, trouble_from)
    told = _first_event(events, EventKind.LEVER_SET, trouble_from)
    logged = _logged_change(result, trouble_from)
    # Without the platform's word, somebody else has moved the lever.
    lever_set = told if told is None or logged is None else logged
    cut_seen = _where(samples, _away, result.surge_from)
    cut = lever_set if lever_set is not None else cut_seen
    recovered = None if cut is None else recovery(samples, cut, plan)
    release_began = _release_began(result, events, recovered)
    return Instants(
        first_waiting=min((at for at in (stamp, sampled) if at is not None), default=None),
        rule_true=stamp,
        alert_firing=firing,
        lever_set=lever_set,
        cut_seen=cut_seen,
        backlog_gone=None if cut is None else nobody_waits_since(samples, cut, recovered),
        recovered=recovered,
        release_began=release_began,
        levers_back=None if cut is None else levers_back(samples, cut),
        resolved=_resolved(result),
        cut_source=_cut_source(told, logged, cut_seen),
    )


def first_firing(events: Sequence[ObservedEvent], alert: str, since: float) -> float | None:
    """When the alert of that name first fired from ``since`` on; any alert's, if that one never did."""
    firing = [e for e in events if e.kind == EventKind.ALERT_FIRING and e.at >= since]
    named = [e for e in firing if e.details.get("alert") == alert]
    return _first(event.at for event in named or firing)


def recovery(samples: Sequence[StackSample], cut: float, plan: DrillPlan) -> float | None:
    """End of the first admission period after ``cut`` with a mean of waiting requests under the plan's.

    The period slides from sample to sample. One with fewer than half of its samples proves nothing.
    """
    enough = plan.period / plan.sample_every / 2
    for last in samples:
        inside = [s.pool_pending for s in samples if last.at - plan.period < s.at <= last.at]
        whole = last.at - plan.period >= cut and len(inside) >= enough
        if whole and sum(inside) / len(inside) < plan.recovered_pending:
            return last.at
    return None


def nobody_waits_since(samples: Sequence[StackSample], cut: float, until: float | None) -> float | None:
    """First sample after ``cut`` from which on nobody waited for a connection, up to ``until``."""
    up_to = [sample for sample in samples if until is None or sample.at <= until]
    return _lasting(up_to, lambda sample: sample.pool_pending == 0, cut)


def levers_back(samples: Sequence[StackSample], cut: float) -> float | None:
    """First sample after ``cut`` from which on every lever stayed at its baseline, to the last sample."""
    return _lasting(samples, lambda sample: not _away(sample), cut)


def reversals(values: Iterable[float]) -> int:
    """How often a sequence of values changes direction; standing still is no direction."""
    steps = [later - earlier for earlier, later in pairwise(values) if later != earlier]
    return sum(1 for earlier, later in pairwise(steps) if (earlier > 0) != (later > 0))


def numeric_values(samples: Sequence[StackSample], lever: str, since: float, until: float) -> list[float]:
    """Values of a numeric lever in the samples from ``since`` to ``until``."""
    found = [sample.lever(lever) for sample in samples if since <= sample.at <= until]
    return [each.value for each in found if each is not None and not isinstance(each.value, str)]


def _away(sample: StackSample) -> bool:
    return not all(lever.at_baseline for lever in sample.levers)


def _release_began(
    result: DrillResult, events: Sequence[ObservedEvent], recovered: float | None
) -> float | None:
    if recovered is None:
        return None
    told = _first_event(events, EventKind.RELEASING, recovered)
    ramping = _where(result.samples, lambda s: any(lever.ramping for lever in s.levers), recovered)
    return min((at for at in (told, ramping) if at is not None), default=None)


def _logged_change(result: DrillResult, since: float) -> float | None:
    return _first(line.at for line in result.log if line.mark is LogMark.LEVER_CHANGED and line.at >= since)


def _cut_source(told: float | None, logged: float | None, cut_seen: float | None) -> CutSource | None:
    if told is not None:
        return CutSource.TIMELINE if logged is None else CutSource.SERVICE_LOG
    return None if cut_seen is None else CutSource.SAMPLES


def _resolved(result: DrillResult) -> float | None:
    ends = [incident.resolved_at for incident in result.incidents]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _first_event(events: Sequence[ObservedEvent], kind: EventKind, since: float) -> float | None:
    return _first(e.at for e in events if e.kind == kind and e.at >= since)


def _lasting(
    samples: Sequence[StackSample], holds: Callable[[StackSample], bool], after: float
) -> float | None:
    """First sample from ``after`` on since which it held without a break, up to the last one."""
    since: float | None = None
    for sample in samples:
        if sample.at >= after:
            since = (since or sample.at) if holds(sample) else None
    return since


def _where(
    samples: Sequence[StackSample], holds: Callable[[StackSample], bool], since: float
) -> float | None:
    return _first(sample.at for sample in samples if sample.at >= since and holds(sample))


def _first(times: Iterable[float]) -> float | None:
    return min(times, default=None)
