"""Connections that do the same, told once."""

from collector.captures.postgresql_look import Activity
from collector.captures.running_statements import Running, together

DATES = "SELECT free seats"


def activity(
    pid: int, seconds: float | None, text: str = DATES, state: str = "active", waits_for: str = ""
) -> Activity:
    return Activity(pid, "concert", state, waits_for, seconds, seconds, text)


def test_one_statement_in_ten_connections_is_one_row_with_its_oldest() -> None:
    found = together([activity(1, 0.4), activity(2, 1.7), activity(3, 0.9)])
    assert found == [Running(DATES, 3, 1.7, 1.7, "active", "", "concert", 2)]


def test_who_waits_and_who_works_are_not_the_same() -> None:
    found = together([activity(1, 2.0), activity(2, 1.0, waits_for="Lock transactionid"), activity(3, 0.5)])
    assert [(each.waits_for, each.count) for each in found] == [("", 2), ("Lock transactionid", 1)]


def test_times_that_the_server_withholds_stay_unknown() -> None:
    found = together([activity(1, None), activity(2, None)])
    assert [(each.count, each.seconds, each.transaction_seconds) for each in found] == [(2, None, None)]
