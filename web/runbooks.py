"""Runbooks: what each would do now, its guards and limits now, its last runs, and why it does not act."""

from dataclasses import dataclass

from flask import Blueprint, abort, render_template

from runbooks.matching import worded
from runbooks.runbook_look import GuardLook, RunbookLook
from runbooks.why_not import WhyNotActing, acts, guard_text, if_it_matched, why_not
from web.alerts import page_text
from web.mirror import mirror
from web.parts import ConsoleParts, parts

blueprint = Blueprint("runbooks", __name__, url_prefix="/runbooks")


@dataclass(frozen=True, slots=True)
class ShownGuard:
    """A guard now: its name, ``passed`` or why not, the values behind it, and the sentence of its author."""

    name: str
    expr: str
    passed: bool
    reason: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class ShownRunbook:
    """A runbook now. ``cooling`` is seconds of cooldown left, 0 when there is none."""

    look: RunbookLook
    acts: bool
    lines: tuple[WhyNotActing, ...]
    if_it_matched: WhyNotActing
    matchers: tuple[str, ...]
    guards: tuple[ShownGuard, ...]
    cooling: float
    own_mode: str


@dataclass(frozen=True, slots=True)
class RunbooksView:
    """The page; ``waiting``: runbooks that were not looked at yet."""

    runbooks: tuple[ShownRunbook, ...]
    waiting: tuple[str, ...]


@blueprint.get("")
def listing() -> str:
    """Every runbook."""
    return render_template("runbooks.html", view=view(parts()))


@blueprint.get("/<name>")
def page(name: str) -> str:
    """One runbook, with the page that its author wrote."""
    part = parts()
    found = one(name)
    if found is None:
        abort(404, f"There is no runbook {name}.")
    return render_template("runbook.html", shown=found, page=author_page(part, name))


def view(part: ConsoleParts) -> RunbooksView:
    """Every runbook as it stands."""
    looks = mirror().looks()
    waiting = tuple(each.name for each in part.onlooker.catalog.runbooks if each.name not in looks)
    return RunbooksView(tuple(shown(look) for look in looks.values()), waiting)


def one(name: str) -> ShownRunbook | None:
    """One runbook as it stands; None when there is no such runbook."""
    try:
        return shown(mirror().look_at(name))
    except KeyError:
        return None


def author_page(part: ConsoleParts, name: str) -> str:
    """The Markdown page beside the runbook's file, as text."""
    return page_text(part.settings.runbooks.catalog, name)


def shown(look: RunbookLook) -> ShownRunbook:
    """A runbook in words."""
    until = look.usage.cooling_until
    return ShownRunbook(
        look=look,
        acts=acts(look),
        lines=why_not(look),
        if_it_matched=if_it_matched(look),
        matchers=tuple(worded(matchers) for matchers in look.runbook.when),
        guards=tuple(shown_guard(guard) for guard in look.guards),
        cooling=0.0 if until is None else until - look.now,
        own_mode=look.runbook.mode.value,
    )


def shown_guard(guard: GuardLook) -> ShownGuard:
    """A guard in words."""
    result = guard.result
    reason = "ok" if result.passed else result.reason.value
    return ShownGuard(result.name, result.expr, result.passed, reason, guard_text(guard), result.why)
