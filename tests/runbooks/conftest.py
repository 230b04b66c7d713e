"""The scene, one per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runbooks.scene import Scene, scene


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as made:
        yield made
