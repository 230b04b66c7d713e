"""Names in double quotes on exposition pages: any UTF-8, read as Prometheus 3.5 reads them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.source import ScrapeError
from metrics.values import Labels, Metadata, labels_of
from tests.collector.raw_server import soon

NOW = 1_700_000_000.0
BOTH = tuple(PageFormat)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
LABEL_NAMES = NAMES.filter(lambda name: name != "__name__")
VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


def parse(text: str, form: PageFormat) -> Page:
    end = "# EOF\n" if form is PageFormat.OPENMETRICS else ""
    return PageParser(1000).parse(f"{text}\n{end}".encode(), form, NOW, soon())


def refusal(text: str, form: PageFormat) -> str:
    with pytest.raises(ScrapeError) as caught:
        parse(text, form)
    return caught.value.text


def series(name: str, **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a.b"} 7', series("a.b")),
        ('{"größe.sum"} 7', series("größe.sum")),
        ('{"a b"} 7', series("a b")),
        ('{"plain"} 7', series("plain")),
        ('{"a.b","k.ey"="v",le="1"} 7', series("a.b", **{"k.ey": "v", "le": "1"})),
        ('m{"l.n"="v"} 7', series("m", **{"l.n": "v"})),
        ('m{"a:b"="v",x=""} 7', series("m", **{"a:b": "v"})),
        ('{x="1","a.b"} 7', series("a.b", x="1")),
        ('{x="1","a.b",y="2"} 7', series("a.b", x="1", y="2")),
        ('{"a.b"="v","c"} 7', series("c", **{"a.b": "v"})),
        ('{"a\\\\b\\"c\\nd\\z"} 7', series('a\\b"c\nd\\z')),
        ('m{"a\\"}"="v"} 7', series("m", **{'a"}': "v"})),
    ],
)
def test_names_in_double_quotes_are_any_text(line: str, expected: Labels, form: PageFormat) -> None:
    page = parse(line, form)
    assert page.labels == (expected,)
    assert page.values.tolist() == [7.0]


@pytest.mark.parametrize(
    "line", ['{"a.b",} 7', '{ "a.b" } 7', '{"a.b" , } 7', '{"a.b"}7', '\t{"a.b"}\t7', '{"a.b"}  7']
)
def test_blanks_and_a_last_comma_may_stand_around_names_in_the_text_format_alone(line: str) -> None:
    assert parse(line, PageFormat.TEXT).labels == (series("a.b"),)
    assert refusal(line, PageFormat.OPENMETRICS).startswith("line 1: want ")


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a{"b"} 1', "line 1: want = after label name b (the metric's name is a already) at column 6, found"),
        ('a{x="1","b"} 1', "(the metric's name is a already) at column 12"),
        ('{"a","b"} 1', "want = after label name b (the metric's name is a already) at column 9"),
        ('{""} 1', "want a name that is not empty at column 2"),
        ('m{""="v"} 1', "want a name that is not empty at column 3"),
        ("{} 1", "want a metric name, before the braces or in double quotes within them, at column 1"),
        ('{x="1"} 1', "want a metric name, before the braces or in double quotes within them, at column 1"),
        ('{__name__="x"} 1', "want a metric name, before the braces"),
        ('{"a.b"="v"} 1', "want a metric name, before the braces"),
        ("{a} 1", "want = after label name a at column 3, found '} 1'"),
        ('{"a.b","__name__"="x"} 1', 'label name "__name__" is not unique'),
        ('{"a.b",__name__="x"} 1', 'label name "__name__" is not unique'),
        ('m{"x"="1",x="2"} 1', 'label name "x" is not unique'),
        ('{"a.b" 1', "want = after label name a.b"),
        ('{"a.b} 1', "want a label name at column 2"),
        ('{"a.b"=} 1', "want the value of label a.b in double quotes at column 8"),
        ('{"a.b"x="1"} 1', "want = after label name a.b at column 7"),
        ('{,"a.b"} 1', "want a label name at column 2"),
        ('"a.b" 1', "want a metric name at column 1"),
        ('{"a.b"}', "a value, and perhaps"),
        ('{"a.b"} x', "value 'x' is not a number"),
        ("größe 1", "a value, and perhaps"),
        ('m{größe="1"} 1', "want = after label name gr at column 5"),
    ],
)  # fmt: skip
def test_f05_a_bad_name_refuses_the_page_and_says_where(line: str, words: str, form: PageFormat) -> None:
    assert words in refusal(line, form)


def test_f05_a_name_that_is_no_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(ScrapeError, match="line 2: invalid UTF-8"):
        PageParser(1000).parse(b'a 1\n{"b\xff"} 1\n', PageFormat.TEXT, NOW, soon())


@pytest.mark.parametrize("form", BOTH)
def test_comments_tell_of_names_in_double_quotes_too(form: PageFormat) -> None:
    page = parse('# HELP "a b" Some "text".\n# TYPE "a b" gauge\n# TYPE "c\\"d" counter\n{"a b"} 1', form)
    assert page.metadata == {
        "a b": Metadata("gauge", 'Some "text".', ""),
        'c"d': Metadata("counter", "", ""),
    }


def test_the_unit_of_a_name_in_double_quotes_is_its_end() -> None:
    page = parse('# UNIT "a.b_s" s', PageFormat.OPENMETRICS)
    assert page.metadata == {"a.b_s": Metadata("unknown", "", "s")}
    assert "unit 's' is not the end of the name a.s" in refusal('# UNIT "a.s" s', PageFormat.OPENMETRICS)


@pytest.mark.parametrize("form", BOTH)
def test_a_comment_of_an_empty_name_costs_no_page(form: PageFormat) -> None:
    page = parse('# TYPE "" counter\na 1', form)
    assert (page.labels, page.metadata) == ((series("a"),), {})


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize("written", ['"a.b', "a.b", "größe", 'a"b"'])
def test_f05_a_comment_of_a_bad_name_refuses_the_page(written: str, form: PageFormat) -> None:
    assert refusal(f"# TYPE {written} counter", form) == f"line 1: {written!r} in # TYPE is not a metric name"


def test_bounds_of_a_histogram_with_a_quoted_name_have_one_spelling() -> None:
    page = parse('# TYPE "h.x" histogram\n{"h.x_bucket","le"="1"} 1', PageFormat.TEXT)
    assert page.labels == (series("h.x_bucket", le="1.0"),)


def test_names_of_an_exemplar_may_be_quoted_but_it_has_no_name_of_its_own() -> None:
    page = parse('{"a.b_total"} 1 # {"t.id"="x",c="d"} 1', PageFormat.OPENMETRICS)
    assert page.labels == (series("a.b_total"),)
    found = refusal('{"a.b_total"} 1 # {"t.id"} 1', PageFormat.OPENMETRICS)
    assert "want = after label name t.id at column 8" in found


def test_a_series_with_a_quoted_name_is_known_again_with_a_time_of_its_own() -> None:
    parser = PageParser(1000)
    for stamp in ("", " 1700000000000"):
        page = parser.parse(f'{{"a 1"}} 5{stamp}\n'.encode(), PageFormat.TEXT, NOW, soon())
        assert page.labels == (series("a 1"),)
        assert page.values.tolist() == [5.0]


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"'


@settings(deadline=None, max_examples=80)
@given(NAMES, st.dictionaries(LABEL_NAMES, VALUES, max_size=3), st.sampled_from(BOTH))
def test_whatever_is_quoted_comes_back_on_every_look(
    name: str, labels: dict[str, str], form: PageFormat
) -> None:
    inside = ",".join((quoted(name), *(f"{quoted(key)}={quoted(text)}" for key, text in labels.items())))
    end = "# EOF\n" if form is PageFormat.OPENMETRICS else ""
    parser = PageParser(1000)
    for value in (1.0, 2.0, 3.0, 4.0):
        body = f"# TYPE {quoted(name)} gauge\n{{{inside}}} {value}\n{end}".encode()
        page = parser.parse(body, form, NOW, soon())
        assert page.labels == (labels_of({"__name__": name, **labels}),)
        assert page.values.tolist() == [value]
        assert dict(page.metadata) == {name: Metadata("gauge", "", "")}
