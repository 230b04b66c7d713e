"""What a page of exposition text means, line by line."""

import math

import pytest

from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.exposition_numbers import canonical_bound, column
from collector.round import ErrorKind
from collector.source import ScrapeError
from metrics.values import Labels, Metadata, labels_of
from tests.collector.raw_server import soon

NOW = 1_700_000_000.0


def parse(text: str | bytes, form: PageFormat = PageFormat.TEXT, limit: int = 1000) -> Page:
    body = text.encode() if isinstance(text, str) else text
    return PageParser(limit).parse(body, form, NOW, soon())


def refusal(text: str | bytes, form: PageFormat = PageFormat.TEXT) -> str:
    with pytest.raises(ScrapeError) as caught:
        parse(text, form)
    assert caught.value.kind is ErrorKind.BAD_FORMAT
    return caught.value.text


def series(name: str, **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


def values(page: Page) -> dict[Labels, float]:
    return dict(zip(page.labels, page.values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 1\n", {series("a"): 1.0}),
        ("a 1", {series("a"): 1.0}),
        ("a{} 1\n", {series("a"): 1.0}),
        ('a{x="1"} 2\n', {series("a", x="1"): 2.0}),
        ('a{x="1",} 2\n', {series("a", x="1"): 2.0}),
        ('a { x = "1" , y="2" } 2\n', {series("a", x="1", y="2"): 2.0}),
        ('a{y="2",x="1"}\t2\n', {series("a", x="1", y="2"): 2.0}),
        ('a{x="b c",y="}"} 2\n', {series("a", x="b c", y="}"): 2.0}),
        ('a{x="1"}2\n', {series("a", x="1"): 2.0}),
        ("  a   1  \n", {series("a"): 1.0}),
        ('a{x=""} 1\n', {series("a"): 1.0}),
        ('a{x="q\\"b\\\\s\\nn\\z"} 1\n', {series("a", x='q"b\\s\nn\\z'): 1.0}),
        ('a{x="한국어"} 1\n', {series("a", x="한국어"): 1.0}),
        ("a:b_c9 1\n\n\n# just a comment\n#another\n", {series("a:b_c9"): 1.0}),
        ("a +1.5e-3\nb .5\nc 5.\n", {series("a"): 0.0015, series("b"): 0.5, series("c"): 5.0}),
        ("a +Inf\nb -Inf\nc inf\n", {series("a"): math.inf, series("b"): -math.inf, series("c"): math.inf}),
        ("a -3\n", {series("a"): -3.0}),
        ("a 1 1700000000000\n", {series("a"): 1.0}),
        ("", {}),
        ("\n", {}),
    ],
)  # fmt: skip
def test_a_good_page_gives_its_samples(text: str, expected: dict[Labels, float]) -> None:
    assert values(parse(text)) == expected


@pytest.mark.parametrize("spelling", ["NaN", "nan", "NAN"])
def test_a_nan_is_a_value(spelling: str) -> None:
    page = parse(f"a {spelling}\n")
    assert len(page.values) == 1
    assert math.isnan(page.values[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ok 1\na 1_0\n", "line 2: value '1_0' is not a number"),
        ("a 1e400\n", "line 1: value 1e400 is out of range"),
        ("a -1e400\n", "out of range"),
        ("a 0x10\n", "not a number"),
        ("a ١\n", "not a number"),
        ("a +NaN\n", "not a number"),
        ("a\n", "want a value"),
        ("a \n", "want a value"),
        ("a 1\r\n", "line 1: carriage return"),
        ("a{x=1} 1\n", "label x in double quotes"),
        ('a{x="1} 1\n', "label x in double quotes"),
        ("a{x='1'} 1\n", "label x in double quotes"),
        ('a{x"1"} 1\n', "want = after label name x"),
        ('a{x="1"y="2"} 1\n', "want a comma or }"),
        ('a{x="1",,y="2"} 1\n', "want a label name at column 9"),
        ('a{,} 1\n', "want a label name"),
        ('a{x="1",x="2"} 1\n', 'label name "x" is not unique'),
        ('a{x="",x="2"} 1\n', 'label name "x" is not unique'),
        ('a{1x="1"} 1\n', "want a label name"),
        ("0a 1\n", "want a metric name at column 1"),
        ("a-b 1\n", "want a value"),
        ("a 1 2 3\n", "want a value"),
        ("a 1 1.5\n", "timestamp '1.5' is not whole milliseconds"),
        ("a 1 soon\n", "timestamp"),
        ("# TYPE a meter\na 1\n", "type 'meter' of a is not one of"),
        ("# HELP 0a what\n", "'0a' in # HELP is not a metric name"),
        ("<!DOCTYPE html>\n", "line 1: want a metric name"),
        ('a{x="1"} 1\na{x="2" 1\n', "line 2: want a comma or }"),
    ],
)  # fmt: skip
def test_f05_one_bad_line_refuses_the_whole_page_and_says_where(text: str, words: str) -> None:
    assert words in refusal(text)


def test_f05_invalid_utf8_is_refused_with_its_line() -> None:
    assert refusal(b'a 1\nb{x="\xff"} 1\n') == "line 2: invalid UTF-8"


def test_a_bad_value_of_a_known_series_is_found_too() -> None:
    parser = PageParser(1000)
    parser.parse(b"a 1\nb 1\n", PageFormat.TEXT, NOW, soon())
    with pytest.raises(ScrapeError, match="line 2: value '1_0' is not a number"):
        parser.parse(b"a 1\nb 1_0\n", PageFormat.TEXT, NOW, soon())
    with pytest.raises(ScrapeError, match="line 1: value 1e999 is out of range"):
        parser.parse(b"a 1e999\nb 1\n", PageFormat.TEXT, NOW, soon())


@pytest.mark.parametrize(
    "text",
    ['a{x="1",y="2"} 1\na{x="1",y="2"} 7\nb 2\n', 'a{x="1",y="2"} 1\na{y="2",x="1"} 7\nb 2\n'],
    ids=["same text", "other order of labels"],
)
def test_of_duplicates_on_one_page_the_first_is_kept_and_they_are_counted(text: str) -> None:
    page = parse(text)
    assert values(page) == {series("a", x="1", y="2"): 1.0, series("b"): 2.0}
    assert (page.seen, page.duplicates) == (3, 1)


@pytest.mark.parametrize("seconds", [7200, -86400], ids=["two hours ahead", "a day old"])
def test_samples_with_times_far_from_now_are_scraped_but_not_stored(seconds: int) -> None:
    page = parse(f"a 1 {int((NOW + seconds) * 1000)}\nb 2\n")
    assert values(page) == {series("b"): 2.0}
    assert (page.seen, page.out_of_bounds) == (2, 1)


def test_the_order_of_the_last_page_gives_the_very_same_label_sets() -> None:
    parser = PageParser(1000)
    pages = [
        parser.parse(text.encode(), PageFormat.TEXT, NOW, soon()).labels
        for text in ('a{x="1"} 1\nb 2\n', 'a{x="1"} 5\nb 6\n', "b 1\n", 'b 1\na{x="1"} 5\n')
    ]
    assert pages[0] is pages[1]
    assert pages[2] == (series("b"),)
    assert pages[3] == (series("b"), series("a", x="1"))


def test_series_of_a_page_share_their_label_pairs() -> None:
    lines = "".join(f'a{{x="{x}",le="{bound}"}} 1\n' for x in range(10) for bound in range(20))
    labels = parse(f"# TYPE a histogram\n{lines}").labels
    assert len({id(pair) for each in labels for pair in each}) == 10 + 20 + 1


def test_a_known_series_with_a_timestamp_keeps_its_labels() -> None:
    parser = PageParser(1000)
    for value in (1, 2, 3):
        page = parser.parse(
            f'a{{x="b c"}} {value} {int(NOW * 1000)}\n'.encode(), PageFormat.TEXT, NOW, soon()
        )
        assert values(page) == {series("a", x="b c"): float(value)}


def test_series_that_come_and_go_do_not_fill_the_memory() -> None:
    parser = PageParser(1000)
    for turn in range(50):
        lines = "".join(f'a{{turn="{turn}",n="{n}"}} 1\n' for n in range(200))
        parser.parse(lines.encode(), PageFormat.TEXT, NOW, soon())
    assert len(parser._known) <= 1600


def test_a_page_over_the_sample_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ScrapeError) as caught:
        parse("a 1\n" * 11 + "garbage!", limit=10)
    assert caught.value.kind is ErrorKind.LIMIT
    assert "12 samples, over collector.sample_limit (10)" in caught.value.text


