"""Prometheus rule files, and the rules in ``config.yaml`` itself, to a checked set of rules.

The format is Prometheus' own (``promtool check rules`` accepts what we ship); what Prometheus lacks stands in
annotations that it ignores: ``clear_if``, ``component``, ``evidence``. Everything that is wrong is reported
at once, with file and line, and the position inside an expression.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alerts.rule import RuleGroup, RuleSet
from alerts.rule_building import Place, build
from alerts.rule_format import FileGroup, FileRule, RuleFile, as_file_rule
from alerts.topology import Topology
from alerts.topology_check import topology_problems
from settings import ConfigError, Problem, YamlNode, read_yaml, validate
from settings.schema import Settings

_GROUP_OF_CONFIG = "config"


def load_all(settings: Settings, source: YamlNode, file: str = "config.yaml") -> RuleSet:
    """Every rule that the configuration names, and the check of the topology's PromQL.

    Args:
        source: the document that ``settings`` were read from, for line numbers.
        file: its path as people gave it; rule files are found from its folder and named like it.

    Raises:
        ConfigError: with all problems of all files.
    """
    loading = _Loading(settings, Topology.of(settings))
    groups = [
        group
        for path, shown in _matching(settings, source, file, loading.problems)
        for group in loading.file(path, shown)
    ]
    groups += loading.inline(Place(source, file, ("alerts",), loading.problems))
    problems = [*loading.problems, *topology_problems(settings, source, file)]
    if problems:
        raise ConfigError(problems)
    return RuleSet(tuple(groups))


def _matching(
    settings: Settings, source: YamlNode, file: str, problems: list[Problem]
) -> Iterator[tuple[Path, str]]:
    """The files that the patterns match, each once, with the names to show."""
    folder, seen = Path(file).absolute().parent, set[Path]()
    for index, pattern in enumerate(settings.alerts.rule_files):
        whole = folder / pattern
        matched = sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))
        if not matched:
            text = f"{str(_within(whole, folder))!r} matches no file"
            Place(source, file, ("alerts", "rule_files", index), problems).wrong(text)
        for found in matched:
            if found not in seen:
                seen.add(found)
                yield found, str(Path(file).parent / _within(found, folder))


def _within(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


@dataclass
class _Loading:
    """What was found so far: problems, and how often each rule's name has occurred."""

    settings: Settings
    topology: Topology
    names: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def file(self, path: Path, shown: str) -> list[RuleGroup]:
        try:
            node = read_yaml(path)
        except ConfigError as error:
            self.problems += [_renamed(problem, shown) for problem in error.problems]
            return []
        content, problems = validate(node, RuleFile, shown)
        self.problems += problems
        if content is None:
            return []
        place = Place(node, shown, ("groups",), self.problems)
        self._check_names(content.groups, place)
        return [self._group(group, place.below(index)) for index, group in enumerate(content.groups)]

    def inline(self, place: Place) -> list[RuleGroup]:
        rules = tuple(as_file_rule(rule) for rule in self.settings.alerts.rules)
        return [self._group(FileGroup(name=_GROUP_OF_CONFIG, rules=rules), place)] if rules else []

    def _check_names(self, groups: tuple[FileGroup, ...], place: Place) -> None:
        seen = set[str]()
        for index, group in enumerate(groups):
            if group.name in seen:
                place.below(index, "name").wrong(f"{group.name!r} is the name of two groups in this file")
            seen.add(group.name)

    def _group(self, group: FileGroup, place: Place) -> RuleGroup:
        rules = (
            build(rule, group.name, self._key(group, rule), self.topology, place.below("rules", index))
            for index, rule in enumerate(group.rules)
        )
        return RuleGroup(
            name=group.name,
            file=place.file,
            interval=group.interval or self.settings.collector.interval,
            limit=group.limit,
            query_offset=group.query_offset,
            rules=tuple(rule for rule in rules if rule is not None),
        )

    def _key(self, group: FileGroup, rule: FileRule) -> str:
        name = f"{group.name}/{rule.alert or rule.record}"
        self.names[name] += 1
        return name if self.names[name] == 1 else f"{name}#{self.names[name]}"


def _renamed(problem: Problem, shown: str) -> Problem:
    return Problem(shown, problem.line, problem.column, problem.path, problem.message)
