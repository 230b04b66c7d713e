"""apscheduler's jobs on daemon threads: one that hangs does not keep the process from ending.

The pool that comes with apscheduler is joined when the interpreter ends, however long its work takes.
"""

import sys
import threading
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job


class DaemonThreads(BaseExecutor):  # type: ignore[misc]  # apscheduler has no types
    """At most so many jobs at a time, each on a thread of its own."""

    def __init__(self, at_once: int) -> None:
        super().__init__()
        self._free = threading.BoundedSemaphore(at_once)

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        threading.Thread(target=self._work, args=(job, run_times), name=f"job-{job.id}", daemon=True).start()

    def _work(self, job: Any, run_times: Any) -> None:
        with self._free:
            try:
                events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            except BaseException:
                self._run_job_error(job.id, *sys.exc_info()[1:])
            else:
                self._run_job_success(job.id, events)
