"""A runbook as somebody sees it who only looks: everything that a decision about it would look at."""

from dataclasses import dataclass

from alerts.alert_state import Alert, AlertState
from alerts.clause import ClauseReading
from runbooks.decision import Decision
from runbooks.decision_store import KnownDecision
from runbooks.guards import GuardResult
from runbooks.kill_switch import KillSwitch
from runbooks.lease import Lease
from runbooks.lever_store import KnownLever
from runbooks.limits import Limited, Usage
from runbooks.matching import fits
from runbooks.plan import Plan
from runbooks.run import Run
from runbooks.runbook import Runbook
from settings.schema import RunbookMode


@dataclass(frozen=True, slots=True)
class GuardLook:
    """A guard judged now, with the values behind it (none where they cannot be asked)."""

    result: GuardResult
    fresh: float
    clauses: tuple[ClauseReading, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What the runbook would do about one unresolved incident that it is for.

    Attributes:
        decision: made now, as the run loop makes it, and not acted upon.
        known: what the run loop last decided, None when it needed no decision yet.
        last: the runbook's newest run in the incident; busy: the run that holds one of its levers.
    """

    incident_id: int
    decision: Decision
    known: KnownDecision | None
    last: Run | None
    busy: Run | None


@dataclass(frozen=True, slots=True)
class RunbookLook:
    """A runbook at one time.

    Attributes:
        now: Unix seconds.
        mode: the stricter of the runbook's own and the configuration's.
        limited: the limit that forbids a run now, None when none does.
        plan: what a run would do now, None while its lever cannot be read.
        cases: by incident, oldest first; anyway: the decision if a matching alert fired now.
        unresolved: incidents that are not over; alerts: all that are pending, firing or unknown.
        held: levers away from their baseline; runs: its own, newest first.
    """

    runbook: Runbook
    now: float
    mode: RunbookMode
    kill_switch: KillSwitch
    guards: tuple[GuardLook, ...]
    usage: Usage
    limited: Limited | None
    levers: tuple[KnownLever, ...]
    plan: Plan | None
    cases: tuple[Case, ...]
    anyway: Decision
    unresolved: tuple[int, ...]
    alerts: tuple[Alert, ...]
    held: tuple[Lease, ...]
    runs: tuple[Run, ...]

    def matching(self, *states: AlertState) -> tuple[Alert, ...]:
        """Alerts that the runbook is for, in one of these states."""
        return tuple(
            alert
            for alert in self.alerts
            if alert.state in states and any(fits(matchers, alert) for matchers in self.runbook.when)
        )
