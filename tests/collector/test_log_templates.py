"""Lines to templates, times and texts; all of it pure."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.log_line import begins_with_time, continues, shown, time_of
from collector.log_splitter import LONGEST_LINE, LineSplitter
from collector.log_template import LONGEST_TEMPLATE, template_of


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("", ""),
        ("started", "started"),
        ("2026-11-22T16:00:00.123Z INFO  took 12.5 ms", "INFO took <n> ms"),
        ("2026-11-22 16:00:00,123 +0900 [main] DEBUG x", "[main] DEBUG x"),
        ("[2026-11-22 16:00:00] ready", "ready"),
        ("2026-11-22T16:00:00", ""),
        ("from 2026-11-22T16:00:00Z on", "from <n>-<n>-<n>T<n>:<n>:<n>Z on"),
        ("user 4711 paid 1,250 of -3.50", "user <n> paid <n> of -<n>"),
        ("peer 10.0.0.1:6379 gone", "peer <n>:<n> gone"),
        ("timed out after 30000ms", "timed out after <n>ms"),
        ("HikariPool-1 - waiting=27)", "HikariPool-<n> - waiting=<n>)"),
        ("http-nio-8080-exec-12 busy", "http-nio-<n>-exec-<n> busy"),
        ("token 6f1c0e9a-7f3b-4c7e-9d51-2f6b1c0e9a7f left", "token <uuid> left"),
        ("TOKEN 6F1C0E9A-7F3B-4C7E-9D51-2F6B1C0E9A7F", "TOKEN <uuid>"),
        ("at 0x7fff5fbff8ac and deadbeef01", "at <hex> and <hex>"),
        ("commit 20261122 is a number", "commit <n> is a number"),
        ("facade and effaced are words", "facade and effaced are words"),
        ("order a8f3kq92z shipped", "order <id> shipped"),
        ("java.util.HashMap@1b6d3586", "java.util.HashMap@<hex>"),
        ("key 'user:42' and \"a b\" lost", "key <text> and <text> lost"),
        ("don't and can't stay words", "don't and can't stay words"),
        ('an open " quote', 'an open " quote'),
        ("회원 1234 결제 실패", "회원 <n> 결제 실패"),
        ("회원1234님", "회원<n>님"),
        ("many    blanks\tand tabs", "many blanks and tabs"),
        ("Log4j2 and utf8 and x86", "Log<n>j<n> and utf<n> and x<n>"),
    ],
)
def test_what_varies_is_replaced_by_what_it_is(line: str, template: str) -> None:
    assert template_of(line) == template


@given(st.integers(min_value=0), st.uuids(), st.integers(min_value=0))
def test_lines_of_one_statement_have_one_template(number: int, uuid: object, other: int) -> None:
    assert template_of(f"user {number} of {uuid} took {other} ms") == "user <n> of <uuid> took <n> ms"


@given(st.text(max_size=300))
def test_any_text_has_a_template(line: str) -> None:
    assert len(template_of(line)) <= LONGEST_TEMPLATE


@pytest.mark.parametrize("unit", ["'", '"', "1", "a1", "0x", "-", "1.", "a" * 7 + "-", "<n>.", "\u00e9 "])
def test_s21_no_line_takes_long_to_template(unit: str) -> None:
    line = unit * (LONGEST_LINE // len(unit))
    began = time.process_time()
    template_of(line)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"2026-11-22T16:00:00.123Z INFO", 1795363200.123),
        (b"2026-11-22T16:00:00Z x", 1795363200.0),
        (b"2026-11-23T01:00:00.5+09:00 x", 1795363200.5),
        (b"2026-11-23 01:00:00,500 +0900 x", 1795363200.5),
        (b"[2026-11-22 16:00:00.123456789 UTC] LOG", 1795363200.123456),
        (b"2026-11-22 16:00:00.123 INFO zone unknown", None),
        (b"2026-13-22T16:00:00Z no such month", None),
        (b"2026-11-22T16:00:00+99:99 no such zone", None),
        (b"INFO 2026-11-22T16:00:00Z", None),
        (b"", None),
    ],
)
def test_the_time_that_a_line_begins_with(line: bytes, seconds: float | None) -> None:
    found = time_of(line)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-5))


def test_times_at_the_edge_of_the_calendar_do_no_harm() -> None:
    assert (time_of(b"0001-01-01T00:00:00+09:00 x") or 0) < 0
    assert (time_of(b"9999-12-31T23:59:59-09:00 x") or 0) > 0


def test_a_time_without_a_zone_still_begins_a_record() -> None:
    assert begins_with_time(b"2026-11-22 16:00:00.123  INFO 1 --- [main]")
    assert not begins_with_time(b"")
    assert not begins_with_time(b"[main] started")
    assert not begins_with_time(b"2026 was a good year")


@pytest.mark.parametrize(
    ("line", "after_time", "belongs"),
    [
        (b"\tat com.example.Shop.buy(Shop.java:12)", False, True),
        (b"    return buy()", False, True),
        (b"Caused by: java.io.IOException", False, True),
        (b"Suppressed: x", False, True),
        (b"... 12 more", False, True),
        (b"java.lang.IllegalStateException: no", True, True),
        (b"Traceback (most recent call last):", True, True),
        (b"java.lang.IllegalStateException: no", False, False),
        (b"2026-11-22T16:00:00Z INFO", True, False),
    ],
)
def test_which_lines_belong_to_the_one_before(line: bytes, after_time: bool, belongs: bool) -> None:
    assert continues(line, begins_with_time(line), after_time) is belongs


def test_what_is_shown_of_a_line_is_plain_text() -> None:
    assert (
        shown(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07 caf\xc3\xa9 \xff")
        == "red \ufffd]0;title\ufffd caf\u00e9 \ufffd"
    )
    assert shown("\u202eabc\u2028".encode()) == "\ufffdabc\ufffd"
    assert shown(b"a\tb") == "a\tb"


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=20), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    splitter, found = LineSplitter(), list[bytes]()
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += splitter.feed(whole[begin:end])
    assert found == [line.removesuffix(b"\r") for line in lines]
    assert not splitter.has_begun
    assert splitter.cut == 0


@pytest.mark.parametrize("piece", [1000, 65_536, 1_000_000])
def test_f19_a_line_is_cut_at_64_kib_however_it_arrives(piece: int) -> None:
    whole = b"a" * 200_000 + b"\nnext\n"
    splitter, found = LineSplitter(), list[bytes]()
    for begin in range(0, len(whole), piece):
        found += splitter.feed(whole[begin : begin + piece])
    assert [len(line) for line in found] == [LONGEST_LINE, 4]
    assert splitter.cut == 200_000 - LONGEST_LINE


def test_a_gap_drops_the_line_around_it() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\nbegun") == [b"one"]
    splitter.pass_over()
    assert splitter.feed(b"rest of another\ntwo\n") == [b"two"]
    assert splitter.cut == len("begun")
