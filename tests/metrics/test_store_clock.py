"""A clock that is set by hours, forward and back: what retention, blocks and questions make of it."""

from pathlib import Path

from metrics import Store
from metrics.disk.shelf import Shelf
from tests.metrics.disk_store import NAMES, batch, everything

WEEK = 7 * 86_400.0
HOURS = 6 * 3600.0


def lived(store: Store, start: float, seconds: float, value: float, step: float = 30.0) -> None:
    """Looks from ``start`` on, and so many turns of the store's thread that everything due is sealed."""
    for number in range(int(seconds / step)):
        store.append(batch(start + number * step, {NAMES[0]: value}))
        for _ in range(2):
            store.keep()


def test_f11_a_clock_that_is_set_forward_and_back_costs_no_sample_of_before(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, retention=WEEK)
    store = Store(shelf=shelf, keep=60)
    lived(store, 0, 2700, 1.0)
    before = everything(store, 2700)[NAMES[0]]
    assert (len(before), len(shelf.blocks.starts) >= 2) == (90, True)
    lived(store, HOURS, 2700, 2.0)
    assert everything(store, 2700) == {NAMES[0]: before}
    lived(store, 2700, 900, 3.0)
    found = everything(store, 3600)[NAMES[0]]
    assert found[:90] == before
    # The first look after the clock was set back is not believed yet.
    assert [value for _, value in found[90:]] == [3.0] * 29
    again = everything(Store(shelf=Shelf(tmp_path, retention=WEEK), keep=60), 3600)
    assert again == {NAMES[0]: found}
