"""Our parser against prometheus-client's, on pages that both formats' writers could have made."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families as read_text

from collector.exposition import PageParser
from collector.exposition_grammar import PageFormat
from metrics.values import Labels, labels_of
from tests.collector.raw_server import soon

NAMES = st.from_regex(r"\A[a-z_][a-z0-9_]{0,8}\Z")
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)
NUMBERS = st.floats(width=64) | st.integers(-(10**17), 10**17).map(float)
SERIES = st.tuples(
    NAMES, st.dictionaries(NAMES.filter(lambda name: not name.startswith("__")), VALUES, max_size=4)
)
PAGES = st.dictionaries(SERIES.map(lambda one: (one[0], tuple(sorted(one[1].items())))), NUMBERS, max_size=12)

# prometheus-client leaves these two untyped
read_openmetrics: Callable[[str], Any] = parser.text_string_to_metric_families
write_openmetrics: Callable[[CollectorRegistry], bytes] = exposition.generate_latest

Page = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def written(page: Page) -> str:
    lines = []
    for (name, labels), value in page.items():
        inside = ",".join(f'{key}="{escaped(text)}"' for key, text in labels)
        lines.append(f"{name}{{{inside}}} {value!r}\n" if inside else f"{name} {value!r}\n")
    return "".join(lines)


def ours(text: str, form: PageFormat) -> dict[Labels, float]:
    reader = PageParser(10_000)
    pages = [reader.parse(text.encode(), form, 1_700_000_000.0, soon()) for _ in range(2)]
    first, second = (dict(zip(page.labels, page.values.tolist(), strict=True)) for page in pages)
    assert same(first, second)
    return first


def theirs(families: Any) -> dict[Labels, float]:
    found: dict[Labels, float] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(labels_of({"__name__": sample.name, **sample.labels}), float(sample.value))
    return found


def same(left: dict[Labels, float], right: dict[Labels, float]) -> bool:
    def number(value: float) -> float | str:
        return "NaN" if math.isnan(value) else value

    return {key: number(value) for key, value in left.items()} == {
        key: number(value) for key, value in right.items()
    }


@settings(deadline=None, max_examples=60)
@given(PAGES)
def test_text_pages_read_as_prometheus_client_reads_them(page: Page) -> None:
    text = written(page)
    assert same(ours(text, PageFormat.TEXT), theirs(read_text(text)))


@settings(deadline=None, max_examples=60)
@given(PAGES)
def test_openmetrics_pages_read_as_prometheus_client_reads_them(page: Page) -> None:
    text = "".join(sorted(written(page).splitlines(keepends=True))) + "# EOF\n"
    try:
        expected = theirs(read_openmetrics(text))
    except ValueError:
        return  # it enforces rules on the order of lines that we do not
    assert same(ours(text, PageFormat.OPENMETRICS), expected)


def test_a_page_that_prometheus_client_writes_is_read_whole() -> None:
    registry = CollectorRegistry()
    Counter("asked", "How often.", ["who"], registry=registry).labels('a"b\\c\nd').inc(3)
    Histogram("took_seconds", "How long.", buckets=(0.5, 1, 10), registry=registry).observe(0.7)
    text = generate_latest(registry).decode()
    assert same(ours(text, PageFormat.TEXT), theirs(read_text(text)))
    modern = write_openmetrics(registry).decode()
    assert same(ours(modern, PageFormat.OPENMETRICS), theirs(read_openmetrics(modern)))