def test_bucket_bounds_and_quantiles_have_one_spelling() -> None:
    page = parse(
        '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_bucket{le="1000000"} 1\n'
        '# TYPE s summary\ns{quantile="0.50"} 1\n# TYPE g gauge\ng{le="1",quantile="1"} 1\n'
    )
    assert list(page.labels) == [
        series("h_bucket", le="1.0"),
        series("h_bucket", le="+Inf"),
        series("h_bucket", le="1e+06"),
        series("s", quantile="0.5"),
        series("g", le="1", quantile="1"),
    ]


@pytest.mark.parametrize(
    ("written", "spelled"),
    [("1", "1.0"), ("0", "0.0"), ("-0", "0.0"), ("0.005", "0.005"), ("2.50", "2.5"), ("1e-5", "1e-05"),
     ("999999", "999999.0"), ("1000000", "1e+06"), ("1234567", "1.234567e+06"), ("-2", "-2.0"),
     ("0.0001", "0.0001"), ("inf", "+Inf"), ("-Inf", "-Inf"), ("1_0", "1_0"), ("soon", "soon"),
     ("NaN", "NaN")],
)  # fmt: skip
def test_a_bound_is_spelled_as_prometheus_spells_it(written: str, spelled: str) -> None:
    assert canonical_bound(written) == spelled


