"""The catalog's YAML files to checked runbooks: every problem of every file at once, each with its line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metrics.promql.ast import Matcher, VectorSelector
from metrics.promql.parser import parse
from runbooks.admission_law import Law
from runbooks.catalog_checks import Finding, findings
from runbooks.catalog_schema import FileControl, FileRelease, FileRunbook, FileSet
from runbooks.guards import Guard
from runbooks.lever import number
from runbooks.runbook import (
    ControlDo,
    Do,
    Limits,
    Release,
    Runbook,
    SetDo,
    Signals,
    Verify,
    VerifyDirection,
)
from settings import ConfigError, Problem, YamlNode, read_yaml, validate
from settings.problems import dotted
from settings.schema import LeverSettings
from settings.wording import suggestion


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every runbook, in the order of their names."""

    runbooks: tuple[Runbook, ...]

    def get(self, name: str) -> Runbook | None:
        """One runbook, or None when the catalog no longer has it."""
        return next((runbook for runbook in self.runbooks if runbook.name == name), None)


def load(folder: Path, levers: Sequence[LeverSettings], only: Sequence[str] | None = None) -> Catalog:
    """Read every ``*.yaml`` of the folder, or of those only the ones named.

    Raises:
        ConfigError: with all problems of all files; also when the folder is missing, empty, or has no runbook
            of a name that is wanted.
    """
    by_name = {lever.name: lever for lever in levers}
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    problems = list(_missing(folder, list(files), only))
    read = []
    for name, path in files.items():
        if only is None or name in only:
            runbook, found = _read(path, by_name)
            problems += found
            read.append(runbook)
    if problems:
        raise ConfigError(problems)
    return Catalog(tuple(runbook for runbook in read if runbook is not None))


def _missing(folder: Path, known: Sequence[str], only: Sequence[str] | None) -> Iterator[Problem]:
    if not known:
        yield Problem(str(folder), None, None, "", "has no runbook (want at least one .yaml file)")
        return
    for name in only or ():
        if name not in known:
            text = f"has no runbook {name!r}, which runbooks.only wants{suggestion(name, known)}"
            yield Problem(str(folder), None, None, "", text)


def _read(path: Path, levers: Mapping[str, LeverSettings]) -> tuple[Runbook | None, list[Problem]]:
    try:
        node = read_yaml(path)
    except ConfigError as error:
        return None, list(error.problems)
    written, problems = validate(node, FileRunbook, str(path))
    if written is None:
        return None, problems
    found = [*_page_findings(path), *findings(written, path.stem, levers)]
    if found:
        return None, [_problem(path, node, each) for each in found]
    return _built(written, levers), []


def _page_findings(path: Path) -> Iterator[Finding]:
    page = path.with_suffix(".md")
    if not page.is_file():
        yield Finding(("name",), f"has no page: {page.name} is not beside it")


def _problem(path: Path, node: YamlNode, finding: Finding) -> Problem:
    return Problem(str(path), *node.position(finding.path), dotted(finding.path), finding.message)


def _built(written: FileRunbook, levers: Mapping[str, LeverSettings]) -> Runbook:
    do = written.do.control or written.do.set
    if do is None:
        raise AssertionError("a runbook without anything to do is a finding")
    return Runbook(
        name=written.name,
        title=written.title,
        mode=written.mode,
        when=tuple(matchers(text) for text in written.when),
        guards=tuple(Guard(each.name, each.expr, each.fresh, each.why) for each in written.guards),
        limits=Limits(written.limits.cooldown, written.limits.per_hour),
        lever=do.lever,
        second=do.second,
        do=_do(do, levers[do.lever], written.release),
        verify=_verify(written),
        release=_release(written.release),
        approval=written.approval,
        definition=json.dumps(written.model_dump(mode="json"), sort_keys=True),
    )


def matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers of ``PoolExhausted{pool="HikariPool-1"}``; the name before the braces is ``alertname``.

    Raises:
        QueryError: not a selector.
    """
    expr = parse(text)
    if not isinstance(expr, VectorSelector):
        raise AssertionError("a matcher that is no selector is a finding")
    return tuple(
        Matcher("alertname", each.op, each.value) if each.name == "__name__" else each
        for each in expr.matchers
    )


def _do(do: FileControl | FileSet, lever: LeverSettings, release: FileRelease) -> Do:
    if isinstance(do, FileSet):
        return SetDo(do.value)
    law = Law(
        cut=do.cut,
        floor=do.floor,
        baseline=number(lever.baseline),
        objective=do.objective,
        period=do.period,
        quiet=release.quiet,
        ramp_factor=release.ramp.factor,
        ramp_every=release.ramp.every,
        unit=lever.unit,
    )
    return ControlDo(law, Signals(**do.signals.model_dump()))


def _verify(written: FileRunbook) -> Verify:
    verify = written.verify
    return Verify(
        expr=verify.expr,
        below=verify.below,
        unit=verify.unit,
        direction=VerifyDirection(verify.direction),
        effect_delay=verify.effect_delay,
        deadline=verify.deadline,
        throughput=verify.throughput,
        waiting=verify.waiting,
        title=verify.title,
    )


def _release(release: FileRelease) -> Release:
    return Release(release.when, release.quiet, release.ramp.factor, release.ramp.every)
