"""From settings to targets."""

from pathlib import Path

from collector.actuator import ActuatorSource
from collector.host import HostSource
from collector.http_probe import HttpProbeSource
from collector.local_processes import LocalProcessesSource
from collector.log import LogSource
from collector.postgresql import PostgresqlSource
from collector.redis import RedisSource
from collector.sources import BUILDERS, log_readers, targets
from metrics.values import labels_of
from settings import load
from settings.schema import CollectorSettings, TargetKind, TargetSettings

ROOT = Path(__file__).parents[2]


def test_the_demos_targets_have_their_sources() -> None:
    found = {one.name: one for one in targets(load(ROOT / "config.yaml").collector)}
    assert {name: type(one.source) for name, one in found.items()} == {
        "concert": ActuatorSource,
        "redis": RedisSource,
        "database": PostgresqlSource,
        "containers": LocalProcessesSource,
        "host": HostSource,
        "concert_log": LogSource,
        "concert_list": HttpProbeSource,
    }
    assert found["concert"].labels == labels_of({"job": "concert", "instance": "127.0.0.1:18081"})
    assert found["redis"].labels == labels_of({"job": "redis", "instance": "127.0.0.1:18379"})
    assert found["containers"].labels == labels_of({"job": "containers", "instance": "localhost"})
    assert {one.interval for one in found.values()} == {1.0}
    assert {one.timeout for one in found.values()} == {0.9}


def test_every_kind_of_target_has_a_source() -> None:
    assert set(BUILDERS) == set(TargetKind)


def test_a_targets_own_settings_win() -> None:
    own = TargetSettings(
        name="shop",
        kind=TargetKind.HTTP_PROBE,
        url="https://shop.example/",
        interval=15.0,
        timeout=5.0,
        labels={"area": "shop", "job": "other"},
    )
    (shop,) = targets(CollectorSettings(targets=(own,)))
    assert (shop.interval, shop.timeout) == (15.0, 5.0)
    assert shop.labels == labels_of({"area": "shop", "job": "shop", "instance": "shop.example:443"})


def test_a_target_on_a_short_interval_has_no_longer_timeout() -> None:
    quick = TargetSettings(name="quick", kind=TargetKind.REDIS, port=6379, interval=0.2)
    (target,) = targets(CollectorSettings(targets=(quick,)))
    assert target.timeout == 0.2


def test_the_newest_lines_of_every_log_target_can_be_asked_for() -> None:
    found = log_readers(targets(load(ROOT / "config.yaml").collector))
    assert list(found) == ["concert_log"]
    extract = found["concert_log"].extract(1_000_000.0, 60.0)
    assert (extract.target, extract.groups, extract.lines_read) == ("concert_log", (), 0)
    assert extract.file == str(ROOT / "stack/run/logs/concert.log")
