"""While a command is loaded and started nobody looks for garbage; afterwards somebody does."""

import gc

import pytest

import showcall
from assembly import StartError


def test_garbage_is_looked_for_again_after_a_start() -> None:
    with showcall.undisturbed():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_garbage_is_looked_for_again_after_a_start_that_failed() -> None:
    with pytest.raises(StartError), showcall.undisturbed():
        raise StartError("the port is taken")
    assert gc.isenabled()
