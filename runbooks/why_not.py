"""Why a runbook does not act: one line for each incident that it is for, or one when there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.alert_state import Alert, AlertState
from alerts.quantity import quantity
from alerts.why_not import compared_text
from metrics.promql.ast import Matcher
from runbooks.guards import GuardReason
from runbooks.matching import matches, worded
from runbooks.run import ACTIVE, Run
from runbooks.runbook_look import Case, GuardLook, RunbookLook
from settings.schema import RunbookMode


class NotActingReason(StrEnum):
    """The first thing that keeps a runbook from acting: a decision's reasons, and those before a decision."""

    NO_ALERT = "no_alert"
    NO_MATCHING_ALERT = "no_matching_alert"
    ALERT_PENDING = "alert_pending"
    ALERT_UNKNOWN = "alert_unknown"
    EXPECTED = "expected"
    GUARDS_PASSED = "guards_passed"
    IN_PROGRESS = "in_progress"
    LEVER_BUSY = "lever_busy"
    KILL_SWITCH = "kill_switch"
    LEVER_UNREADABLE = "lever_unreadable"
    HELD_BY_ANOTHER = "held_by_another"
    COOLDOWN = "cooldown"
    PER_HOUR = "per_hour"
    GUARD_SAYS_NO = "guard_says_no"
    GUARD_FACTS = "guard_facts"
    ALREADY_THERE = "already_there"
    OBSERVE_MODE = "observe_mode"
    ASK_MODE = "ask_mode"
    LAST_RUN_FAILED = "last_run_failed"
    PERSON_DECIDED = "person_decided"
    WAITS_FOR_PERSON = "waits_for_person"


@dataclass(frozen=True, slots=True)
class WhyNotActing:
    """The reason and a line for a person; ``incident_id`` is None when it is about no incident."""

    runbook: str
    reason: NotActingReason
    text: str
    incident_id: int | None = None


def why_not(look: RunbookLook) -> tuple[WhyNotActing, ...]:
    """A line for each unresolved incident that the runbook is or could be for, else one in general."""
    lines = tuple(_of_case(look, case) for case in look.cases)
    lines += tuple(_of_run(look, run) for run in _unnamed(look))
    named = {line.incident_id for line in lines}
    withheld = tuple(
        line for line in _withheld(look) if line.incident_id is None or line.incident_id not in named
    )
    return lines + withheld or (_without_match(look),)


def if_it_matched(look: RunbookLook) -> WhyNotActing:
    """What would follow if a matching alert fired now."""
    reason = NotActingReason(look.anyway.reason.value)
    return WhyNotActing(look.runbook.name, reason, _decided_text(look, look.anyway.text, reason, None))


def why_not_in_incident(looks: Sequence[RunbookLook], incident_id: int) -> tuple[WhyNotActing, ...]:
    """Why nobody acts in an incident: the lines of the runbooks that are for it, or that none is."""
    lines = [line for look in looks for line in why_not(look) if line.incident_id == incident_id]
    if lines or not looks:
        return tuple(lines)
    firing = sorted({alert.rule for alert in _firing(looks[0]) if alert.incident_id == incident_id})
    if not firing:
        text = "none of its alerts fires any more; an alert that is not firing starts nothing"
        return (WhyNotActing("", NotActingReason.NO_ALERT, text, incident_id),)
    wants = "; ".join(f"{look.runbook.name} is for {_wanted(look)}" for look in looks)
    text = f"no runbook is for {', '.join(firing)}: {wants}"
    return (WhyNotActing("", NotActingReason.NO_MATCHING_ALERT, text, incident_id),)


def _of_case(look: RunbookLook, case: Case) -> WhyNotActing:
    reason = NotActingReason(case.decision.reason.value)
    text = _decided_text(look, case.decision.text, reason, case)
    return WhyNotActing(look.runbook.name, reason, text, case.incident_id)


def _unnamed(look: RunbookLook) -> Iterator[Run]:
    """Its runs that hold a lever although no alert calls for them any more: it steers, or lets go."""
    cases = {case.incident_id for case in look.cases}
    return (run for run in look.runs if run.state in ACTIVE and run.incident_id not in cases)


def _of_run(look: RunbookLook, run: Run) -> WhyNotActing:
    text = _acting(look, run, f"run {run.key} holds {run.lever}", "it acts")
    lease = next((lease for lease in look.held if lease.run_key == run.key), None)
    doing = f": {lease.doing}" if lease is not None and lease.doing else ""
    return WhyNotActing(look.runbook.name, NotActingReason.IN_PROGRESS, f"{text}{doing}", run.incident_id)


def _acting(look: RunbookLook, run: Run, said: str, doing: str) -> str:
    if run.started_at is None:
        return f"{doing}: {said}"
    return f"{doing}: {said} for {_seconds(look.now - run.started_at)} ({run.state.value.replace('_', ' ')})"


def _decided_text(look: RunbookLook, said: str, reason: NotActingReason, case: Case | None) -> str:
    """The decision's own words with what a person wants to know besides."""
    match reason:
        case NotActingReason.GUARDS_PASSED:
            said = f"nothing keeps it: {said}; the run loop acts at its next step"
        case NotActingReason.IN_PROGRESS | NotActingReason.LEVER_BUSY:
            said = _busy(look, said, case)
        case NotActingReason.KILL_SWITCH:
            said = f"{said}, for {_seconds(look.now - look.kill_switch.at)}"
        case NotActingReason.WAITS_FOR_PERSON:
            said = _waits(look, said, case)
        case NotActingReason.PER_HOUR if look.limited is not None:
            said = f"{said}; again in {_seconds(look.limited.until - look.now)}"
        case NotActingReason.GUARD_SAYS_NO | NotActingReason.GUARD_FACTS:
            said = _guard(look) or said
        case NotActingReason.OBSERVE_MODE | NotActingReason.ASK_MODE:
            said = f"{_mode(look)}; {_would(look)}"
    return said


