"""The channel ``grafana`` of the outbox: one annotation for each incident and each action."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from alerts.notification import Decision
from alerts.outbox import Attempt, Notice, Receipt, delivered, permanent, retry, unknown
from alerts.timeline import TimelineRow
from dashboards.access import TOKEN_VARIABLE, access
from dashboards.annotation import (
    ACTIONS,
    INCIDENT_CHANGES,
    Doing,
    Effect,
    decision,
    digest,
    is_the_same,
    next_effect,
)
from dashboards.grafana import Grafana, GrafanaHttp
from dashboards.naming import Naming
from dashboards.trouble import GrafanaError, Trouble
from settings.schema import Settings

NAME = "grafana"
FORBIDDEN_PAUSE_SECONDS = 300.0
"""Somebody must change the service account in Grafana, of which nothing here tells us."""

_FOR_GOOD = frozenset({Trouble.NO_TOKEN, Trouble.UNAUTHORIZED})
_NOT_TAKEN = frozenset({Trouble.REJECTED, Trouble.CONFLICT})


@dataclass
class GrafanaChannel:
    """One Grafana.

    Args:
        connect: a Grafana for one attempt, with the token as it is now. Raises GrafanaError.
        naming: the tags of our stack.
        console: address of the console, without a slash at its end.
        token_file: where the token is from; None: the environment.
    """

    connect: Callable[[], AbstractContextManager[Grafana]]
    naming: Naming
    console: str
    token_file: Path | None = None
    name: str = NAME
    spacing: float = 0.2

    def wants(self, row: TimelineRow) -> bool:
        """Actions, and what changes an incident's region."""
        return row.kind in ACTIONS or (row.incident_id is not None and row.kind in INCIDENT_CHANGES)

    def decide(self, notice: Notice, now: float) -> Decision:  # noqa: ARG002 - nothing here waits
        """As ``dashboards.annotation`` says."""
        return decision(next_effect(notice, self.naming, self.console))

    def deliver(self, notice: Notice, now: float) -> Attempt:
        """One call that changes something, after a look for what an earlier one may have left."""
        effect = next_effect(notice, self.naming, self.console)
        if effect is None:
            return delivered(notice.receipt)
        try:
            with self.connect() as grafana:
                return delivered(_receipt_after(effect, notice, grafana), effect.through)
        except GrafanaError as error:
            return _attempt_of(error, now)

    def credentials_stamp(self) -> str:
        """Changes when the token's file is replaced."""
        if self.token_file is None:
            return "environment"
        try:
            found = self.token_file.stat()
        except OSError as error:
            return f"unreadable: {error.errno}"
        return f"{found.st_mtime_ns}:{found.st_size}:{found.st_ino}"


def channel_of(
    settings: Settings, console: str, environment: Mapping[str, str] = os.environ
) -> GrafanaChannel | None:
    """The channel of the configuration; None while there is no Grafana or nobody gave a token.

    Args:
        console: address of the console, without a slash at its end.
    """
    grafana = settings.grafana
    if grafana.url is None or not (grafana.token_file or environment.get(TOKEN_VARIABLE)):
        return None
    return GrafanaChannel(
        lambda: GrafanaHttp(access(grafana, environment)), Naming(settings.name), console, grafana.token_file
    )


def _receipt_after(effect: Effect, notice: Notice, grafana: Grafana) -> Receipt:
    match effect.doing:
        case Doing.MARK_ACTION:
            if _left_before(effect, notice, grafana) is None:
                grafana.add_annotation(effect.annotation)
            return notice.receipt
        case Doing.OPEN_REGION:
            number = _left_before(effect, notice, grafana)
            if number is not None:
                # What it says is not known, so it is edited once.
                return {"incident": number, "digest": ""}
            return {
                "incident": grafana.add_annotation(effect.annotation),
                "digest": digest(effect.annotation),
            }
        case Doing.EDIT_REGION:
            there = grafana.edit_annotation(effect.number or 0, effect.annotation)
            # Somebody removed it in Grafana: it stays removed.
            return {"incident": effect.number if there else None, "digest": digest(effect.annotation)}


def _left_before(effect: Effect, notice: Notice, grafana: Grafana) -> int | None:
    """The annotation that an earlier attempt made without our knowing, found by its tags."""
    if not notice.uncertain:
        return None
    for there in grafana.annotations(effect.found_by, effect.at):
        number = there.get("id")
        if isinstance(number, int) and is_the_same(there, effect.annotation):
            return number
    return None


def _attempt_of(error: GrafanaError, now: float) -> Attempt:
    text = str(error)
    if error.applied is None:
        return unknown(text)
    if error.trouble in _FOR_GOOD:
        return permanent(text)
    if error.trouble in _NOT_TAKEN:
        return permanent(text, whole_channel=False)
    if error.trouble is Trouble.FORBIDDEN:
        return retry(text, now + FORBIDDEN_PAUSE_SECONDS)
    return retry(text)