def test_a_type_line_that_comes_later_respells_the_bounds() -> None:
    parser = PageParser(1000)
    parser.parse(b'h_bucket{le="1"} 1\n', PageFormat.TEXT, NOW, soon())
    typed = b'# TYPE h histogram\nh_bucket{le="1"} 1\n'
    parser.parse(typed, PageFormat.TEXT, NOW, soon())
    assert parser.parse(typed, PageFormat.TEXT, NOW, soon()).labels == (series("h_bucket", le="1.0"),)


def test_help_and_type_become_metadata() -> None:
    page = parse("# HELP a What\\nit is.\n# TYPE a counter\na 1\n# TYPE b untyped\nb 1\n")
    assert page.metadata == {"a": Metadata("counter", "What\nit is."), "b": Metadata("unknown", "")}


def test_the_metadata_of_an_unchanged_page_is_the_same_object() -> None:
    parser = PageParser(1000)
    first, second = (
        parser.parse(text, PageFormat.TEXT, NOW, soon()).metadata
        for text in (b"# TYPE a gauge\na 1\n", b"# TYPE a gauge\na 2\n")
    )
    assert first is second


def test_f17_a_metric_that_a_page_no_longer_has_is_not_made_up() -> None:
    parser = PageParser(1000)
    parser.parse(b"hikaricp_connections_active 1\nup_time 1\n", PageFormat.TEXT, NOW, soon())
    page = parser.parse(b"hikaricp_active_connections 1\nup_time 2\n", PageFormat.TEXT, NOW, soon())
    assert set(page.labels) == {series("hikaricp_active_connections"), series("up_time")}


def test_parsing_ends_at_the_deadline() -> None:
    body = "".join(f'a{{n="{n}"}} 1\n' for n in range(2000)).encode()
    with pytest.raises(TimeoutError):
        PageParser(5000).parse(body, PageFormat.TEXT, NOW, soon(0.000001))


@pytest.mark.parametrize("texts", [["1", "1_0"], ["1 "], ["-nan"], ["1e999"], ["one"], [""], ["½"]])
def test_a_column_with_a_bad_number_is_no_column(texts: list[str]) -> None:
    assert column(texts) is None
