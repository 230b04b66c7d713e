"""A worker in a process of its own, which ends itself by SIGKILL at a named point of its n-th attempt."""

import os
import signal
import sys
import time
from pathlib import Path

from alerts.outbox import Moment
from alerts.outbox_worker import OutboxWorker
from alerts.slack import credentials
from alerts.slack.channel import SlackChannel
from database import Database
from tests.outbox.fake_slack import CHANNEL
from tests.outbox.outbox_rig import CONSOLE


def main(
    database: str, address: str, token_file: str, *, moment: Moment, began_at: float, attempt: int
) -> None:
    left, began = [attempt], time.monotonic()

    def die(reached: Moment) -> None:
        if reached is moment:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def clock() -> float:
        return began_at + time.monotonic() - began

    channel = SlackChannel(CHANNEL, credentials.token(Path(token_file), {}), address, 2.0, CONSOLE)
    channel.spacing = 0.01
    worker = OutboxWorker(Database(database), channel, tuple, clock, at_moment=die)
    while clock() < began_at + 20:
        worker.turn()
        time.sleep(0.02)


if __name__ == "__main__":
    where, told = sys.argv[1:4], sys.argv[4:]
    main(*where, moment=Moment(told[0]), began_at=float(told[1]), attempt=int(told[2]))
