"""Series that come and go, and names in UTF-8, as Prometheus 3.5 sees them when it is written the same."""

import random
import struct
from collections.abc import Iterator, Sequence

import cramjam
import numpy as np
import pytest

from metrics import Store
from metrics.values import Batch, Labels, label, labels_of
from tests.metrics.agreement import Ours, difference
from tests.metrics.real_prometheus import Prometheus, missing, running

pytestmark = pytest.mark.xdist_group("prometheus")

BEGIN_MS = 1_700_000_000_137
STALE = struct.pack("<Q", 0x7FF0000000000002)
NAMES, PLACES = ("users", "requests_total", "콘서트.좌석", "a b"), ("hall", "the foyer", "서울")
SETS = (
    *(labels_of({"__name__": name, "where": where}) for name in NAMES for where in PLACES),
    labels_of({"__name__": "load", "zone.name": "north", "le": "0.5"}),
)

QUERIES = r"""
users
requests_total
{"콘서트.좌석"}
{"a b", where="hall"}
{"콘서트.좌석", where=~".*[가-힣].*"}
{"load", "zone.name"="north"}
{"zone.name"=~"n.*"}
{"zone.name"!=""}
sum by ("zone.name") (load)
sum by (where) ({"콘서트.좌석"} + {"a b"})
{"콘서트.좌석"} * on (where) group_left () users
sum({"a b"}) or vector(0)
count({__name__=~".+"})
count by (__name__) ({where!=""})
rate(requests_total[30s])
increase(requests_total[1m])
rate({"콘서트.좌석"}[1m])
changes(users[1m])
resets(requests_total[1m])
count_over_time(users[20s])
last_over_time(users[1m])
present_over_time({"a b"}[10s])
absent(users{where="hall"})
absent({"콘서트.좌석", where="nowhere"})
absent_over_time(users{where="hall"}[5s])
timestamp(users)
users offset 10s
users offset -10s
users and on (where) {"a b"}
users unless {"a b"}
max_over_time(users[30s:5s])
count_over_time(({"a b"} > 0)[1m:3s])
label_replace(users, "zone.name", "$1", "where", "(.*)")
label_join(users, "two words", "-", "where", "__name__")
count_values("zone.name", users > bool 20)
topk(1, users)
quantile(2, {"콘서트.좌석"})
users @ end()
sum_over_time(users[15s] @ 1700000100)
irate(requests_total[5m])
delta({"a b"}[1m])
"""


def scrapes() -> list[tuple[int, list[tuple[Labels, float]]]]:
    """Two minutes, each second: series leave and come back, and twice everything is gone for a while."""
    source = random.Random(7)
    away: dict[Labels, int] = {}
    found = []
    for second in range(120):
        for labels in SETS:
            if source.random() < 0.04:
                away[labels] = second + source.randrange(1, 15)
        gone = 40 <= second < 46 or 80 <= second < 83
        here = [] if gone else [labels for labels in SETS if away.get(labels, 0) <= second]
        found.append(
            (BEGIN_MS + 1000 * second, [(labels, _value(labels, second, source)) for labels in here])
        )
    return found


def _value(labels: Labels, second: int, source: random.Random) -> float:
    if label(labels, "__name__") == "requests_total":
        return float(second % 37 * 3)
    return float(source.choice([source.randrange(50), second, float("nan") if second % 11 == 0 else 20]))


def written() -> bytes:
    """The same as remote write sends it: a stale marker at the scrape that a series is missing in."""
    samples: dict[Labels, list[bytes]] = {}
    before: set[Labels] = set()
    for at, row in scrapes():
        for labels, value in row:
            samples.setdefault(labels, []).append(_sample(struct.pack("<d", value), at))
        now = {labels for labels, _ in row}
        for labels in before - now:
            samples[labels].append(_sample(STALE, at))
        before = now
    return b"".join(_field(1, _named(labels) + b"".join(each)) for labels, each in samples.items())


def _named(labels: Labels) -> bytes:
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels)


def _sample(value: bytes, at: int) -> bytes:
    return _field(2, b"\x09" + value + b"\x10" + _varint(at))


def _field(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


@pytest.fixture(scope="module")
def ours() -> Ours:
    store = Store(keep=1e9)
    for at, row in scrapes():
        sets: Sequence[Labels] = [labels for labels, _ in row]
        store.append(Batch("app", at / 1000, tuple(sets), np.array([value for _, value in row])))
    return Ours(store)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    reason = missing("3.5")
    if reason is not None:
        pytest.skip(reason)
    with running("3.5", tmp_path_factory.mktemp("written") / "server", None) as server:
        server.write(bytes(cramjam.snappy.compress_raw(written())))
        yield server


@pytest.mark.parametrize("query", QUERIES.strip().split("\n"))
def test_series_that_come_and_go_are_seen_alike(ours: Ours, theirs: Prometheus, query: str) -> None:
    found = []
    for second in (*range(3, 125, 6), 200, 418, 421, 500):
        at = BEGIN_MS + 1000 * second + 311
        found.append(difference(ours.instant(query, at), theirs.instant(query, at), told=True))
    start, end = BEGIN_MS - 5_000 + 311, BEGIN_MS + 450_000
    every_second = (query, start, end, 1_000)
    found.append(difference(ours.over_range(*every_second), theirs.over_range(*every_second), told=True))
    assert set(found) == {None}
