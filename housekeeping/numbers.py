"""The jobs' and the disk's numbers for /metrics, read when they are asked for."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from housekeeping.keeper import JobStatus
from housekeeping.storage import Storage


class HousekeepingNumbers(Collector):
    """Keeps nothing itself."""

    def __init__(self, jobs: Callable[[], Sequence[JobStatus]], storage: Callable[[], Storage]) -> None:
        self._jobs, self._storage = jobs, storage

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        storage = self._storage()
        yield GaugeMetricFamily("showcall_database_bytes", "With its log.", value=storage.database_bytes)
        yield GaugeMetricFamily("showcall_disk_free_bytes", "At data_dir.", value=storage.disk_free_bytes)
        yield from self._of_jobs()

    def _of_jobs(self) -> Iterator[Metric]:
        success = GaugeMetricFamily(
            "showcall_job_last_success_timestamp_seconds", "Unix seconds; 0: never.", labels=["job"]
        )
        seconds = GaugeMetricFamily("showcall_job_duration_seconds", "Of the last run.", labels=["job"])
        runs = CounterMetricFamily("showcall_job_runs", "By how they ended.", labels=["job", "outcome"])
        for status in self._jobs():
            name, state = status.job.name, status.state
            success.add_metric([name], state.succeeded_at or 0.0)
            seconds.add_metric([name], float("nan") if state.seconds is None else state.seconds)
            running = int(state.ended_at is None and state.started_at is not None)
            done = state.runs - state.failures - state.cut_short - running
            for outcome, count in {
                "done": done, "failed": state.failures, "cut_short": state.cut_short
            }.items():  # fmt: skip
                runs.add_metric([name, outcome], count)
        yield from (success, seconds, runs)
