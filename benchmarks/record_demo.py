"""Records what a living demo shows, for the test that asks every query of the dashboard of it.

Start the demo, then beside it, from the same folder:

    .venv/bin/python benchmarks/record_demo.py --seconds 240

It waits until every target of the configuration answers (at most --wait seconds), then looks at each of them
and at Showcall's own /metrics every 5 s, evaluates the shipped rules on that, and writes one compressed file.
The demo's own Showcall goes on undisturbed; nothing of it is read but its pages. Ctrl-C keeps what there is.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import configuration  # noqa: E402 - the project is beside, not installed
from alerts.evaluator import Evaluator  # noqa: E402
from alerts.held_lease import HeldLease  # noqa: E402
from alerts.topology import Topology  # noqa: E402
from collector import sources  # noqa: E402
from collector.round import Round  # noqa: E402
from collector.scrape_loop import ScrapeLoop  # noqa: E402
from database import Database  # noqa: E402
from metrics import Store  # noqa: E402
from metrics.values import Appended, Batch  # noqa: E402
from settings import ConfigError  # noqa: E402
from settings.schema import CollectorSettings, Settings, TargetKind, TargetSettings  # noqa: E402
from tests.dashboards import recording  # noqa: E402

EVERY_SECONDS = 5.0
OWN = "showcall"
DEFAULT_FILE = ROOT / "tests" / "dashboards" / "recorded_demo.npz"


class NothingHeld:
    """The recorder knows of no lease: its rules see the numbers only."""

    def held(self) -> tuple[HeldLease, ...]:
        return ()


class Recorder:
    """Looks, evaluates and remembers; what came before all targets answered is forgotten."""

    def __init__(self, found: configuration.Configuration, database: Database) -> None:
        collector = watched(found.settings)
        self._store = Store(keep=3600.0)
        self._batches: list[Batch] = []
        self._lock = threading.Lock()
        self.missing = tuple(target.name for target in collector.targets)
        self.all_up = threading.Event()
        self._evaluator = Evaluator(
            rules=found.rules,
            topology=Topology.of(found.settings),
            asker=self._store,
            append=self._append,
            database=database,
            held=NothingHeld(),
            interval=EVERY_SECONDS,
        )
        self.loop = ScrapeLoop(
            sources.targets(collector),
            interval=EVERY_SECONDS,
            append=self._append,
            push=self._store.push,
            on_round=self._on_round,
            clock=time.time,  # noqa: TID251 - a program of its own: nobody hands it a clock
        )

    def recorded(self) -> recording.Recording:
        with self._lock:
            return recording.recording_of(self._batches)

    def _append(self, batch: Batch) -> Appended:
        with self._lock:
            self._batches.append(batch)
        return self._store.append(batch)

    def _on_round(self, finished: Round) -> None:
        down = frozenset(report.target for report in finished.reports if not report.up)
        self.missing = tuple(sorted(down | frozenset(finished.late)))
        if not self.missing and not self.all_up.is_set():
            with self._lock:
                self._batches.clear()
            self.all_up.set()
        self._evaluator.evaluate(finished.at, frozenset(self.missing))


def watched(settings: Settings) -> CollectorSettings:
    """The configuration's targets and Showcall's own page, all at the recording's pace."""
    own = TargetSettings(
        name=OWN, kind=TargetKind.ACTUATOR, url=f"http://{settings.web.host}:{settings.web.port}/metrics"
    )
    known = {target.name for target in settings.collector.targets}
    targets = settings.collector.targets + (() if OWN in known else (own,))
    slowed = tuple(target.model_copy(update={"interval": None}) for target in targets)
    return settings.collector.model_copy(update={"interval": EVERY_SECONDS, "targets": slowed})


def record(recorder: Recorder, seconds: float, wait: float) -> bool:
    """Until the time is over or Ctrl-C; whether all targets answered at some time."""
    recorder.loop.start()
    try:
        if recorder.all_up.wait(wait):
            print(f"all targets answer; recording {seconds:.0f} s", flush=True)
            time.sleep(seconds)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    finally:
        recorder.loop.stop()
    return recorder.all_up.is_set()


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Record a living demo for the dashboard's tests.")
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--seconds", type=float, default=240.0, help="how long to record (default 240)")
    parser.add_argument("--wait", type=float, default=300.0, help="for all targets to answer (default 300)")
    parser.add_argument("--out", type=Path, default=DEFAULT_FILE)
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    wanted = arguments(given)
    try:
        found = configuration.load(wanted.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/recorder.db")
        database.create_all()
        recorder = Recorder(found, database)
        complete = record(recorder, wanted.seconds, wanted.wait)
        database.close()
    if not complete:
        print(f"not answering after {wanted.wait:.0f} s: {', '.join(recorder.missing)}", file=sys.stderr)
        return 1
    kept = recorder.recorded()
    recording.save(kept, wanted.out)
    series = sum(len(block.labels) for block in kept.blocks)
    size = wanted.out.stat().st_size / 1000
    print(f"{wanted.out}: {kept.end - kept.start:.0f} s, {series} series, {size:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
