"""INFO and the slow log of a real Valkey, and of servers that are not well."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.captures.redis_look import RedisLook
from collector.redis import RedisSettings
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import ScrapeError
from tests.collector.raw_server import HOST, Serve, serving, soon
from tests.stack.service_rig import Valkey

INFO = (
    b"redis_version:7.4.0\r\nuptime_in_seconds:1\r\nused_memory:1\r\nconnected_clients:1\r\n"
    b"total_commands_processed:1\r\n"
)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


def look_at(port: int, password_file: Path | None = None) -> RedisLook:
    return RedisLook(RedisSettings(HOST, port, None, password_file), Resolver())


def answering(slow_log: bytes) -> Serve:
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"$%d\r\n%s\r\n" % (len(INFO), INFO))
        sock.recv(65536)
        sock.sendall(slow_log)
        sock.recv(65536)

    return serve


def test_the_fields_and_the_slow_commands_of_a_real_server(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.config_set("slowlog-log-slower-than", 0)
        client.set("waiting:4711", "a secret value")
        client.hset("user:deadbeefcafe0123", mapping={"token": "a secret token"})
        client.execute_command("ECHO", "a secret echo")
        client.eval("return 'a secret script'", 0)
        found = look_at(valkey.port).extract(soon())
    assert found.notes == ()
    assert float(found.fields["used_memory"]) > 0
    assert found.fields["maxmemory_policy"] == "noeviction"
    shown = [(each.text, each.words) for each in found.slow]
    assert ("SET waiting:?", 3) in shown
    assert ("HSET user:?", 4) in shown
    assert ("ECHO", 2) in shown
    assert ("EVAL", 3) in shown
    assert "secret" not in repr(found)
    assert found.slow[0].at > 1_700_000_000
    assert 0 <= found.slow[0].seconds < 1


def test_neither_the_password_nor_the_configuration_is_asked_or_shown(valkey: Valkey, tmp_path: Path) -> None:
    with valkey.client() as client:
        client.config_set("slowlog-log-slower-than", 0)
        client.config_set("requirepass", "open sesame")
        password = tmp_path / "password"
        password.write_text("open sesame\n", encoding="utf-8")
        client.auth("open sesame")
        client.config_resetstat()
        found = look_at(valkey.port, password).extract(soon())
        asked = {name for name in client.info("commandstats") if "config|get" in name}
    assert "open sesame" not in repr(found)
    assert asked == set()


@pytest.mark.parametrize(
    ("slow_log", "note"),
    [
        (b"-NOPERM this user has no permissions\r\n", "NOPERM"),
        (b"*1\r\n*1\r\n:1\r\n", "another form"),
        (b"*999999\r\n", "does not speak Redis' protocol"),
        (b"*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n", "does not speak Redis' protocol"),
        (b"*-1\r\n", ""),
        (b"*0\r\n", ""),
    ],
)
def test_without_the_slow_log_the_rest_is_kept_and_a_note_says_why(slow_log: bytes, note: str) -> None:
    with serving(answering(slow_log)) as server:
        found = look_at(server.port).extract(soon())
    assert found.fields["redis_version"] == "7.4.0"
    assert found.slow == ()
    assert note in " ".join(found.notes)
    assert bool(note) is bool(found.notes)


def test_f13_a_redis_that_says_nothing_ends_at_the_deadline(valkey: Valkey) -> None:
    begun = time.monotonic()
    with valkey.frozen(), pytest.raises(ScrapeError) as caught:
        look_at(valkey.port).extract(soon(0.3))
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - begun < 2


def test_f13_a_redis_that_is_down_is_refused(valkey: Valkey) -> None:
    valkey.stop()
    with pytest.raises(ScrapeError) as caught:
        look_at(valkey.port).extract(soon())
    assert caught.value.kind is ErrorKind.REFUSED
