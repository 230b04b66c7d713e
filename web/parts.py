"""What the console needs of the rest; assembly hands it over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flask import current_app

from alerts.rule_outcome import RuleStatus
from alerts.running_action import RunningActions
from alerts.slack.credentials import Secret
from collector.round import TargetReport
from database import Database
from metrics.remote.long_range import LongRange
from metrics.values import AnnotatedAsker, Labels, Metadata
from runbooks.onlooker import Onlooker
from settings.schema import Settings


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One loop: ``age`` is seconds since its last good turn where known, ``note`` its error if it is new.

    ``turns`` and ``missed`` count since the start, None for a loop that does not count; ``seconds`` is the
    length of its last turn. ``late`` says that turns take longer than work comes, empty while they do not.
    """

    name: str
    alive: bool
    age: float | None = None
    note: str = ""
    turns: int | None = None
    missed: int | None = None
    errors: int | None = None
    seconds: float | None = None
    late: str = ""


@dataclass(frozen=True, slots=True)
class JobHealth:
    """One housekeeping job; times are Unix seconds, ``seconds`` the length of its last run.

    Attributes:
        outcome: of the last run: never, running, done, failed, stopped, died.
        text: what it did, or why it could not.
        due_at: when it runs next; ``postponed_since``: since when it waits for levers to be let go.
        complaint: what a person should look at, empty when nothing is wrong.
    """

    name: str
    title: str
    outcome: str
    text: str
    started_at: float | None
    succeeded_at: float | None
    seconds: float | None
    due_at: float
    postponed_since: float | None
    runs: int
    failures: int
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """Room in memory and on the disk.

    ``server``: where the database is when it is PostgreSQL, which measures and backs it up itself.
    ``write_error``: why the database takes no writes, empty while it does; ``troubles``: what a person must
    be told, a line each.
    """

    series: int
    resident_bytes: int
    database_bytes: int
    disk_free_bytes: int
    disk_low_bytes: int
    folder: str
    write_error: str = ""
    troubles: tuple[str, ...] = ()
    store_bytes: int = 0
    server: str = ""


@dataclass(frozen=True, slots=True)
class RemoteHealth:
    """The server that samples are sent to and long ranges are read from.

    Attributes:
        queue_bytes: what waits on the disk to be sent, of at most ``queue_most_bytes``.
        behind: seconds between the newest sample and the first that waits.
        sent: samples acknowledged since the start; ``lost``: those that never will be, by reason.
        since: when the trouble began (Unix seconds); ``trouble``: why nothing is acknowledged, empty when all
            is well; ``read_trouble``: why questions were not answered a moment ago.
        late: it lasts for so long that somebody should look.
    """

    host: str
    queue_bytes: int
    queue_most_bytes: int
    behind: float
    sent: int
    lost: Mapping[str, int]
    since: float | None
    trouble: str
    read_trouble: str
    late: bool


class SeriesBook(Protocol):
    """Which series there are; selectors are PromQL, times Unix seconds, infinite for no bound.

    ``goes_on`` is asked as that of ``metrics.values.Terms``; where it says no, QueryError is raised.
    """

    def series(
        self, selectors: Sequence[str], start: float, end: float, goes_on: Callable[[], bool]
    ) -> Sequence[Labels]:
        """Label sets with a sample in [start, end] that match any selector, sorted."""

    def label_names(
        self, selectors: Sequence[str], start: float, end: float, goes_on: Callable[[], bool]
    ) -> Sequence[str]:
        """Label names in use, sorted; none where nothing was kept in that time."""

    def label_values(
        self, name: str, selectors: Sequence[str], start: float, end: float, goes_on: Callable[[], bool]
    ) -> Sequence[str]:
        """Values of one label, sorted; none where nothing was kept in that time."""

    def metadata(self) -> Mapping[str, Metadata]:
        """What expositions said of each metric."""


@dataclass(frozen=True, slots=True)
class SlackDesk:
    """What the console does for Slack.

    Attributes:
        sends: messages are sent; else ``missing`` says what to set, a line each.
        signing_secret: what requests from Slack are checked with.
        say_privately: a word to one Slack user (their id), said later by another thread.
    """

    sends: bool
    missing: tuple[str, ...]
    signing_secret: Secret
    say_privately: Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """Everything that pages read. ``clock`` gives Unix seconds; ``jobs`` and ``storage`` ask no database.

    ``leader``: why the lock of a database that others may use is not held, empty while it is, None where
    there is none. ``give_way`` returns when no rules are evaluated: whoever works on something long calls it
    now and then.
    """

    settings: Settings
    database: Database
    asker: AnnotatedAsker
    series: SeriesBook
    clock: Callable[[], float]
    targets: Callable[[], Sequence[TargetReport]]
    rules: Callable[[], Sequence[RuleStatus]]
    loops: Callable[[], Sequence[LoopHealth]]
    own_metrics: Callable[[], bytes]
    onlooker: Onlooker
    jobs: Callable[[], Sequence[JobHealth]] = tuple
    storage: Callable[[], StorageHealth | None] = lambda: None
    leader: Callable[[], str | None] = lambda: None
    actions: RunningActions = tuple
    give_way: Callable[[], None] = lambda: None
    slack: SlackDesk | None = None
    long_range: LongRange | None = None
    remote: Callable[[], RemoteHealth | None] = lambda: None

    @property
    def far_asker(self) -> AnnotatedAsker:
        """Who is asked for ranges that may begin before the embedded store, so also the remote."""
        return self.asker if self.long_range is None else self.long_range


def parts() -> ConsoleParts:
    """The parts of the application that serves the current request."""
    found = current_app.extensions["showcall"]
    assert isinstance(found, ConsoleParts)  # noqa: S101 - a wiring mistake, not an input
    return found
