"""Everything wired: ``build(settings, clock)`` gives a Showcall that can be started and stopped.

Stop order: acting, evaluation, collector, housekeeping, web, stores. Nothing happens before ``start``.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

import evidence_captures
import outgoing
import own_metrics
import postgresql
import remote_metrics
import upkeep
from alerts.evaluator import Evaluator
from alerts.evidence_taking import EvidenceTaking
from alerts.outbox import Channel
from alerts.slack import credentials
from alerts.slack.private import PrivateReplies
from alerts.topology import Topology
from allocator import GivingBack
from collector import sources
from collector.log_lines import LogReaders
from collector.round import Round
from collector.scrape_loop import ScrapeLoop
from configuration import Configuration
from dashboards import annotations
from database import Database, DataDirectoryInUseError, DataDirectoryLock, SchemaError
from leader_lock import LOOK_SECONDS, DatabaseInUseError, LeaderLock, Leadership
from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.faultless import FaultlessAsker
from metrics.keeping import Keeping
from metrics.precedence import Precedence
from metrics.promql.limits import Limits
from outgoing import Outgoing
from own_loops import KnownTroubleError, LoopReport, NewestFirstLoop
from own_metrics import OutboxNumbers, OwnNumbers, ScrapeLoopNumbers, StoreNumbers
from remote_metrics import Remote
from runbooks.lease_store import LeasesInDatabase
from runbooks.levers import factory
from runbooks.onlooker import Onlooker
from runbooks.run_loop import RunLoop
from runbooks.running_actions import ActionsInDatabase
from runbooks.trouble import IncidentsInDatabase
from settings.schema import Settings
from upkeep import Upkeep, Watched
from web.parts import ConsoleParts, LoopHealth, SlackDesk
from web.server import PortInUseError, WebServer

Clock = Callable[[], float]

EVALUATION_LIMIT_SECONDS = 5.0
ACTING_IDLE_SECONDS = 1.5
ACTING_LIMIT_SECONDS = 10.0
ERROR_SHOWN_SECONDS = 30.0
STOP_SECONDS = 3.0
ALL_STOP_SECONDS = 6.0
"""For everything but console and stores together: who stops us with a deadline of 15 s never has to kill."""
EVIDENCE_STOP_SECONDS = 0.5
REMOTE_STOP_SECONDS = 0.5
DATABASE_FILE = "showcall.db"
STORE_FOLDER = "metrics"


class StartError(RuntimeError):
    """Showcall cannot start; the text says why and what to do."""


class NotStoredError(KnownTroubleError):
    """A round's changes could not be stored: it counts as not evaluated, and nothing acts on it."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Handed from evaluation to acting: the round's time and how late we were (seconds)."""

    at: float
    lag: float


def build(configuration: Configuration, clock: Clock) -> "Showcall":
    """The parts, wired. Takes the data directory and brings the database's schema up to date.

    Raises:
        StartError: another Showcall has the data directory or the database, the database cannot be used, a
            port is taken.
    """
    with ExitStack() as undone:
        lock = _locked(configuration.settings.data_dir)
        undone.callback(lock.release)
        leader = _leader(configuration)
        undone.callback(leader.release)
        try:
            running = Showcall(configuration, clock, lock, leader)
        except PortInUseError as error:
            raise StartError(str(error)) from None
        except (SQLAlchemyError, SchemaError) as error:
            raise StartError(database_error(_database(configuration).place, error)) from None
        undone.pop_all()
    return running


def _leader(configuration: Configuration) -> Leadership:
    """Who may act; a SQLite file is no one else's, because its data directory is locked."""
    if configuration.database_url is None:
        return Leadership()
    server = postgresql.server(configuration.database_url)
    leader = LeaderLock(server, configuration.settings.name)
    try:
        leader.take()
    except DatabaseInUseError as error:
        raise StartError(str(error)) from None
    except psycopg.Error as error:
        raise StartError(database_error(server.shown, error)) from None
    return leader


def _database(configuration: Configuration) -> Database:
    """Where state is kept; nothing is opened yet."""
    file = configuration.settings.data_dir / DATABASE_FILE
    return Database(configuration.database_url or f"sqlite:///{file}")


