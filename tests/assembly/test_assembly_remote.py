"""A whole Showcall with a remote: what it sends, that an outage changes nothing, what people see of it."""

import ast
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import assembly
from alerts.alert_state import AlertState
from alerts.timeline import TimelineKind
from metrics.faultless import FaultlessAsker
from metrics.store import Store
from metrics.values import label
from tests.assembly.assembly_rig import InProcess, eventually
from tests.assembly.assembly_site import REPO, Site
from tests.assembly.fake_stack import FakeStack
from tests.metrics.remote_servers import Fake, fake


@pytest.fixture(name="remote")
def _remote(site: Site) -> Iterator[Fake]:
    with fake() as recorder:
        site.config["metrics"] |= {
            "remote_url": recorder.url,
            "remote_batch_wait": "200ms",
            "remote_timeout": "1s",
        }
        yield recorder


def test_every_kept_sample_is_sent_with_the_labels_that_it_is_stored_with(
    site: Site, remote: Fake, run_here: Callable[[], InProcess]
) -> None:
    running = run_here()

    def names() -> set[tuple[str, str]]:
        return {(label(labels, "__name__"), label(labels, "job")) for labels in remote.samples()}

    eventually(lambda: ("up", "concert") in names() and ("up", "redis") in names(), "samples at the remote")
    eventually(lambda: ("hikaricp_connections_active", "concert") in names(), "the page's own")
    running.stop()
    sent = remote.samples()
    for labels, samples in sent.items():
        times = [at for at, _ in samples]
        assert times == sorted(set(times)), labels
        if label(labels, "job") == "concert":
            assert label(labels, "instance")


def test_a_remote_that_hangs_changes_nothing_in_the_loop_and_is_said(
    site: Site, remote: Fake, stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    remote.hang = threading.Event()
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    stack.surge()
    story = running.story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut, with a remote that hangs")
    alert = story.alert("PoolExhausted")
    assert alert is not None
    assert alert.state is AlertState.FIRING
    found = eventually(
        lambda: running.showcall.remote and running.showcall.remote.health().trouble, "trouble"
    )
    assert found == f"127.0.0.1:{remote.port} did not answer within 1 s"
    assert running.console.status("/-/healthy") == 200
    health = running.showcall.collector.health()
    assert health.skipped_rounds == 0
    visitor = running.signed_in()
    assert "did not answer within 1 s" in visitor.get("/status")[1]
    assert "showcall_remote_up" in visitor.get("/metrics")[1]
    remote.hang.set()
    remote.hang = None
    eventually(
        lambda: running.showcall.remote and not running.showcall.remote.health().trouble, "it recovers"
    )
    eventually(lambda: len(remote.samples()) > 50, "what waited is caught up")


def test_who_decides_asks_the_store_itself(
    site: Site, remote: Fake, run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules, guards and verification: not the asker of pages, which knows the remote."""
    askers: dict[str, object] = {}
    for name in ("Evaluator", "RunLoop", "Onlooker"):
        monkeypatch.setattr(assembly, name, recording(name, getattr(assembly, name), askers))
    showcall = run_here().showcall
    assert askers == dict.fromkeys(("Evaluator", "RunLoop", "Onlooker"), showcall.asker)
    assert (type(showcall.asker), type(showcall.store)) == (FaultlessAsker, Store)
    assert showcall.asker.asked is showcall.store


def recording(name: str, made: Callable[..., object], askers: dict[str, object]) -> Callable[..., object]:
    def make(*arguments: object, **named: object) -> object:
        askers[name] = named["asker"]
        return made(*arguments, **named)

    return make


NETWORK = {"http", "socket", "ssl", "urllib", "requests", "asyncio", "select", "selectors", "subprocess"}


def test_what_rules_guards_and_verification_ask_has_no_path_to_the_network() -> None:
    """Everything that the store imports, and what that imports: no network, and not the remote."""
    found = closure(REPO / "metrics/store.py")
    assert len(found) > 30
    assert not [path for path in found if "remote" in path.parts]
    assert {name for path in found for name in imports(path) if name.split(".")[0] in NETWORK} == set()


def closure(path: Path) -> set[Path]:
    """Our own files that a file needs, itself included."""
    seen, waiting = {path}, [path]
    while waiting:
        for name in imports(waiting.pop()):
            base = REPO / name.replace(".", "/")
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.exists() and candidate not in seen and candidate.name != "__init__.py":
                    seen.add(candidate)
                    waiting.append(candidate)
    return seen


def imports(path: Path) -> set[str]:
    """Modules that a file imports, and what it imports from packages."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names
