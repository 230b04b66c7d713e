"""Redis as it is, and as it is when it is not well."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from collector.redis import RedisSettings, RedisSource, metadata_of, parse_info
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import Scraped, ScrapeError, measured
from metrics.values import label
from tests.collector.raw_server import HOST, Serve, serving, soon
from tests.collector.threads_begun import ThreadsBegun
from tests.stack.service_rig import Valkey

NOW = 1_700_000_000.0
UP = (measured("redis_up", 1.0),)
DOWN = (measured("redis_up", 0.0),)
INFO = (
    "# Server\r\nredis_version:7.4.0\r\nredis_mode:standalone\r\nos:Linux\r\ntcp_port:6379\r\n"
    "uptime_in_seconds:100\r\n# Clients\r\nconnected_clients:3\r\nmaxclients:10000\r\n"
    "# Memory\r\nused_memory:1000\r\nmaxmemory:5000\r\nmaxmemory_policy:noeviction\r\n"
    "# Stats\r\ntotal_commands_processed:7\r\nkeyspace_hits:2\r\nlatest_fork_usec:250\r\n"
    "# Persistence\r\nrdb_last_bgsave_status:ok\r\naof_last_write_status:err\r\n"
    "# Replication\r\nrole:master\r\n"
    "# Commandstats\r\n"
    "cmdstat_config|get:calls=4,usec=2000,usec_per_call=500.00,rejected_calls=1,failed_calls=0\r\n"
    "# Errorstats\r\nerrorstat_OOM:count=5\r\n"
    "# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=1500,subexpiry=0\r\n"
)


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


def replying(*replies: bytes) -> Serve:
    """Each reply to one command; then the connection stays open and silent."""

    def serve(sock: socket.socket) -> None:
        for reply in replies:
            sock.recv(65536)
            sock.sendall(reply)
        sock.recv(65536)
        time.sleep(3)

    return serve


def source_at(port: int, password_file: Path | None = None, user: str | None = None) -> RedisSource:
    return RedisSource(RedisSettings(HOST, port, user, password_file), Resolver())


def failure(serve: Serve, seconds: float = 2.0) -> ScrapeError:
    with serving(serve) as server, pytest.raises(ScrapeError) as caught:
        source_at(server.port).fetch(NOW, soon(seconds))
    return caught.value


def values(scraped: Scraped) -> dict[str, float]:
    pairs = zip(scraped.labels, scraped.values.tolist(), strict=True)
    return {label(labels, "__name__"): value for labels, value in pairs}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


def test_info_becomes_the_series_of_redis_exporter() -> None:
    found = dict(parse_info(INFO.replace("\r\n", "\n"), NOW))
    metadata = metadata_of(tuple(found))
    expected = [
        measured("redis_connected_clients", 3.0),
        measured("redis_config_maxclients", 10000.0),
        measured("redis_memory_used_bytes", 1000.0),
        measured("redis_memory_max_bytes", 5000.0),
        measured("redis_config_maxmemory", 5000.0),
        measured("redis_commands_processed_total", 7.0),
        measured("redis_keyspace_hits_total", 2.0),
        measured("redis_latest_fork_seconds", 0.00025),
        measured("redis_rdb_last_bgsave_status", 1.0),
        measured("redis_aof_last_write_status", 0.0),
        measured("redis_start_time_seconds", NOW - 100),
        measured("redis_commands_total", 4.0, cmd="config|get"),
        measured("redis_commands_duration_seconds_total", 0.002, cmd="config|get"),
        measured("redis_commands_rejected_calls_total", 1.0, cmd="config|get"),
        measured("redis_errors_total", 5.0, err="OOM"),
        measured("redis_db_keys", 12.0, db="db0"),
        measured("redis_db_keys_expiring", 3.0, db="db0"),
        measured("redis_db_avg_ttl_seconds", 1.5, db="db0"),
    ]
    assert {labels: found.get(labels) for labels, _ in expected} == dict(expected)
    info = next(labels for labels in found if label(labels, "__name__") == "redis_instance_info")
    assert label(info, "maxmemory_policy") == "noeviction"
    assert metadata["redis_commands_processed_total"].type == "counter"
    assert metadata["redis_memory_used_bytes"].type == "gauge"


def test_a_redis_without_keys_has_a_count_of_none() -> None:
    samples = parse_info(INFO.replace("\r\n", "\n").partition("# Keyspace")[0], NOW)
    assert measured("redis_db_keys", 0.0, db="db0") in samples


def test_a_real_server_is_asked_over_one_connection(valkey: Valkey) -> None:
    source = source_at(valkey.port)
    first = source.fetch(NOW, soon())
    with valkey.client() as client:
        client.set("seat", "taken")
    second = source.fetch(NOW, soon())
    assert first.verdict == second.verdict == UP
    assert values(first)["redis_db_keys"] == 0
    assert values(second)["redis_db_keys"] == 1
    assert (
        values(second)["redis_connections_received_total"]
        == values(first)["redis_connections_received_total"] + 1
    )
    source.close()


def test_a_look_that_finds_the_same_series_gives_the_very_same_labels(valkey: Valkey) -> None:
    source = source_at(valkey.port)
    with valkey.client() as client:
        client.set("seat", "taken")
        source.fetch(NOW, soon())
        first, second = (source.fetch(NOW, soon()) for _ in range(2))
        assert second.labels is first.labels
        assert second.metadata is first.metadata
        client.get("seat")
    third = source.fetch(NOW, soon())
    assert values(third)["redis_keyspace_hits_total"] == values(first)["redis_keyspace_hits_total"] + 1
    assert third.labels != first.labels  # a command that was never used before is a new series
    source.close()


def test_f13_redis_down_is_refused_and_up_again_after_its_start(valkey: Valkey) -> None:
    source = source_at(valkey.port)
    source.fetch(NOW, soon())
    valkey.stop()
    for _ in range(2):
        with pytest.raises(ScrapeError) as caught:
            source.fetch(NOW, soon())
        assert caught.value.kind is ErrorKind.REFUSED
        assert caught.value.verdict == DOWN
    valkey.start()
    assert source.fetch(NOW, soon()).verdict == UP
    source.close()


def test_f13_a_password_is_asked_and_given(valkey: Valkey, tmp_path: Path) -> None:
    with valkey.client() as client:
        client.config_set("requirepass", "open sesame")
    password = tmp_path / "password"
    password.write_text("open sesame\n", encoding="utf-8")
    assert source_at(valkey.port, password).fetch(NOW, soon()).verdict == UP
    password.write_text("wrong", encoding="utf-8")
    with pytest.raises(ScrapeError) as caught:
        source_at(valkey.port, password).fetch(NOW, soon())
    assert caught.value.kind is ErrorKind.AUTH
    assert "check user and password_file" in caught.value.text
    assert "open sesame" not in caught.value.text
    Redis(host=HOST, port=valkey.port, password="open sesame").config_set("requirepass", "")


@pytest.mark.parametrize(
    ("reply", "kind", "verdict"),
    [
        (b"-NOAUTH Authentication required.\r\n", ErrorKind.AUTH, ()),
        (b"-NOPERM this user has no permissions\r\n", ErrorKind.AUTH, ()),
        (b"-LOADING Redis is loading the dataset in memory\r\n", ErrorKind.UNAVAILABLE, DOWN),
        (b"-BUSY Redis is busy running a script.\r\n", ErrorKind.UNAVAILABLE, DOWN),
        (b"-ERR max number of clients reached\r\n", ErrorKind.UNAVAILABLE, DOWN),
        (b"-ERR unknown command 'INFO'\r\n", ErrorKind.BAD_FORMAT, DOWN),
        (bulk("# Server\r\nredis_version:7.4.0\r\n"), ErrorKind.BAD_FORMAT, DOWN),
        (b"$10485760\r\n", ErrorKind.TOO_LARGE, DOWN),
        (b"HTTP/1.1 400 Bad Request\r\n", ErrorKind.BAD_FORMAT, DOWN),
        (b"x" * 10_000, ErrorKind.BAD_FORMAT, DOWN),
    ],
    ids=["noauth", "noperm", "loading", "busy", "full", "unknown", "cut", "10 MB", "http", "no line end"],
)
def test_f13_what_redis_says_has_a_kind(reply: bytes, kind: ErrorKind, verdict: object) -> None:
    error = failure(replying(reply))
    assert error.kind is kind
    assert error.verdict == verdict


def test_f13_an_info_that_ends_early_is_bad_format() -> None:
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"$5000\r\n# Server\r\n")

    error = failure(serve)
    assert error.kind is ErrorKind.BAD_FORMAT
    assert "ended early" in error.text


def test_f14_a_redis_that_hangs_ends_at_the_deadline_and_leaves_no_thread() -> None:
    with serving(lambda sock: time.sleep(3)) as server:
        source = source_at(server.port)
        threads = ThreadsBegun()
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(ScrapeError) as caught:
                source.fetch(NOW, soon(0.2))
            assert caught.value.kind is ErrorKind.TIMEOUT
            assert caught.value.verdict == DOWN
        assert time.monotonic() - begun < 2.0
        assert len(threads.alive()) <= 3, "the test server's own, one a connection"


def test_f14_a_frozen_redis_is_late_and_then_well_again(valkey: Valkey) -> None:
    source = source_at(valkey.port)
    source.fetch(NOW, soon())
    with valkey.frozen(), pytest.raises(ScrapeError) as caught:
        source.fetch(NOW, soon(0.2))
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert source.fetch(NOW, soon()).verdict == UP
    source.close()


def test_a_connection_that_idles_to_its_end_is_opened_again(valkey: Valkey) -> None:
    source = source_at(valkey.port)
    source.fetch(NOW, soon())
    with valkey.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    assert source.fetch(NOW, soon()).verdict == UP
    source.close()
