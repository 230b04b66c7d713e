"""What following a log costs: an idle look, and how many bytes a second a flood is digested at.

    .venv/bin/python benchmarks/log_digest.py [--megabytes 40]

All figures are processor time of this process, so that a busy machine does not change them much. Exit code 0
when an idle look stays under 1 ms, 1 when not.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from collector.deadline import Deadline  # noqa: E402 - the project is beside, not installed
from collector.log import LogSettings, LogSource  # noqa: E402

IDLE_AIM_SECONDS = 0.001
IDLE_LOOKS = 2000
LINE = (
    "2026-11-22T16:00:00.123Z INFO  GET /api/v1/concert/4711/date 200 in 182 ms for member 20391, "
    "request 6f1c0e9a-7f3b-4c7e-9d51-2f6b1c0e9a7f\n"
)
FAILURE = (
    "2026-11-22T16:00:00.123Z ERROR HikariPool-1 - Connection is not available, request timed out after "
    "30000ms (total=10, active=10, idle=0, waiting=27)\n"
)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="What following a log costs.")
    parser.add_argument("--megabytes", type=int, default=40)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder:
        idle = idle_look(Path(folder) / "idle.log")
        print(f"idle look      {idle * 1e6:8.0f} us   aim under {IDLE_AIM_SECONDS * 1e6:.0f} us")
        for name, text in (
            ("quiet lines", LINE),
            ("1 % failures", LINE * 99 + FAILURE),
            ("failures", FAILURE),
        ):
            path = Path(folder) / f"{name}.log"
            print(f"{name:<14} {digested(path, text, megabytes):8.1f} MB/s")
        print(f"an extract     {extract(Path(folder) / 'extract.log') * 1e3:8.1f} ms   of 2,000 kept lines")
    return 0 if idle < IDLE_AIM_SECONDS else 1


def idle_look(path: Path) -> float:
    """Seconds of processor time that a look takes when nothing was written."""
    source = followed(path)
    return cost(lambda: looks(source, IDLE_LOOKS)) / IDLE_LOOKS


def digested(path: Path, text: str, megabytes: int) -> float:
    """Megabytes a second of processor time."""
    source = followed(path)
    block = text.encode() * (1_000_000 // len(text.encode()))
    path.write_bytes(block * megabytes)
    count = megabytes * 1_000_000 // (4 * 1024 * 1024) + 2
    return megabytes / cost(lambda: looks(source, count))


def extract(path: Path) -> float:
    """Seconds of processor time that one extract takes."""
    source = followed(path)
    path.write_text(LINE * 3000)
    looks(source, 1)
    return cost(lambda: source.extract(1.0, 60.0))


def followed(path: Path) -> LogSource:
    """A source that has begun to follow an empty file."""
    path.touch()
    source = LogSource("bench", LogSettings(path, {}))
    looks(source, 1)
    return source


def looks(source: LogSource, count: int) -> None:
    """So many looks, with time enough for each."""
    for number in range(count):
        source.fetch(float(number), Deadline.within(60.0))


def cost(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
