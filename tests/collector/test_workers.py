"""Workers take every job, however few threads the system gives."""

import threading

import pytest

from collector.workers import Workers


def _refused(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _ignored(_: object) -> None:
    """A job returns nothing."""


def test_a_job_for_which_there_is_no_thread_waits_for_one_that_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, gate, done = Workers(4), threading.Event(), threading.Event()
    workers.submit(lambda: _ignored(gate.wait(5)))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refused)
        workers.submit(done.set)
    assert workers.count == 1
    assert not done.is_set()
    gate.set()
    assert done.wait(5)
    assert workers.stop(5)


def test_without_any_thread_whoever_hands_over_a_job_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(4)
    monkeypatch.setattr(threading.Thread, "start", _refused)
    with pytest.raises(RuntimeError, match="new thread"):
        workers.submit(lambda: None)
    assert workers.stop(1)