def _busy(look: RunbookLook, said: str, case: Case | None) -> str:
    run = case.busy if case is not None else None
    if run is None:
        return said
    doing = "it acts already" if run.runbook == look.runbook.name else f"{run.runbook} acts"
    return _acting(look, run, said, doing)


def _waits(look: RunbookLook, said: str, case: Case | None) -> str:
    run = case.last if case is not None else None
    if run is None or run.expires_at is None:
        return said
    left = _seconds(max(0.0, run.expires_at - look.now))
    return f"run {run.key} waits for a responder's yes, {left} more: {run.plan.text}"


def _guard(look: RunbookLook) -> str:
    failed = next((guard for guard in look.guards if not guard.result.passed), None)
    if failed is None:
        return ""
    return f"guard {failed.result.name} says no: {guard_text(failed)}. {failed.result.why}".strip()


def guard_text(guard: GuardLook) -> str:
    """The values behind a guard against what it wants, and how old its facts are."""
    result = guard.result
    age = "" if result.age is None else f", facts {_seconds(result.age)} old"
    failing = [reading for reading in guard.clauses if not reading.holding and reading.compared]
    told = [reading for reading in guard.clauses if reading.compared and reading.clause.compares]
    if result.reason is GuardReason.FALSE and failing:
        return "; ".join(compared_text(reading) for reading in failing if reading.clause.compares) + age
    if result.reason is GuardReason.PASSED and told:
        return "; ".join(compared_text(reading) for reading in told) + age
    stale = result.reason in {GuardReason.STALE, GuardReason.MISSING}
    return result.text if stale else f"{result.text}{age}"


def _mode(look: RunbookLook) -> str:
    where = "its own setting" if look.runbook.mode is look.mode else "runbooks.mode in config.yaml"
    does = {RunbookMode.OBSERVE: "nothing is sent", RunbookMode.ASK: "a person decides"}
    return f"{look.mode} mode ({where}): {does.get(look.mode, 'it acts by itself')}"


def _would(look: RunbookLook) -> str:
    return "what it would do is not known" if look.plan is None else f"it would do {look.plan.text}"


def _withheld(look: RunbookLook) -> Iterator[WhyNotActing]:
    """Alerts that match and start nothing."""
    told = (
        (NotActingReason.EXPECTED, AlertState.FIRING, _expected),
        (NotActingReason.ALERT_UNKNOWN, AlertState.UNKNOWN, _unknown),
        (NotActingReason.ALERT_PENDING, AlertState.PENDING, _pending),
    )
    for reason, state, words in told:
        for alert in {found.incident_id: found for found in look.matching(state)}.values():
            text = words(look, alert)
            if text:
                yield WhyNotActing(look.runbook.name, reason, text, alert.incident_id)


def _expected(look: RunbookLook, alert: Alert) -> str:
    if not alert.expected or not look.held:
        return ""
    lease = look.held[0]
    return (
        f"alert {alert.rule} is expected while {lease.lever} is held by run {lease.run_key}: "
        "it starts nothing"
    )


def _unknown(look: RunbookLook, alert: Alert) -> str:
    since = "" if alert.unknown_at is None else f" for {_seconds(look.now - alert.unknown_at)}"
    return (
        f"alert {alert.rule} cannot be judged{since}: a target behind it is down or late; it starts nothing"
    )


def _pending(look: RunbookLook, alert: Alert) -> str:
    since = _seconds(look.now - alert.active_at)
    return f"alert {alert.rule} is pending for {since}: it starts nothing yet"


def _without_match(look: RunbookLook) -> WhyNotActing:
    name, wanted, firing = look.runbook.name, _wanted(look), _firing(look)
    if not firing:
        text = f"no alert fires; it is for {wanted}"
        return WhyNotActing(name, NotActingReason.NO_ALERT, text)
    alert, matchers = max(
        ((alert, matchers) for alert in firing for matchers in look.runbook.when),
        key=lambda pair: _share(pair[1], pair[0]),
    )
    failed = [matcher for matcher in matchers if not matches(matcher, alert)]
    fitting = len(matchers) - len(failed)
    if fitting:
        near = (
            f"the nearest is {alert.rule}, which fits {fitting} of {len(matchers)} matchers "
            f"(wanted {worded(failed)})"
        )
    else:
        near = f"firing: {', '.join(sorted({alert.rule for alert in firing}))}"
    text = f"no alert that fires matches: it is for {wanted}; {near}"
    return WhyNotActing(name, NotActingReason.NO_MATCHING_ALERT, text)


def _share(matchers: Sequence[Matcher], alert: Alert) -> float:
    return sum(matches(matcher, alert) for matcher in matchers) / max(1, len(matchers))


def _firing(look: RunbookLook) -> list[Alert]:
    return [alert for alert in look.alerts if alert.state is AlertState.FIRING]


def _wanted(look: RunbookLook) -> str:
    return " or ".join(worded(matchers) for matchers in look.runbook.when)


def _seconds(seconds: float) -> str:
    return quantity(seconds, "s")


def acts(look: RunbookLook) -> bool:
    """Whether one of its runs holds a lever now."""
    return any(run.state in ACTIVE for run in look.runs)
