from collections.abc import Iterator

import pytest

from tests.dashboards.fake_grafana import FakeGrafana, running


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with running() as fake:
        yield fake
