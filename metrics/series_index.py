"""Which series there are, who brings them, and which of them match."""

import threading
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from metrics.chunks import Layout, Located
from metrics.promql.ast import Matcher, MatchOp
from metrics.promql.label_sets import NAME, Indices, LabelSets
from metrics.promql.patterns import compiled
from metrics.values import Labels, label

_CACHED_SELECTIONS = 2048


class Holder(NamedTuple):
    """Who brings a series, and how: in rows of a grid, or with timestamps of its own."""

    origin: str
    sparse: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One label set and whose it is."""

    id: int
    labels: Labels
    holder: Holder


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The series of one holder in a selection: their rows in it, their ids, and where those lie.

    ``located`` remembers where they are in each layout of a grid. They are in the order in which they came,
    which is that of a grid's columns.
    """

    holder: Holder
    places: Indices
    ids: tuple[int, ...]
    located: dict[Layout, Located] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Who brings them."""
        return self.holder.origin


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The series that match, sorted by labels, and by holder."""

    sets: LabelSets
    members: tuple[Members, ...]


class SeriesIndex:
    """An inverted index over labels. Every method takes the lock; answers are immutable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_id = 0
        self._version = 0
        self._versions: dict[str, int] = {}
        self._silent: set[Holder] = set()
        self._by_labels: dict[Labels, Series] = {}
        self._by_id: dict[int, Series] = {}
        self._former: dict[tuple[Labels, Holder], Series] = {}
        self._former_by_id: dict[int, Series] = {}
        # The ids of series by name and value, as sets would take eight times the room. What is gone stays in
        # for a while, and is counted.
        self._postings: dict[str, dict[str, array[int]]] = {}
        self._gone: Counter[tuple[str, str]] = Counter()
        self._chosen: dict[tuple[Matcher, ...], tuple[int, Chosen]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def claim(self, wanted: Iterable[Labels], holder: Holder) -> list[Series]:
        """The series of these label sets; new ones belong to ``holder``.

        So do those of silent holders, and those that the same origin brought in the other way. What their
        former holders brought is found by ``former`` until it is forgotten.
        """
        with self._lock:
            return [self._claimed(labels, holder) for labels in wanted]

    def silent(self, holder: Holder) -> None:
        """Nothing was heard of this holder since the start: what it once claimed may be claimed by others."""
        with self._lock:
            self._silent.add(holder)

    def heard(self, holder: Holder) -> None:
        """What this holder claims is its own."""
        with self._lock:
            self._silent.discard(holder)

    @property
    def has_former(self) -> bool:
        """Whether other holders than the present ones brought anything."""
        return bool(self._former)

    def forget(self, ids: Iterable[int]) -> None:
        """Remove series that have no samples any more; where a former holder has some, he holds it again."""
        with self._lock:
            gone: set[Labels] = set()
            for number in ids:
                if number in self._by_id:
                    gone.add(self._by_id[number].labels)
                    self._remove(self._by_id[number])
                elif number in self._former_by_id:
                    former = self._former_by_id.pop(number)
                    del self._former[former.labels, former.holder]
            for labels, holder in [key for key in self._former if key[0] in gone]:
                if labels not in self._by_labels:
                    self._make(labels, holder)

    def former(self, matchers: Sequence[Matcher]) -> list[Series]:
        """What other holders than the present ones brought of series that match all of the matchers."""
        with self._lock:
            found = list(self._former.values())
        accepts = accepting(matchers) if found else None
        return [series for series in found if accepts is not None and accepts(series.labels)]

    def select(self, matchers: tuple[Matcher, ...]) -> Chosen:
        """The series that match all of the matchers; the same object until they change."""
        with self._lock:
            version = self._version_for(matchers)
            cached = self._chosen.get(matchers)
            if cached is not None and cached[0] == version:
                return cached[1]
            chosen = self._choose(matchers)
            if len(self._chosen) >= _CACHED_SELECTIONS:
                self._chosen.clear()
            self._chosen[matchers] = (version, chosen)
            return chosen

    def labels_of(self, ids: Iterable[int]) -> list[tuple[int, Labels]]:
        """The label sets of series that are still known, those that others hold by now too."""
        with self._lock:
            found = ((number, self._by_id.get(number) or self._former_by_id.get(number)) for number in ids)
            return [(number, series.labels) for number, series in found if series is not None]

    def names(self) -> list[str]:
        """All label names in use, sorted."""
        with self._lock:
            return sorted(self._postings)

    def values(self, name: str) -> list[str]:
        """All values of a label, sorted."""
        with self._lock:
            return sorted(self._postings.get(name, ()))

    def _claimed(self, labels: Labels, holder: Holder) -> Series:
        found = self._by_labels.get(labels)
        if found is not None and (found.holder == holder or not self._gives_way(found.holder, holder)):
            return found
        if found is not None:
            self._remove(found)
            self._former[labels, found.holder] = self._former_by_id[found.id] = found
        return self._make(labels, holder)

    def _gives_way(self, present: Holder, other: Holder) -> bool:
        return present in self._silent or present.origin == other.origin

    def _make(self, labels: Labels, holder: Holder) -> Series:
        series = self._former.pop((labels, holder), None)
        if series is None:
            series = Series(self._next_id, labels, holder)
            self._next_id += 1
        else:
            del self._former_by_id[series.id]
        self._by_labels[labels] = self._by_id[series.id] = series
        for name, value in labels:
            postings = self._postings.setdefault(name, {})
            if value not in postings:
                postings[value] = array("q")
            postings[value].append(series.id)
        self._changed(labels)
        return series

    def _remove(self, series: Series) -> None:
        del self._by_labels[series.labels], self._by_id[series.id]
        for pair in series.labels:
            self._gone[pair] += 1
            if 2 * self._gone[pair] > len(self._postings[pair[0]][pair[1]]):
                self._tidy(pair)
        self._changed(series.labels)

    def _tidy(self, pair: tuple[str, str]) -> None:
        """Leave out the ids of series that are gone."""
        name, value = pair
        del self._gone[pair]
        left = array("q", self._known(self._postings[name][value]))
        if left:
            self._postings[name][value] = left
            return
        del self._postings[name][value]
        if not self._postings[name]:
            del self._postings[name]

    def _changed(self, labels: Labels) -> None:
        self._version += 1
        self._versions[label(labels, NAME)] = self._version

    def _version_for(self, matchers: Sequence[Matcher]) -> int:
        for matcher in matchers:
            if matcher.name == NAME and matcher.op is MatchOp.EQUAL:
                return self._versions.get(matcher.value, 0)
        return self._version

    def _choose(self, matchers: Sequence[Matcher]) -> Chosen:
        found = sorted((self._by_id[number] for number in self._matching(matchers)), key=lambda s: s.labels)
        rows: dict[Holder, list[int]] = {}
        for row, series in enumerate(found):
            rows.setdefault(series.holder, []).append(row)
        members = tuple(_members(holder, places, found) for holder, places in rows.items())
        return Chosen(LabelSets([series.labels for series in found]), members)

    def _matching(self, matchers: Sequence[Matcher]) -> set[int]:
        # With the pair that all of them have, if that is known.
        wanted: list[tuple[Collection[int], tuple[str, str] | None]] = []
        refused: list[set[int]] = []
        for matcher in matchers:
            accepts = predicate(matcher)
            if accepts(""):
                refused.append(self._holders(matcher.name, accepts, False))
            elif matcher.op is MatchOp.EQUAL:
                ids = self._postings.get(matcher.name, {}).get(matcher.value, ())
                wanted.append((ids, (matcher.name, matcher.value)))
            else:
                wanted.append((self._holders(matcher.name, accepts, True), None))
        wanted.sort(key=lambda each: len(each[0]))
        matching = self._known(wanted[0][0] if wanted else self._by_id)
        for others, pair in wanted[1:]:
            if pair is None:
                matching.intersection_update(others)
            else:
                # A few label sets tell sooner who has it than many ids do.
                matching = {each for each in matching if pair in self._by_id[each].labels}
        return matching.difference(*refused)

    def _known(self, ids: Iterable[int]) -> set[int]:
        return self._by_id.keys() & ids

    def _holders(self, name: str, accepts: Callable[[str], bool], accepted: bool) -> set[int]:
        values = self._postings.get(name, {}).items()
        return set().union(*(ids for value, ids in values if accepts(value) is accepted))


def _members(holder: Holder, places: Sequence[int], found: Sequence[Series]) -> Members:
    came = sorted(places, key=lambda place: found[place].id)
    return Members(holder, np.array(came, dtype=np.intp), tuple(found[place].id for place in came))


def accepting(matchers: Sequence[Matcher]) -> Callable[[Labels], bool]:
    """Whether a label set is what all of the matchers want."""
    wanted = [(matcher.name, predicate(matcher)) for matcher in matchers]
    return lambda labels: all(accepts(label(labels, name)) for name, accepts in wanted)


def predicate(matcher: Matcher) -> Callable[[str], bool]:
    """Whether a label value (empty for a label that is not there) is what the matcher wants."""
    wanted = matcher.value
    match matcher.op:
        case MatchOp.EQUAL:
            return lambda value: value == wanted
        case MatchOp.NOT_EQUAL:
            return lambda value: value != wanted
        case MatchOp.REGEX:
            matches = compiled(wanted).fullmatch
            return lambda value: matches(value) is not None
        case MatchOp.NOT_REGEX:
            matches = compiled(wanted).fullmatch
            return lambda value: matches(value) is None