def _locked(data_dir: Path) -> DataDirectoryLock:
    try:
        return DataDirectoryLock(data_dir)
    except DataDirectoryInUseError as error:
        raise StartError(str(error)) from None
    except OSError as error:
        raise StartError(unusable(data_dir, error)) from None


def _shelf(settings: Settings, precedence: Precedence) -> Shelf:
    folder, kept = settings.data_dir / STORE_FOLDER, settings.metrics
    try:
        return Shelf(folder, kept.retention, kept.retention_bytes, lambda: precedence.is_taken)
    except OSError as error:
        raise StartError(f"{folder}: the samples' folder cannot be used ({error.strerror})") from None


def _remote(settings: Settings, clock: Clock) -> Remote | None:
    try:
        return remote_metrics.of(settings, clock)
    except OSError as error:
        folder = settings.data_dir / remote_metrics.FOLDER
        raise StartError(f"{folder}: the remote's queue cannot be used ({error.strerror})") from None


def unusable(data_dir: Path, error: OSError) -> str:
    """Which directory, and why."""
    return f"data_dir {data_dir}: cannot be written to ({error.strerror})"


def database_error(place: str, error: SQLAlchemyError | SchemaError | psycopg.Error) -> str:
    """Which database cannot be used, and why."""
    reason = str(getattr(error, "orig", error)).splitlines()[0]
    return f"{place}: the database cannot be used ({reason})"


@contextmanager
def opened_database(configuration: Configuration) -> Iterator[Database]:
    """The database of a configuration, its schema up to date, for as long as the block lasts.

    Raises:
        StartError: it cannot be used.
    """
    folder = configuration.settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(unusable(folder, error)) from None
    database = _database(configuration)
    try:
        database.upgrade()
        yield database
    except (SQLAlchemyError, SchemaError) as error:
        raise StartError(database_error(database.place, error)) from None
    finally:
        database.close()


