"""The failure path: who calls whom, how deep, and what lies behind what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from settings.schema import ComponentSettings, Settings


@dataclass(frozen=True)
class Topology:
    """The components of ``config.yaml`` with the questions that grouping asks of them.

    Attributes:
        components: as configured, callers before callees by custom; the calls form no cycle.
        of_target: component by target name, for alerts whose rule names none.
    """

    components: tuple[ComponentSettings, ...]
    of_target: Mapping[str, str]

    @staticmethod
    def of(settings: Settings) -> "Topology":
        """The topology of a checked configuration."""
        placed = {target.name: target.component for target in settings.collector.targets if target.component}
        return Topology(settings.topology, placed)

    def component(self, name: str) -> ComponentSettings:
        """One component by name. Raises KeyError."""
        return self._by_name[name]

    def knows(self, name: str | None) -> bool:
        """Whether there is such a component."""
        return name in self._by_name

    def depth(self, name: str | None) -> int:
        """Calls on the longest way from an entry down to a component; -1 for what has no place here."""
        return -1 if name is None else self._depths.get(name, -1)

    def behind(self, name: str) -> frozenset[str]:
        """A component and all that it calls, directly or not."""
        return self._behind.get(name, frozenset())

    def on_one_path(self, one: str, other: str) -> bool:
        """Whether one of two components calls the other, directly or not, or they are the same."""
        return other in self.behind(one) or one in self.behind(other)

    def path(self, cause: str | None) -> tuple[ComponentSettings, ...]:
        """The failure path through a component, callers before callees; everything when it has no place."""
        on_path = [
            found
            for found in self.components
            if cause not in self._by_name or self.on_one_path(found.name, str(cause))
        ]
        return tuple(sorted(on_path, key=lambda found: self.depth(found.name)))

    def deepest(self, names: Iterable[str]) -> str | None:
        """The component furthest down; among equals the one written first."""
        order = {component.name: -place for place, component in enumerate(self.components)}
        known = [name for name in names if name in order]
        return max(known, key=lambda name: (self.depth(name), order[name]), default=None)

    @cached_property
    def _by_name(self) -> Mapping[str, ComponentSettings]:
        return {component.name: component for component in self.components}

    @cached_property
    def _behind(self) -> Mapping[str, frozenset[str]]:
        return {component.name: self._reached(component.name) for component in self.components}

    def _reached(self, name: str) -> frozenset[str]:
        reached, left = {name}, [name]
        while left:
            for callee in self._by_name[left.pop()].calls:
                if callee not in reached and callee in self._by_name:
                    reached.add(callee)
                    left.append(callee)
        return frozenset(reached)

    @cached_property
    def _depths(self) -> Mapping[str, int]:
        """Longest ways, by relaxing as often as there are components: graphs here are tiny."""
        depths = dict.fromkeys(self._by_name, 0)
        for _ in self.components:
            for component in self.components:
                for callee in component.calls:
                    if callee in depths:
                        depths[callee] = max(depths[callee], depths[component.name] + 1)
        return depths
