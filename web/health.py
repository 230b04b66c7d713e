"""Health checks for machines: alive, ready, and every component in application/health+json."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from alerts import incident_store, outbox_channel_store
from alerts.outbox_channel_store import ChannelStatus
from web import wording
from web.parts import ConsoleParts, JobHealth, LoopHealth, parts
from web.security import public

LATE_SECONDS = 300.0
"""A message that waits for longer than this is worth a warning."""

blueprint = Blueprint("health", __name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One component: ``status`` is pass, warn or fail."""

    name: str
    status: str
    observed: str


@blueprint.get("/-/healthy")
@public
def healthy() -> tuple[str, int]:
    """200 while every loop turns; 503 names those that do not."""
    dead = [loop.name for loop in parts().loops() if not loop.alive]
    return (f"dead: {', '.join(dead)}\n", 503) if dead else ("healthy\n", 200)


@blueprint.get("/-/ready")
@public
def ready() -> tuple[str, int]:
    """200 once every target was looked at and the database answers."""
    part = parts()
    reasons = [
        check.observed for check in (database_check(part), rounds_check(part)) if check.status == "fail"
    ]
    return (f"not ready: {'; '.join(reasons)}\n", 503) if reasons else ("ready\n", 200)


@blueprint.get("/health")
@public
def health() -> Response:
    """Every component; 503 when one fails. Targets that are down only warn: they are the stack's health."""
    part = parts()
    checks = all_checks(part)
    status = overall(checks)
    body = {
        "status": status,
        "description": f"Showcall of {part.settings.name}",
        "time": wording.iso(part.clock()),
        "checks": {
            check.name: [{"status": check.status, "observedValue": check.observed}] for check in checks
        },
    }
    answer = jsonify(body)
    answer.status_code = 503 if status == "fail" else 200
    answer.content_type = "application/health+json"
    return answer


def overall(checks: Sequence[Check]) -> str:
    """The worst status."""
    found = {check.status for check in checks}
    return "fail" if "fail" in found else "warn" if "warn" in found else "pass"


def all_checks(part: ConsoleParts) -> list[Check]:
    """Database, room on the disk, the remote, loops, rules, jobs and targets."""
    loops = [loop_check(loop) for loop in part.loops()]
    targets = [
        Check(f"target:{report.target}", "pass" if report.up else "warn", "up" if report.up else "down")
        for report in part.targets()
    ]
    return [
        database_check(part), *leader_checks(part), *storage_checks(part), *remote_checks(part), *loops,
        rules_check(part), *channel_checks(part), *map(job_check, part.jobs()), *targets,
    ]  # fmt: skip


def leader_checks(part: ConsoleParts) -> list[Check]:
    """Whether we are the one that acts, where there may be several."""
    trouble = part.leader()
    if trouble is None:
        return []
    return [Check("leader", "fail", f"{trouble}; nothing is acted on") if trouble
            else Check("leader", "pass", "the database's lock is held")]  # fmt: skip


def storage_checks(part: ConsoleParts) -> list[Check]:
    """Whether what is decided can be written down, and how much room is left."""
    storage = part.storage()
    if storage is None:
        return []
    room = f"{storage.disk_free_bytes / 1e9:.1f} GB free"
    status = "fail" if storage.write_error else "warn" if storage.troubles else "pass"
    return [Check("storage", status, "; ".join(storage.troubles) or room)]


def remote_checks(part: ConsoleParts) -> list[Check]:
    """Whether samples reach the remote. It only warns: rules and actions never need it."""
    remote = part.remote()
    if remote is None:
        return []
    said = [] if not remote.trouble else [remote.trouble]
    if remote.behind > 0:
        said.append(f"{remote.behind:.0f} s behind, {remote.queue_bytes / 1e6:.1f} MB queued")
    said += [f"{count} samples lost ({reason.replace('_', ' ')})" for reason, count in remote.lost.items()]
    if remote.read_trouble:
        said.append(remote.read_trouble)
    # What is sent a second time after a kill is refused for its order, and nothing is wrong then.
    missing = remote.lost.keys() - {"out_of_order"}
    wrong = remote.late or bool(missing) or bool(remote.read_trouble)
    observed = "; ".join(said) or "takes every sample"
    return [Check(f"remote:{remote.host}", "warn" if wrong else "pass", observed)]


def channel_checks(part: ConsoleParts) -> list[Check]:
    """A channel that is refused, has waited for long, or has given something up warns."""
    try:
        with part.database.reading() as connection:
            found = outbox_channel_store.statuses(connection)
    except SQLAlchemyError:
        return []
    return [channel_check(status, part.clock()) for status in found]


def channel_check(status: ChannelStatus, now: float) -> Check:
    """One channel that messages go out by."""
    name, row = f"channel:{status.channel.name}", status.channel
    said = [f"{status.pending} waiting"]
    late = status.oldest is not None and now - status.oldest > LATE_SECONDS
    if row.blocked_at is not None:
        said.insert(0, row.blocked_reason)
    elif row.wait_until is not None and row.wait_until > now:
        said.insert(0, f"{row.wait_reason}, again at {wording.iso(row.wait_until)}")
    if late and status.oldest is not None:
        said.append(f"the oldest since {wording.iso(status.oldest)}")
    if status.dead:
        said.append(f"{status.dead} given up")
    wrong = row.blocked_at is not None or late or status.dead > 0
    return Check(name, "warn" if wrong else "pass", "; ".join(said))


def job_check(job: JobHealth) -> Check:
    """A job that failed, or that should have run long ago, warns."""
    if job.complaint:
        return Check(f"job:{job.name}", "warn", job.complaint)
    if job.postponed_since is not None:
        return Check(f"job:{job.name}", "pass", "waits until no lever is held")
    last = "never" if job.succeeded_at is None else wording.iso(job.succeeded_at)
    return Check(f"job:{job.name}", "pass", f"last done {last}, next {wording.iso(job.due_at)}")


def loop_check(loop: LoopHealth) -> Check:
    """A loop that no longer turns fails; one that turns, but not always or too slowly, warns."""
    said = ["turns" if loop.alive else "does not turn"]
    if loop.age is not None:
        said.append(f"last good turn {loop.age:.1f} s ago")
    if loop.note:
        said.append(f"last error: {loop.note}")
    if loop.late:
        said.append(loop.late)
    status = "fail" if not loop.alive else "warn" if loop.note or loop.late else "pass"
    return Check(f"loop:{loop.name}", status, "; ".join(said))


def database_check(part: ConsoleParts) -> Check:
    """Whether the database answers."""
    try:
        with part.database.reading() as connection:
            incident_store.recent(connection, 1)
    except SQLAlchemyError as error:
        return Check("database", "fail", f"the database does not answer ({type(error).__name__})")
    return Check("database", "pass", "answers")


def rounds_check(part: ConsoleParts) -> Check:
    """Whether every configured target was looked at once."""
    wanted = {target.name for target in part.settings.collector.targets}
    missing = sorted(wanted - {report.target for report in part.targets()})
    if missing:
        return Check("targets", "fail", f"not looked at yet: {', '.join(missing)}")
    return Check("targets", "pass", "all looked at")


def rules_check(part: ConsoleParts) -> Check:
    """Rules whose query failed warn: the others go on."""
    broken = [status.rule.name for status in part.rules() if status.error]
    if broken:
        return Check("rules", "warn", f"failing: {', '.join(broken)}")
    return Check("rules", "pass", f"{len(part.rules())} rules evaluate")
