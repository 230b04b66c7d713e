"""Prints how long after Slack's Retry-After a message arrives, for every form of it, in real time.

    .venv/bin/python benchmarks/slack.py

The outbox runs as in ``showcall run`` (a thread that looks four times a second) against a Slack that records
everything. The aim is Retry-After + 2 s; exit code 0 if every figure is within it and each row is told once.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from alerts import incident_store, timeline_store  # noqa: E402 - the project is beside, not installed
from alerts.incident import Incident, IncidentState  # noqa: E402
from alerts.slack import credentials  # noqa: E402
from alerts.slack.channel import SlackChannel  # noqa: E402
from alerts.timeline import NewTimelineRow, TimelineKind  # noqa: E402
from database import Database  # noqa: E402
from outgoing import Outgoing  # noqa: E402
from tests.outbox.fake_slack import CHANNEL, TOKEN, FakeSlack, Step, fake_slack  # noqa: E402

AIM_SECONDS = 2.0
LIMITS = ("1", "1.5", "date", "30")


def main() -> int:
    """Print a line for every form."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()], logger_factory=_Nowhere)
    print(f"{'Retry-After':<32} {'arrived after':>14} {'over it':>9}   aim  value/aim")
    with tempfile.TemporaryDirectory() as folder, fake_slack() as slack:
        database = Database(f"sqlite:///{folder}/showcall.db")
        database.upgrade()
        token_file = Path(folder) / "token"
        token_file.write_text(TOKEN, encoding="utf-8")
        channel = SlackChannel(
            CHANNEL, credentials.token(token_file, {}), slack.address, 5.0, "http://console"
        )
        outgoing = Outgoing(database, (channel,), tuple, time.time)  # noqa: TID251 - a benchmark has a real clock
        outgoing.start()
        number = _open(database)
        _wait_for(slack, "opened")
        worst = max(_measure(database, slack, number, form) for form in LIMITS)
        outgoing.stop(3.0)
        database.close()
        whole = all(_times(slack, f"limited {form};") == 1 for form in LIMITS)
    print(f"worst {worst:.2f} s over Retry-After (aim {AIM_SECONDS:.0f} s); each told once: {whole}")
    return 0 if worst <= AIM_SECONDS and whole else 1


class _Nowhere:
    def __init__(self, *_: object) -> None: ...

    def __getattr__(self, _: str) -> object:
        return lambda *_args, **_kwargs: None


def _measure(database: Database, slack: FakeSlack, number: int, form: str) -> float:
    """Seconds beyond what Slack asked for."""
    now = time.time()  # noqa: TID251
    headers: Mapping[str, str] = {"Retry-After": form}
    seconds = 4.0 if form == "date" else float(form)
    if form == "date":
        headers = {
            "Retry-After": formatdate(int(now) + 4, usegmt=True),
            "Date": formatdate(int(now), usegmt=True),
        }
    slack.script.append(Step(status=429, headers=headers))
    asked = len(slack.calls)
    _tell(database, number, f"limited {form};")
    _wait_for(slack, f"limited {form};")
    limited, arrived = (slack.calls[asked:][0].at, slack.calls[-1].at)
    over = arrived - limited - seconds
    figures = f"{arrived - limited:>12.2f} s {over:>7.2f} s {AIM_SECONDS:>4.0f} s {over / AIM_SECONDS:>9.2f}"
    print(f"{headers['Retry-After']:<32} {figures}", flush=True)
    return over


def _open(database: Database) -> int:
    now = time.time()  # noqa: TID251
    with database.transaction() as tx:
        incident = Incident(0, "Connection pool exhausted", IncidentState.OPEN, "pool", "critical", now)
        number = incident_store.add(tx, incident)
    _tell(database, number, "opened")
    return number


def _tell(database: Database, number: int, text: str) -> None:
    now = time.time()  # noqa: TID251
    with database.transaction() as tx:
        timeline_store.append(tx, NewTimelineRow(now, TimelineKind.LEVER_FAILED, "benchmark", text, number))


def _times(slack: FakeSlack, text: str) -> int:
    return sum(message.shown.count(text) for message in slack.messages)


def _wait_for(slack: FakeSlack, text: str) -> None:
    end = time.monotonic() + 60
    while not _times(slack, text):
        if time.monotonic() > end:
            raise SystemExit(f"lost: {text}")
        time.sleep(0.01)
    # Let edits that follow go by, so that the next limit meets the next row.
    time.sleep(4.0)


if __name__ == "__main__":
    sys.exit(main())
