"""The Health page: how Showcall itself is. For machines the same is at /health."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, render_template

from alerts.rule_outcome import RuleStatus
from collector.round import TargetReport
from web import health
from web.health import Check
from web.parts import ConsoleParts, JobHealth, LoopHealth, RemoteHealth, StorageHealth, parts

blueprint = Blueprint("health_page", __name__)

HEADLINES = {
    "pass": "Showcall is well",
    "warn": "Showcall runs, and something needs a look",
    "fail": "Showcall is not well",
}
_TONES = {"pass": "ok", "warn": "degraded", "fail": "incident"}


@dataclass(frozen=True, slots=True)
class HealthView:
    """Everything on the page at one time (Unix seconds); ``bad``: the checks that do not pass."""

    at: float
    status: str
    checks: Sequence[Check]
    loops: Sequence[LoopHealth]
    targets: Sequence[TargetReport]
    rules: Sequence[RuleStatus]
    jobs: Sequence[JobHealth]
    storage: StorageHealth | None
    remote: RemoteHealth | None

    @property
    def bad(self) -> list[Check]:
        """What does not pass, the worst first."""
        found = [check for check in self.checks if check.status != "pass"]
        return sorted(found, key=lambda check: check.status != "fail")

    @property
    def channels(self) -> list[Check]:
        """What messages go out by."""
        return [check for check in self.checks if check.name.startswith("channel:")]

    @property
    def headline(self) -> str:
        """The state in one sentence."""
        return HEADLINES[self.status]

    @property
    def tone(self) -> str:
        """The colour of the headline."""
        return _TONES[self.status]

    @property
    def failing_rules(self) -> list[RuleStatus]:
        """Rules that cannot be evaluated."""
        return [status for status in self.rules if status.error]


def view(part: ConsoleParts) -> HealthView:
    """Look at everything once."""
    checks = health.all_checks(part)
    return HealthView(
        at=part.clock(),
        status=health.overall(checks),
        checks=checks,
        loops=part.loops(),
        targets=part.targets(),
        rules=part.rules(),
        jobs=part.jobs(),
        storage=part.storage(),
        remote=part.remote(),
    )


@blueprint.get("/status")
def page() -> str:
    """The page as it stands now; the event stream keeps it so."""
    return render_template("health.html", view=view(parts()))
