"""Statements without literals."""

import pytest

from collector.captures.sql_text import normalised


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT * FROM members WHERE name = 'Mina O''Brien' AND id=42",
         "SELECT * FROM members WHERE name = ? AND id=?"),
        ("SELECT $1, x.col1 FROM t1 x LIMIT 10 OFFSET .5", "SELECT ?, x.col1 FROM t1 x LIMIT ? OFFSET ?"),
        (r"SELECT E'it\'s secret', b'101', X'ff', U&'d\0061t'", "SELECT ?, ..."),
        ("SELECT $$secret$$ || $fn$a $$ b$fn$", "SELECT ? || ?"),
        ("ALTER ROLE mina PASSWORD 'hunter2", "ALTER ROLE mina PASSWORD ?"),
        ("SELECT $tag$ never ends", "SELECT ?"),
        ("SELECT /* a /* token=1 */ secret */ 1 -- password\n, 2", "SELECT ?, ..."),
        ("SELECT /* never ends 'secret", "SELECT"),
        ('SELECT "Seat 1"."number" FROM "Seat 1"', 'SELECT "Seat 1"."number" FROM "Seat 1"'),
        ("SELECT  a\n\t FROM b WHERE id IN (1, 2,3 ,4)", "SELECT a FROM b WHERE id IN (?, ...)"),
        ("SELECT 1.5e-7, 0xFF, 1_000, -3", "SELECT ?, ..., -?"),
        ("SELECT name1 FROM 좌석 WHERE 번호=1", "SELECT name1 FROM 좌석 WHERE 번호=?"),
        ("", ""),
    ],
)  # fmt: skip
def test_literals_go_and_the_rest_stays(sql: str, shown: str) -> None:
    assert normalised(sql) == shown


def test_a_long_statement_is_cut() -> None:
    assert normalised("SELECT " + "a, " * 500, cut_at=20) == "SELECT a, a, a, a, …"


def test_no_part_of_a_secret_is_shown_wherever_the_server_has_cut_the_statement() -> None:
    sql = (
        "SELECT 'first secret', E'second \\' secret', $a$third secret$a$, \"column\" FROM t -- fourth secret"
    )
    for length in range(len(sql) + 1):
        assert "secret" not in normalised(sql[:length]), sql[:length]


def test_a_hostile_statement_takes_no_time() -> None:
    for hostile in (
        "'" * 4000,
        "/*" * 2000,
        "$a$" * 1300,
        "$" * 4000,
        "?, " * 1300,
        '"' * 4001,
        "e'\\" * 1300,
    ):
        assert len(normalised(hostile)) <= 300
