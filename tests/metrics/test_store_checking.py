"""Checking a store's files: what they hold, what is damaged, and that nothing is changed."""

from pathlib import Path

from metrics.disk.checking import check
from tests.metrics.disk_store import rows_of, store_in


def lived(folder: Path) -> None:
    store = store_in(folder, 60.0)
    for each in rows_of(200, 10.0):
        store.append(each)
        store.keep()


def test_every_file_says_what_it_holds_and_stays_as_it_is(tmp_path: Path) -> None:
    lived(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found = list(check(tmp_path))
    assert [each.file.rsplit(".")[-1] for each in found] == ["block", "block", "wal"]
    assert [each.rows for each in found] == [90, 90, 20]
    assert sum(each.samples for each in found) == sum(len(each.values) for each in rows_of(200, 10.0))
    assert all(each.damage == () and each.origins == 1 for each in found)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damage_in_any_file_is_named(tmp_path: Path) -> None:
    lived(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    found = list(check(tmp_path))
    assert all(each.damage for each in found)
    assert all(each.file in str(each.damage[0]) for each in found)
