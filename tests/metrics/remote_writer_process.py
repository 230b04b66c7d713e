"""A process of its own that writes to a remote until it is killed.

``python -m tests.metrics.remote_writer_process URL FOLDER START_MS COUNT`` tells when the remote answered,
and then does nothing more.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from metrics.remote.http_call import Caller, Reply
from metrics.remote.sender import Pace
from tests.metrics.remote_rows import Origin, written


def main(url: str, folder: str, start: int, count: int) -> None:
    """Queue ``count`` rows of two series, a second apart, and tell when the remote answered."""
    plain = Caller.post

    def told(self: Caller, path: str, body: bytes, headers: Mapping[str, str], most: int = 1 << 20) -> Reply:
        reply = plain(self, path, body, headers, most)
        print("answered", reply.status, flush=True)  # noqa: T201 - what the test waits for
        time.sleep(60)
        return reply

    Caller.post = told  # type: ignore[method-assign]  # the moment between answer and receipt
    remote = written(url, Path(folder), pace=Pace(10_000, 0.2))
    origin = Origin("killed")
    remote.start()
    for second in range(count):
        remote.write(*origin.row(start + second * 1000, {"a": float(second), "b": second / 7}))
    time.sleep(120)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
