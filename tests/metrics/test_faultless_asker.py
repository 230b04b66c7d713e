"""A fault that one question meets is an error of that question, for whoever asks."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from metrics import Store
from metrics.errors import ErrorKind, QueryError
from metrics.faultless import FaultlessAsker

ASKED: dict[str, Callable[[FaultlessAsker], Any]] = {
    "query": lambda asker: asker.query("up", 1.0),
    "query_range": lambda asker: asker.query_range("up", 1.0, 2.0, 1.0),
    "freshness": lambda asker: asker.freshness("up", 1.0),
    "origins": lambda asker: asker.origins("up", 1.0),
    "ask": lambda asker: asker.ask("up", 1.0),
    "ask_range": lambda asker: asker.ask_range("up", 1.0, 2.0, 1.0),
}


class Broken:
    """Every question meets a fault."""

    def __getattr__(self, _: str) -> Any:
        return self

    def __call__(self, *_: object) -> Any:
        raise IndexError("list index out of range")


@pytest.mark.parametrize("asked", ASKED)
def test_a_fault_is_an_error_of_the_question_and_is_logged_once_with_its_trace(asked: str) -> None:
    asker = FaultlessAsker(Broken())
    with capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(QueryError) as caught:
                ASKED[asked](asker)
    assert caught.value.kind is ErrorKind.EXECUTION
    assert caught.value.message == "unexpected error: IndexError: list index out of range"
    assert [(line["event"], line["query"], line["exc_info"]) for line in logged] == [
        ("query_failed_unexpectedly", "up", True)
    ]


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_found_and_what_a_question_did_wrong_stay_as_they_are(asked: str) -> None:
    store = Store()
    assert ASKED[asked](FaultlessAsker(store)) == ASKED[asked](store)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="nothing_like_it"):
        FaultlessAsker(store).query("nothing_like_it(up)", 1.0)
