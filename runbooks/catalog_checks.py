"""What is wrong with a runbook beyond its shape: unknown levers, values out of bounds, PromQL that fails."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.rule_promql import read_expr
from metrics.errors import QueryError
from metrics.promql.ast import Binary, MatchOp, VectorSelector
from metrics.promql.tree import walk
from runbooks.catalog_schema import FileControl, FileRunbook, FileSet
from runbooks.lever import number
from runbooks.runbook import WINDOW
from settings.problems import KeyPath
from settings.schema import LeverKind, LeverSettings

CLIENT_METRICS = ("probe_", "k6_")
"""What clients and probes say never moves a lever."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where in the file."""

    path: KeyPath
    message: str


def findings(written: FileRunbook, stem: str, levers: Mapping[str, LeverSettings]) -> Iterator[Finding]:
    """Everything that is wrong with one runbook."""
    if written.name != stem:
        yield Finding(("name",), f"{written.name!r} is not the file's name (want {stem!r})")
    yield from _when(written)
    yield from _do(written, levers)
    for path, expr in _expressions(written):
        yield from _promql(path, expr)
    yield from _answers_not_bools(written)


def _when(written: FileRunbook) -> Iterator[Finding]:
    for index, text in enumerate(written.when):
        path = ("when", index)
        try:
            if not isinstance(read_expr(text), VectorSelector):
                yield Finding(
                    path, f"{text!r} is no matcher (want e.g. PoolExhausted or PoolExhausted{{pool='x'}})"
                )
        except QueryError as error:
            yield Finding(path, f"{text!r}: {error.message}")


def _do(written: FileRunbook, levers: Mapping[str, LeverSettings]) -> Iterator[Finding]:
    do = written.do
    if (do.control is None) == (do.set is None):
        yield Finding(("do",), "want exactly one of control and set")
        return
    key, chosen = ("control", do.control) if do.control is not None else ("set", do.set)
    if chosen is None:
        return
    yield from _levers(key, chosen, levers)
    lever = levers.get(chosen.lever)
    if lever is None:
        return
    if isinstance(chosen, FileControl):
        yield from _control(written, chosen, lever)
    else:
        yield from _set(written, chosen, lever)


def _levers(key: str, do: FileControl | FileSet, levers: Mapping[str, LeverSettings]) -> Iterator[Finding]:
    for field, name in (("lever", do.lever), ("second", do.second)):
        if name is not None and name not in levers:
            near = difflib.get_close_matches(name, levers, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else f" (known: {', '.join(levers) or 'none'})"
            yield Finding(("do", key, field), f"there is no lever {name!r}{hint}")


def _control(written: FileRunbook, do: FileControl, lever: LeverSettings) -> Iterator[Finding]:
    if lever.kind is not LeverKind.HTTP_JSON:
        yield Finding(
            ("do", "control", "lever"), f"{lever.name!r} has states; only a number can be controlled"
        )
        return
    low, high = lever.minimum or 0.0, number(lever.baseline)
    for field, value in (("floor", do.floor), ("cut", do.cut)):
        if not low <= value <= high:
            yield Finding(("do", "control", field), f"{value:g} is out of bounds (want {low:g} to {high:g})")
    if do.cut < do.floor:
        yield Finding(("do", "control", "cut"), f"{do.cut:g} is below the floor of {do.floor:g}")
    if written.verify.direction != "safe" or lever.safe_direction != "down":
        yield Finding(("verify", "direction"), "a throttle goes down and down is safe (want safe)")
    for field in ("latency", "requests"):
        if WINDOW not in getattr(do.signals, field):
            yield Finding(
                ("do", "control", "signals", field), f"has no {WINDOW} (e.g. increase(x[{WINDOW}]))"
            )


def _set(written: FileRunbook, do: FileSet, lever: LeverSettings) -> Iterator[Finding]:
    path: KeyPath = ("do", "set", "value")
    if lever.kind is LeverKind.RESILIENCE4J:
        if do.value not in lever.states:
            yield Finding(
                path, f"{do.value!r} is no state of {lever.name} (want one of {', '.join(lever.states)})"
            )
    elif isinstance(do.value, str) or not (lever.minimum or 0) <= do.value <= (lever.maximum or do.value):
        yield Finding(path, f"{do.value!r} is out of bounds (want {lever.minimum:g} to {lever.maximum:g})")
    if written.release.when is None:
        yield Finding(
            ("release",), "'when' is missing: PromQL that returns something once the lever may go back"
        )
    if (written.verify.direction == "safe") != is_safe(lever, do.value):
        wanted = "safe" if is_safe(lever, do.value) else "other"
        yield Finding(
            ("verify", "direction"), f"{do.value} is the other direction of {lever.name} (want {wanted})"
        )


def is_safe(lever: LeverSettings, value: float | str) -> bool:
    """Whether a value lies in the lever's safe direction, seen from its baseline."""
    if isinstance(value, str) or isinstance(lever.baseline, str):
        return value == lever.safe_state
    return value < lever.baseline if lever.safe_direction == "down" else value > lever.baseline


def _expressions(written: FileRunbook) -> Iterator[tuple[KeyPath, str]]:
    for index, guard in enumerate(written.guards):
        yield ("guards", index, "expr"), guard.expr
    for field in ("expr", "throughput", "waiting"):
        expr = getattr(written.verify, field)
        if expr is not None:
            yield ("verify", field), expr
    if written.release.when is not None:
        yield ("release", "when"), written.release.when
    if written.do.control is not None:
        for field, expr in written.do.control.signals.model_dump().items():
            yield ("do", "control", "signals", field), expr


def _promql(path: KeyPath, text: str) -> Iterator[Finding]:
    try:
        expr = read_expr(text.replace(WINDOW, "10s"))
    except QueryError as error:
        at = "" if error.position is None else f" (at {error.position[0]}:{error.position[1]} of {text!r})"
        yield Finding(path, f"{error.message}{at}")
        return
    for node, _ in walk(expr):
        name = _metric(node) if isinstance(node, VectorSelector) else ""
        if name.startswith(CLIENT_METRICS):
            yield Finding(path, f"{name} is what a client sees; only what the server says may move a lever")


def _metric(selector: VectorSelector) -> str:
    named = (each for each in selector.matchers if each.name == "__name__" and each.op is MatchOp.EQUAL)
    return next((each.value for each in named), "")


def _answers_not_bools(written: FileRunbook) -> Iterator[Finding]:
    """``x > bool 0`` always returns something, so it would always pass."""
    conditions: list[tuple[KeyPath, str]] = [
        (("guards", index, "expr"), guard.expr) for index, guard in enumerate(written.guards)
    ]
    if written.release.when is not None:
        conditions.append((("release", "when"), written.release.when))
    for path, text in conditions:
        try:
            expr = read_expr(text)
        except QueryError:
            continue
        if isinstance(expr, Binary) and expr.return_bool:
            yield Finding(
                path, "passes whenever it returns something, and with bool it always does (leave it out)"
            )
