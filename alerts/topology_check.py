"""The topology of ``config.yaml``, checked: cycles, facts and every PromQL in it, with lines."""

from alerts.rule_building import Place
from alerts.rule_promql import read_expr
from metrics.errors import QueryError
from settings import Problem, YamlNode
from settings.schema import ComponentSettings, Settings


def topology_problems(settings: Settings, source: YamlNode, file: str) -> list[Problem]:
    """Everything that is wrong with the topology beyond what any settings are checked for."""
    problems: list[Problem] = []
    root = Place(source, file, (), problems)
    for index, component in enumerate(settings.topology):
        _check_component(component, root.below("topology", index))
    _check_cycles(settings.topology, root.below("topology"))
    return problems


def _check_component(component: ComponentSettings, place: Place) -> None:
    if component.saturated is not None:
        _check_promql(component.saturated, place.below("saturated"))
    titles = set[str]()
    for index, fact in enumerate(component.facts):
        here = place.below("facts", index)
        _check_promql(fact.expr, here.below("expr"))
        if fact.to is not None and fact.to not in component.calls:
            here.below("to").wrong(f"{component.name!r} does not call {fact.to!r}")
        if fact.makes is not None and fact.role != "demand":
            here.below("makes").wrong("only a fact with role 'demand' makes calls")
        if fact.title in titles:
            here.below("title").wrong(f"{fact.title!r} is the title of two facts of {component.name!r}")
        titles.add(fact.title)


def _check_promql(text: str, place: Place) -> None:
    try:
        read_expr(text)
    except QueryError as error:
        place.wrong(str(error))


def _check_cycles(components: tuple[ComponentSettings, ...], place: Place) -> None:
    """Take away what calls nothing that is left, until nothing goes: what stays is on or above a cycle."""
    left = {component.name: set(component.calls) for component in components}
    while removable := [name for name, calls in left.items() if not calls & left.keys()]:
        for name in removable:
            del left[name]
    if left:
        index = next(place for place, component in enumerate(components) if component.name in left)
        place.below(index, "calls").wrong(f"the calls form a cycle: {', '.join(left)}")
