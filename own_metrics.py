"""Showcall's own numbers: /metrics in Prometheus' text form, made anew at every request."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from alerts.outbox import Outcome
from alerts.outbox_channel_store import ChannelStatus
from collector.loop_state import ScrapeLoopHealth
from collector.round import TargetReport
from metrics import Store
from metrics.disk.damage import DamageKind
from metrics.disk.shelf import Shelf
from metrics.store import REFUSALS
from own_loops import LoopReport


class OwnNumbers(Collector):
    """Reads the live parts when it is asked; keeps nothing itself."""

    def __init__(
        self,
        loops: Callable[[], Sequence[LoopReport]],
        targets: Callable[[], Sequence[TargetReport]],
        series: Callable[[], int],
    ) -> None:
        self._loops, self._targets, self._series = loops, targets, series

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        build = GaugeMetricFamily("showcall_build_info", "Always 1.", labels=["python"])
        build.add_metric([platform.python_version()], 1.0)
        yield build
        yield GaugeMetricFamily("showcall_series", "Series in the store.", value=self._series())
        yield from self._of_targets()
        yield from self._of_loops()

    def _of_targets(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("showcall_target_up", "1 when the last look succeeded.", labels=["target"])
        for report in self._targets():
            up.add_metric([report.target], float(report.up))
        yield up

    def _of_loops(self) -> Iterator[Metric]:
        turns = CounterMetricFamily("showcall_loop_turns", "Good turns.", labels=["loop"])
        missed = CounterMetricFamily("showcall_loop_missed", "Handed over and not begun.", labels=["loop"])
        errors = CounterMetricFamily("showcall_loop_errors", "Turns that failed.", labels=["loop"])
        seconds = GaugeMetricFamily("showcall_loop_turn_seconds", "Length of the last.", labels=["loop"])
        age = GaugeMetricFamily("showcall_loop_age_seconds", "Since the last good turn.", labels=["loop"])
        for report in self._loops():
            name = [report.name]
            turns.add_metric(name, report.turns)
            missed.add_metric(name, report.missed)
            errors.add_metric(name, report.errors)
            seconds.add_metric(name, report.last_seconds)
            age.add_metric(name, float("nan") if report.age is None else report.age)
        yield from (turns, missed, errors, seconds, age)


class ScrapeLoopNumbers(Collector):
    """How the scrape loop keeps time."""

    def __init__(self, health: Callable[[], ScrapeLoopHealth]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        now = self._health()
        counts = {
            "showcall_scrape_rounds": ("Rounds closed.", now.rounds),
            "showcall_scrape_missed_ticks": ("Rounds left out.", now.missed_ticks),
            "showcall_scrape_missed_looks": ("Looks at targets left out.", now.missed_scrapes),
            "showcall_scrape_late_reports": ("Reports missing at a round's end.", now.late_reports),
            "showcall_scrape_skipped_rounds": ("Rounds not evaluated.", now.skipped_rounds),
            "showcall_scrape_round_errors": ("Rounds whose hand-over raised.", now.round_errors),
        }
        for name, (text, count) in counts.items():
            yield CounterMetricFamily(name, text, value=count)
        yield GaugeMetricFamily("showcall_scrape_workers", "Threads that look at targets.", value=now.workers)
        yield GaugeMetricFamily("showcall_scrape_hanging_targets", "Looks that hang.", value=now.hanging)


class StoreNumbers(Collector):
    """What the store keeps on disk, and what was in the way of it."""

    def __init__(self, shelf: Shelf, store: Store) -> None:
        self._shelf, self._store = shelf, store

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        written = self._shelf.write_ahead.numbers
        counts = {
            "showcall_store_rows_written": ("Rows written ahead.", written.rows),
            "showcall_store_bytes_written": ("Bytes written ahead.", written.bytes),
            "showcall_store_rows_unwritten": ("Rows kept in memory alone.", written.unwritten_rows),
            "showcall_store_write_failures": ("Writes and syncs that failed.", written.failures),
            "showcall_store_syncs": ("Files made safe against power loss.", written.syncs),
            "showcall_store_rows_recalled": ("Rows read back at the start.", self._shelf.rows_recalled),
            "showcall_store_blocks_sealed": ("Blocks sealed.", self._shelf.blocks_sealed),
            "showcall_store_blocks_merged": ("Blocks merged from smaller ones.", self._shelf.merging.merged),
            "showcall_store_clock_set_back": ("Clocks of origins set back.", self._store.clock_set_back),
        }
        for name, (text, count) in counts.items():
            yield CounterMetricFamily(name, text, value=count)
        refused = CounterMetricFamily(
            "showcall_store_samples_refused", "Stamped samples that were not taken.", labels=["reason"]
        )
        for reason in REFUSALS:
            refused.add_metric([reason], self._store.refused.get(reason, 0))
        yield refused
        damage = CounterMetricFamily("showcall_store_damage", "Pieces of files left out.", labels=["kind"])
        for kind in DamageKind:
            damage.add_metric([kind.value], self._shelf.damage.get(kind, 0))
        yield damage
        yield GaugeMetricFamily("showcall_store_bytes", "Of all files of the store.", value=self._shelf.size)
        sealed = self._shelf.blocks
        yield GaugeMetricFamily("showcall_store_blocks", "Sealed blocks.", value=len(sealed.files))
        yield GaugeMetricFamily("showcall_store_block_bytes", "Of sealed blocks.", value=sealed.size)
        trouble = float(bool(self._shelf.troubles))
        yield GaugeMetricFamily("showcall_store_degraded", "1 while samples are not written.", value=trouble)


class OutboxNumbers(Collector):
    """What waits to be told, and what came of the attempts."""

    def __init__(
        self,
        statuses: Callable[[], Sequence[ChannelStatus]],
        counts: Callable[[], Mapping[str, Mapping[Outcome, int]]],
    ) -> None:
        self._statuses, self._counts = statuses, counts

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        pending = GaugeMetricFamily("showcall_outbox_pending", "Deliveries that wait.", labels=["channel"])
        dead = GaugeMetricFamily("showcall_outbox_dead", "Deliveries given up.", labels=["channel"])
        blocked = GaugeMetricFamily("showcall_outbox_blocked", "1 while refused.", labels=["channel"])
        for status in self._statuses():
            name = [status.channel.name]
            pending.add_metric(name, status.pending)
            dead.add_metric(name, status.dead)
            blocked.add_metric(name, float(status.channel.blocked_at is not None))
        attempts = CounterMetricFamily(
            "showcall_notifications", "Attempts by outcome.", labels=["channel", "outcome"]
        )
        for channel, counted in self._counts().items():
            for outcome in Outcome:
                attempts.add_metric([channel, outcome.value], counted.get(outcome, 0))
        yield from (pending, dead, blocked, attempts)


def page(*numbers: Collector) -> Callable[[], bytes]:
    """What renders /metrics."""
    registry = CollectorRegistry()
    for each in numbers:
        registry.register(each)
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)
