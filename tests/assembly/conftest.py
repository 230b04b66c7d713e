"""The fake stack, and Showcalls that look at it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

import showcall
from tests.assembly.assembly_rig import InProcess, Process, Typed
from tests.assembly.assembly_site import Site
from tests.assembly.fake_redis import FakeRedis
from tests.assembly.fake_stack import FakeStack


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Lines without drawn stack traces, which cost more time than the tests."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    stack = FakeStack()
    yield stack
    stack.close()


@pytest.fixture
def site(tmp_path: Path, stack: FakeStack) -> Iterator[Site]:
    redis = FakeRedis()
    yield Site(tmp_path, stack, redis)
    redis.go_down()


@pytest.fixture
def run_here(site: Site) -> Iterator[Callable[[], InProcess]]:
    """Starts a Showcall in this process; at the end it is stopped."""
    made: list[InProcess] = []

    def start() -> InProcess:
        made.append(InProcess(site))
        return made[-1].start()

    yield start
    for running in made:
        running.stop()


@pytest.fixture
def run_apart(site: Site) -> Iterator[Callable[..., Process]]:
    """Starts a Showcall in a process of its own; at the end it is gone."""
    made: list[Process] = []

    def start(*arguments: str) -> Process:
        made.append(Process(site, *arguments))
        return made[-1]

    yield start
    for process in made:
        process.kill()


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command line in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["showcall", *arguments])
        with pytest.raises(SystemExit) as ended:
            showcall.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run
