import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigError, Problem
from settings.yaml_source import MAX_BYTES, parse_yaml, read_yaml


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "config.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    "written",
    ["on", "no", "yes", "1:30", "012", "0x1F", "1e3", "1_000", "true", "2026-11-22", "-1", "콘서트", ".inf"],
)
def test_a_scalar_stays_the_text_that_was_written(written: str) -> None:
    text = f"key: {written}\nlist: [{written}]\n"
    assert parse_yaml(text, "config.yaml").plain() == {"key": written, "list": [written]}


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL"])
def test_nothing_and_null_are_none(written: str) -> None:
    assert parse_yaml(f"key: {written}\n", "config.yaml").plain() == {"key": None}


def test_quoted_null_is_text() -> None:
    assert parse_yaml("a: 'null'\nb: ''\nc: \"~\"\n", "config.yaml").plain() == {
        "a": "null",
        "b": "",
        "c": "~",
    }


def test_block_text_keeps_its_lines() -> None:
    plain = parse_yaml("a: |\n  one\n  two\nb: >-\n  one\n  two\n", "config.yaml").plain()
    assert plain == {"a": "one\ntwo\n", "b": "one two"}


def test_an_empty_document_has_no_content() -> None:
    for text in ("", "# only a comment\n", "---\n", "null\n"):
        assert parse_yaml(text, "config.yaml").plain() is None


DOCUMENT = """\
web:
  port: 18300
  nothing:
targets:
  - name: redis
    labels: {zone: a}
  - {name: database}
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), (1, 1)),
        (("web",), (1, 1)),
        (("web", "port"), (2, 9)),
        (("web", "nothing"), (3, 3)),
        (("web", "missing"), (1, 1)),
        (("targets",), (4, 1)),
        (("targets", 0), (5, 5)),
        (("targets", 0, "name"), (5, 11)),
        (("targets", 0, "labels"), (6, 5)),
        (("targets", 0, "labels", "zone"), (6, 20)),
        (("targets", 1), (7, 5)),
        (("targets", 1, "name"), (7, 12)),
        (("targets", 1, "kind", "deeper"), (7, 5)),
        (("targets", 9), (4, 1)),
        (("targets", "name"), (4, 1)),
    ],
)
def test_a_path_leads_to_line_and_column(path: tuple[str | int, ...], position: tuple[int, int]) -> None:
    assert parse_yaml(DOCUMENT, "config.yaml").position(path) == position


def test_the_place_of_a_key_is_known_too() -> None:
    node = parse_yaml(DOCUMENT, "config.yaml")
    assert node.key_position_of(("web", "port")) == (2, 3)
    assert node.key_position_of(("targets", 0)) == (5, 5)


def test_a_problem_reads_as_file_line_path_and_message() -> None:
    message = "'5 minutes' is not a duration (want e.g. 500ms, 30s, 5m)"
    problem = Problem("config.yaml", 17, 12, "alerts.rules[2].for", message)
    assert str(problem) == (
        "config.yaml:17: alerts.rules[2].for: '5 minutes' is not a duration (want e.g. 500ms, 30s, 5m)"
    )
    assert str(Problem("config.yaml", None, None, "", "cannot be read")) == "config.yaml: cannot be read"


def test_problems_are_listed_from_top_to_bottom() -> None:
    found = [Problem("b", 1, 1, "", "four"), Problem("a", 9, 1, "", "three"), Problem("a", 2, 5, "", "two")]
    assert (
        str(ConfigError([*found, Problem("a", 2, 1, "", "one")]))
        == "a:2: one\na:2: two\na:9: three\nb:1: four"
    )


def test_problems_have_columns() -> None:
    (problem,) = problems("web: {port: *x}\n")
    assert (problem.line, problem.column, problem.path) == (1, 13, "web.port")


def test_all_problems_of_a_document_are_found_at_once() -> None:
    found = problems("a: &x 1\na: 2\nb: !!int 3\nc: *x\n")
    assert [problem.line for problem in found] == [1, 2, 3, 4]


BOMBS = {
    "brackets": "[" * 1_000_000,
    "braces": "{a: " * 200_000,
    "dashes": "- " * 400_000,
    "question marks": "? " * 400_000,
    "laughing aliases": "a: &a [x, x]\n"
    + "".join(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name in pairwise("abcdefghi")),
    "indentation": "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
    "duplicates": "a: 1\n" * 200_000,
    "quotes": "a: " + "'" * 300_001,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    assert len(problems(text)) <= 101
    assert time.process_time() - started < 0.5


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match=r"config.yaml: is larger than 1,000,000 bytes$"):
        read_yaml(path)


def test_a_missing_file_is_a_plain_problem(tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_a_plain_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_what_is_not_utf8_is_a_problem_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"name: concert\ntitle: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"config.yaml:2: not text in UTF-8$"):
        read_yaml(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: concert\r\n")
    assert read_yaml(path).plain() == {"name": "concert"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: \x01\n", r"config.yaml:2: a control character ('\x01') in the text"),
        ("a: \ud800\n", r"config.yaml:1: a control character ('\ud800') in the text"),
        ("%YAML 9.0\n---\na: 1\n", "config.yaml:1: not valid YAML: found incompatible YAML document"),
        ("a: @b\n", "config.yaml:1: not valid YAML: a value cannot begin with this character (quote it)"),
        ("a: 'x' y\n", "text after the end of a value (quote the whole value)"),
        ("a:\n  b\nc\n", "a key without a colon"),
        ("  a: 1\n b: 2\n", "this line does not fit those before it (check its indentation)"),
        ("- a\nb: c\n", "this key is indented differently from those before it"),
    ],
)
def test_a_slip_is_said_in_plain_words(text: str, message: str) -> None:
    assert message in str(problems(text)[0])


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`# \n\t\\~1"), max_size=60))
def test_any_text_is_a_document_or_a_list_of_problems(text: str) -> None:
    said = None
    try:
        parse_yaml(text, "config.yaml").plain()
    except ConfigError as error:
        said = str(error)
    assert said != ""
