"""An index finds the series that there are, whatever came, went and changed hands."""

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.promql.ast import Matcher, MatchOp
from metrics.series_index import Holder, SeriesIndex, accepting
from metrics.values import Labels, labels_of

HOLDERS = (Holder("a"), Holder("a", True), Holder("b"))

sets = st.builds(
    lambda name, x, y: labels_of({"__name__": name, "x": x, "y": y}),
    st.sampled_from(("up", "down")),
    st.sampled_from(("", "1", "2", "3")),
    st.sampled_from(("", "1", "2")),
)
claims = st.tuples(st.sampled_from(HOLDERS), st.lists(sets, max_size=8))
forgotten = st.lists(st.integers(0, 40), max_size=12)
EQUAL = [
    Matcher(name, MatchOp.EQUAL, value)
    for name, values in (("__name__", ("up", "down")), ("x", ("1", "2")), ("y", ("1", "2")))
    for value in values
]
OTHERS = [
    Matcher("x", MatchOp.EQUAL, ""),
    Matcher("x", MatchOp.NOT_EQUAL, "1"),
    Matcher("y", MatchOp.NOT_EQUAL, ""),
    Matcher("x", MatchOp.REGEX, "1|3"),
    Matcher("y", MatchOp.NOT_REGEX, "2"),
    Matcher("z", MatchOp.REGEX, ".+"),
]
asked = st.lists(st.sampled_from(EQUAL) | st.sampled_from(OTHERS), max_size=4).map(tuple)


def found(index: SeriesIndex, *matchers: Matcher) -> set[tuple[int, Labels, Holder]]:
    chosen = index.select(matchers)
    return {
        (number, chosen.sets.labels[place], members.holder)
        for members in chosen.members
        for place, number in zip(members.places, members.ids, strict=True)
    }


@settings(deadline=None, max_examples=150)
@given(st.lists(claims | forgotten, max_size=12), st.lists(asked, min_size=1, max_size=6))
def test_what_matches_is_found_whatever_came_and_went(
    history: list[tuple[Holder, list[Labels]] | list[int]], questions: list[tuple[Matcher, ...]]
) -> None:
    index, present = SeriesIndex(), dict[Labels, int]()
    for step in history:
        if isinstance(step, tuple):
            holder, wanted = step
            present.update((each.labels, each.id) for each in index.claim(wanted, holder))
        else:
            index.forget(step)
            present = {labels: number for number, labels, _ in found(index)}
        every = found(index)
        assert {labels: number for number, labels, _ in every} == present
        assert index.names() == sorted({name for labels in present for name, _ in labels})
        for name in ("__name__", "x", "y"):
            assert index.values(name) == sorted(
                {dict(labels)[name] for labels in present if name in dict(labels)}
            )
        for matchers in questions:
            accepts = accepting(matchers)
            assert found(index, *matchers) == {each for each in every if accepts(each[1])}
