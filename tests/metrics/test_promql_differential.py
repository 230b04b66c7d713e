"""Our engine and real servers answer the same about the same samples: Debian's Prometheus and 3.5."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings

from tests.metrics.agreement import Ours, difference
from tests.metrics.differential_queries import every_query, new_in_3
from tests.metrics.differential_series import BEGIN_MS
from tests.metrics.generated_queries import queries
from tests.metrics.real_prometheus import Given, Prometheus

pytestmark = pytest.mark.xdist_group("prometheus")

INSTANTS = (BEGIN_MS + 1_803_011, BEGIN_MS + 3_308_017)
"""Off the grid of samples and of subqueries alike."""
OTHERWISE_BEFORE_3 = re.compile(r"\b(rate|increase)\(|\[\w+:.*\[\w+:|atan2|(predict_linear|timestamp)\(.*@")
"""Counters that begin in a window, inner subqueries whose edges lie on the grid, atan2, trends at @."""
START, END, STEP = BEGIN_MS + 600_011, BEGIN_MS + 3_000_017, 61_000


def disagreements(ours: Ours, theirs: Prometheus, texts: Sequence[str], *, told: bool) -> list[str]:
    """Every question whose answers differ, instant and range."""
    found = []
    for text in texts:
        for here, there in (
            *((partial(ours.instant, at_ms=at), partial(theirs.instant, at_ms=at)) for at in INSTANTS),
            *_range_questions(ours, theirs),
        ):
            one, other = here(text), there(text)
            if told:
                one, other = _comparable(text, one, other)
            problem = difference(one, other, told=told)
            if problem:
                found.append(f"{text}: {problem}")
    return found


def _range_questions(ours: Ours, theirs: Prometheus) -> "Iterator[tuple[partial[Given], partial[Given]]]":
    yield (
        partial(ours.over_range, start_ms=START, end_ms=END, step_ms=STEP),
        partial(theirs.over_range, start_ms=START, end_ms=END, step_ms=STEP),
    )


def _comparable(text: str, ours: Given, theirs: Given) -> tuple[Given, Given]:
    """What is known to be told otherwise, told alike.

    There: ten notes at most; the place of a subquery is lost; a histogram whose buckets fall loses its name
    after the first step.
    """
    if theirs.error:
        plain = theirs.error.replace('invalid parameter "query": ', "")
        return ours, replace(theirs, error=plain)
    if any("more warning annotations omitted" in each for each in theirs.warnings):
        ten = [each for each in theirs.warnings if "omitted" not in each]
        assert set(ten) <= set(ours.warnings)
        ours, theirs = replace(ours, warnings=()), replace(theirs, warnings=())
    if re.search(r"\[\w+:", text):
        ours, theirs = _placeless(ours), _placeless(theirs)
    nameless = [each for each in theirs.infos if 'for metric name ""' in each]
    if nameless and len(theirs.infos) > len(nameless):
        theirs = replace(theirs, infos=tuple(each for each in theirs.infos if each not in nameless))
    return ours, theirs


def _placeless(given: Given) -> Given:
    notes = [
        tuple(re.sub(r" \(\d+:\d+\)$", "", each) for each in told) for told in (given.warnings, given.infos)
    ]
    return replace(given, warnings=notes[0], infos=notes[1])


def test_every_query_is_answered_as_by_prometheus_3_5(ours: Ours, lts: Prometheus) -> None:
    texts = (*every_query(), *new_in_3())
    assert len(texts) > 1000
    assert disagreements(ours, lts, texts, told=True) == []


def test_every_query_is_answered_as_by_the_prometheus_of_debian_stable(
    ours: Ours, stable: Prometheus
) -> None:
    assert disagreements(ours, stable, every_query(), told=False) == []


@pytest.mark.parametrize(
    "text",
    [
        "sort(memory_bytes)",
        "sort_desc(memory_bytes)",
        "sort(http_requests_total) ",
        "topk(5, memory_bytes)",
        "bottomk(5, memory_bytes)",
        "sort_desc(sum by (instance) (memory_bytes))",
    ],
)
def test_what_is_sorted_comes_in_the_same_order(ours: Ours, lts: Prometheus, text: str) -> None:
    for at in INSTANTS:
        here, there = ours.instant(text, at), lts.instant(text, at)
        assert [labels for labels, _ in here.rows] == [labels for labels, _ in there.rows]


_HYPOTHESIS = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck]
)


@_HYPOTHESIS
@given(text=queries())
def test_any_query_is_answered_as_by_prometheus_3_5(ours: Ours, lts: Prometheus, text: str) -> None:
    assert disagreements(ours, lts, [text], told=True) == []


@_HYPOTHESIS
@given(text=queries().filter(lambda text: not OTHERWISE_BEFORE_3.search(text)))
def test_any_query_is_answered_as_by_the_prometheus_of_debian_stable(
    ours: Ours, stable: Prometheus, text: str
) -> None:
    assert disagreements(ours, stable, [text], told=False) == []
