"""Fixtures of the outbox' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.running_action import RunningAction
from database import Database
from tests.outbox.fake_slack import TOKEN, FakeSlack, fake_slack
from tests.outbox.outbox_rig import START, Rig, worker


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, slack: FakeSlack) -> Iterator[Rig]:
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.create_all()
    token_file = tmp_path / "slack.token"
    token_file.write_text(f"{TOKEN}\n", encoding="utf-8")
    clock, actions = [START], list[RunningAction]()
    made = worker(database, slack, token_file, clock, actions)
    yield Rig(database, slack, token_file, made, clock, actions)
    database.close()
