"""A plan: what a runbook would do now. Nothing here has a client handle, so a dry run touches nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alerts.timeline import JsonValue
from runbooks.guards import GuardReason, GuardResult
from runbooks.lever import LeverValue, worded
from runbooks.runbook import Runbook


@dataclass(frozen=True, slots=True)
class Known:
    """A lever as the plan knows it."""

    title: str
    unit: str
    value: LeverValue
    baseline: LeverValue
    version: int | None


@dataclass(frozen=True, slots=True)
class LeverDiff:
    """What would become of one lever. ``moved`` is False for a second lever that is only reserved."""

    lever: str
    title: str
    unit: str
    before: LeverValue
    after: LeverValue
    baseline: LeverValue
    version: int | None
    moved: bool = True

    @property
    def text(self) -> str:
        """``Cap on active users: 1000 -> 8 users``."""
        if not self.moved:
            return f"{self.title}: stays at {worded(self.before, self.unit)}"
        return f"{self.title}: {worded(self.before)} -> {worded(self.after, self.unit)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan without side effects.

    Attributes:
        text: what would be done, one sentence.
        inverse: how it would be taken back, one sentence.
        hash: of everything that an approval agrees to; guard values are not part of it.
    """

    runbook: str
    incident_id: int | None
    lever: str
    diffs: tuple[LeverDiff, ...]
    guards: tuple[GuardResult, ...]
    text: str
    inverse: str
    hash: str

    @property
    def main(self) -> LeverDiff:
        """The lever that the plan moves."""
        return next(diff for diff in self.diffs if diff.lever == self.lever)


def make(
    runbook: Runbook,
    incident_id: int | None,
    levers: Mapping[str, Known],
    guards: tuple[GuardResult, ...],
    value: LeverValue,
) -> Plan:
    """The plan of a runbook for an incident.

    Args:
        levers: what is known of every lever that the runbook reserves, by name.
        value: what the runbook sets its lever to first.
    """
    diffs = tuple(
        _diff(name, levers[name], value if name == runbook.lever else None) for name in runbook.levers
    )
    moved = diffs[0]
    back = worded(moved.baseline, moved.unit)
    return Plan(
        runbook=runbook.name,
        incident_id=incident_id,
        lever=runbook.lever,
        diffs=diffs,
        guards=guards,
        text=f"{runbook.title}: " + "; ".join(diff.text for diff in diffs),
        inverse=f"{moved.title} back to {back} by ramp",
        hash=plan_hash(runbook.name, runbook.definition, incident_id, diffs),
    )


def _diff(name: str, known: Known, value: LeverValue | None) -> LeverDiff:
    return LeverDiff(
        lever=name,
        title=known.title,
        unit=known.unit,
        before=known.value,
        after=known.value if value is None else value,
        baseline=known.baseline,
        version=known.version,
        moved=value is not None,
    )


def details(plan: Plan) -> Mapping[str, JsonValue]:
    """The plan for a timeline row's details."""
    return {
        "plan": plan.hash,
        "diffs": [diff.text for diff in plan.diffs],
        "guards": [
            {"name": guard.name, "passed": guard.passed, "reason": guard.reason.value, "text": guard.text}
            for guard in plan.guards
        ],
        "inverse": plan.inverse,
    }


def to_json(plan: Plan) -> str:
    """The plan as it is stored."""
    return json.dumps(asdict(plan), ensure_ascii=False)


def from_json(text: str) -> Plan:
    """The stored plan."""
    found: dict[str, Any] = json.loads(text)
    diffs = tuple(LeverDiff(**diff) for diff in found.pop("diffs"))
    guards = tuple(
        GuardResult(**{**guard, "reason": GuardReason(guard["reason"])}) for guard in found.pop("guards")
    )
    return Plan(diffs=diffs, guards=guards, **found)


def plan_hash(runbook: str, definition: str, incident_id: int | None, diffs: tuple[LeverDiff, ...]) -> str:
    """Twelve hex digits over the runbook's definition and what each lever would go from and to."""
    agreed = [runbook, definition, incident_id, [(diff.lever, diff.before, diff.after) for diff in diffs]]
    return hashlib.sha256(json.dumps(agreed).encode()).hexdigest()[:12]