class Showcall:
    """One running Showcall: collector -> evaluation -> acting, and the console beside them."""

    def __init__(
        self, configuration: Configuration, clock: Clock, lock: DataDirectoryLock, leader: Leadership
    ) -> None:
        settings = configuration.settings
        self.settings, self._clock, self._lock, self.leader = settings, clock, lock, leader
        self._catalog = configuration.catalog
        self.database = _database(configuration)
        self.database.upgrade()
        self.database.fence = leader if isinstance(leader, LeaderLock) else None
        self._evaluates_anew, self._acts_anew = leader.follower(), leader.follower()
        self._leading = NewestFirstLoop[None](
            "leader", lambda _: leader.look(), idle=LOOK_SECONDS, on_idle=leader.look
        )
        self._precedence = Precedence()
        self.shelf = _shelf(settings, self._precedence)
        self.remote = _remote(settings, clock)
        self.store = Store(
            keep=settings.metrics.keep,
            lookback=settings.metrics.lookback,
            limits=Limits(settings.metrics.max_steps, settings.metrics.max_samples),
            shelf=self.shelf,
            outlet=None if self.remote is None else self.remote.writing.write,
            push_outlet=None if self.remote is None else self.remote.writing.push,
        )
        self.asker = FaultlessAsker(self.store)
        self._giving_back = GivingBack()
        self._keeping = Keeping(self._keep)
        self.evaluator = Evaluator(
            rules=configuration.rules,
            topology=Topology.of(settings),
            asker=self.asker,
            append=self.store.append,
            database=self.database,
            held=LeasesInDatabase(self.database),
            quiet=settings.alerts.quiet,
            interval=settings.collector.interval,
        )
        self.run_loop = RunLoop(
            database=self.database,
            settings=settings.runbooks,
            catalog=configuration.catalog,
            levers=factory.build(settings.levers),
            asker=self.asker,
            incidents=IncidentsInDatabase(self.database),
            clock=clock,
        )
        self._evaluation = NewestFirstLoop[Round]("evaluation", self._evaluate)
        self._acting = NewestFirstLoop[Evaluated](
            "acting", self._act, idle=ACTING_IDLE_SECONDS, on_idle=self._act_without_facts
        )
        targets = sources.targets(settings.collector)
        self.evidence = self._evidence(configuration, sources.log_readers(targets))
        self.collector = ScrapeLoop(
            targets,
            interval=settings.collector.interval,
            append=self.store.append,
            push=self.store.push,
            on_round=self._evaluation.hand_over,
            clock=clock,
        )
        self.upkeep = Upkeep(
            settings, self.database, settings.data_dir / DATABASE_FILE, self._watched(), clock
        )
        self.actions = ActionsInDatabase(self.database, settings.levers)
        self._slack = outgoing.slack_channel(settings)
        self._replies = None if self._slack is None else PrivateReplies(self._slack)
        self.outgoing = Outgoing(
            self.database, self._channels(), self.actions, clock, self._replies, follower=leader.follower
        )
        self.web = WebServer(self._console_parts())
        self._stop_asked = threading.Event()

    def start(self) -> None:
        """Begin: first who acts, last who brings work."""
        self.web.start()
        self._keeping.start()
        if self.remote is not None:
            self.remote.start()
        if self.leader.trouble is not None:
            self._leading.start()
        self._acting.start()
        self._evaluation.start()
        self.collector.start()
        self.upkeep.start()
        self.outgoing.start()

    def take_signals(self) -> None:
        """SIGTERM and SIGINT ask for a stop. To call before the start: whoever sees us ready may stop us."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop_asked.set())

    def wait(self) -> None:
        """Until a signal asks for it, then stop in order."""
        self._stop_asked.wait()
        self.stop()

    def stop(self) -> None:
        """Acting, evaluation, collector, housekeeping, outbox, web, stores. Held levers keep their leases."""
        end = time.monotonic() + ALL_STOP_SECONDS

        def patience() -> float:
            return min(STOP_SECONDS, max(0.0, end - time.monotonic()))

        self._acting.stop(patience())
        self._evaluation.stop(patience())
        self.collector.stop(patience())
        self.evidence.stop(min(EVIDENCE_STOP_SECONDS, patience()))
        self.upkeep.stop(patience())
        self.outgoing.stop(patience())
        self.web.stop()
        if self.remote is not None:
            self.remote.stop(REMOTE_STOP_SECONDS)
        self._leading.stop(STOP_SECONDS)
        self._keeping.stop(STOP_SECONDS)
        self.shelf.write_ahead.close()
        self.database.close()
        self.leader.release()
        self._lock.release()

    def _keep(self) -> None:
        self._giving_back.turn()
        self.store.keep()

    def _evaluate(self, finished: Round) -> None:
        down = frozenset(report.target for report in finished.reports if not report.up)
        if self._evaluates_anew():
            self.evaluator.forget()
            self.evidence.forget()
        with self._precedence.taken():
            evaluation = self.evaluator.evaluate(finished.at, down | frozenset(finished.late))
        if evaluation.problem is not None:
            raise NotStoredError(evaluation.problem)
        self.evidence.follow(evaluation)
        self._acting.hand_over(Evaluated(finished.at, finished.lag))

    def _evidence(self, configuration: Configuration, logs: LogReaders) -> EvidenceTaking:
        captures = evidence_captures.captures(
            configuration.settings,
            configuration.rules,
            asker=self.asker,
            database=self.database,
            logs=logs,
            clock=self._clock,
        )
        topology = Topology.of(configuration.settings)
        choose = evidence_captures.chooser(configuration.rules, topology)
        return EvidenceTaking(captures, choose, database=self.database, clock=self._clock)

    def _act(self, evaluated: Evaluated) -> None:
        self._step(evaluated.at, max(evaluated.lag, self._clock() - evaluated.at))

    def _act_without_facts(self) -> None:
        """Nothing was evaluated for a while: leases and people's requests still need their turn."""
        self._step(self._clock(), ACTING_IDLE_SECONDS)

    def _step(self, at: float, lag: float) -> None:
        """Nothing is acted on while another Showcall may be: leases run out, or the other one renews them."""
        if self._acts_anew():
            self.run_loop.forget()
        if self.leader.leads:
            self.run_loop.step(at, lag)

    def _watched(self) -> Watched:
        return Watched(
            rules=lambda: self.evaluator.rules,
            targets=self.collector.statuses,
            series=lambda: self.store.series_count,
            store_bytes=lambda: self.shelf.size,
            store_troubles=lambda: self.shelf.troubles,
        )

    def _channels(self) -> tuple[Channel, ...]:
        """The ways out that are configured."""
        console = outgoing.console_address(self.settings.web)
        found = (self._slack, annotations.channel_of(self.settings, console))
        return tuple(channel for channel in found if channel is not None)

    def _slack_desk(self) -> SlackDesk:
        def nobody(_user: str, _text: str) -> None:
            """Without a token there is nobody to say it to."""

        return SlackDesk(
            sends=self._slack is not None,
            missing=outgoing.slack_missing(self.settings),
            signing_secret=credentials.signing_secret(self.settings.slack.signing_secret_file),
            say_privately=nobody if self._replies is None else self._replies.add,
        )

    def _console_parts(self) -> ConsoleParts:
        numbers = OwnNumbers(self._loop_reports, self.collector.statuses, lambda: self.store.series_count)
        return ConsoleParts(
            settings=self.settings,
            database=self.database,
            asker=self.asker,
            series=self.store,
            clock=self._clock,
            targets=self.collector.statuses,
            rules=lambda: self.evaluator.rules,
            loops=self.loop_health,
            jobs=self.upkeep.job_health,
            storage=self.upkeep.storage_health,
            leader=lambda: self.leader.trouble,
            own_metrics=own_metrics.page(
                numbers,
                ScrapeLoopNumbers(self.collector.health),
                StoreNumbers(self.shelf, self.store),
                self.upkeep.numbers,
                OutboxNumbers(self.outgoing.statuses, self.outgoing.counts),
                *([] if self.remote is None else [self.remote.numbers]),
            ),
            actions=self.actions,
            slack=self._slack_desk(),
            long_range=None if self.remote is None else self.remote.long_range(self.store, self.asker),
            remote=lambda: None if self.remote is None else self.remote.health(),
            onlooker=self._onlooker(),
            give_way=self._precedence.give_way,
        )

    def _onlooker(self) -> Onlooker:
        """Sees what the run loop sees, for the pages, without a handle on any lever."""
        return Onlooker(
            self.database,
            self.settings.runbooks,
            catalog=self._catalog,
            levers=self.settings.levers,
            asker=self.asker,
            incidents=IncidentsInDatabase(self.database),
        )

    def _loop_reports(self) -> tuple[LoopReport, ...]:
        inside = (self._evaluation.report(), self._acting.report(), self.upkeep.report())
        leading = () if self.leader.trouble is None else (self._leading.report(),)
        return (*inside, *self.outgoing.reports(), *leading)

    def loop_health(self) -> tuple[LoopHealth, ...]:
        """Every loop, for the health checks."""
        collector = LoopHealth("collector", self.collector.alive(self._clock()))
        evaluation, acting, housekeeping, *outbox = self._loop_reports()
        interval = self.settings.collector.interval
        web = LoopHealth("web", self.web.alive())
        store = LoopHealth("store", self._keeping.alive(), note=self._keeping.error)
        return (
            collector,
            store,
            *(() if self.remote is None else (self.remote.loop(),)),
            judged(evaluation, EVALUATION_LIMIT_SECONDS + interval, interval),
            judged(acting, ACTING_LIMIT_SECONDS),
            judged(housekeeping, upkeep.LIMIT_SECONDS),
            *(judged(report, outgoing.LIMIT_SECONDS) for report in outbox),
            web,
        )


def judged(report: LoopReport, limit: float, every: float = math.inf) -> LoopHealth:
    """A loop is dead when its thread has ended or its last good turn is too long ago.

    It is late when its last turn took longer than the time until work comes again (``every``, seconds).
    """
    fresh = report.age is not None and report.age <= limit
    starting = report.age is None and report.errors == 0
    failing = report.error_age is not None and report.error_age <= ERROR_SHOWN_SECONDS
    note = report.last_error if failing else ""
    late = f"a turn took {report.last_seconds:.1f} s of {every:g} s, {report.missed} were left out so far"
    return LoopHealth(
        report.name, report.running and (fresh or starting), report.age, note,
        report.turns, report.missed, report.errors, report.last_seconds,
        late if report.last_seconds > every else "",
    )  # fmt: skip


def end_on_sigterm() -> None:
    """SIGTERM ends the command as Ctrl-C does, so that everything it started is stopped in order."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
