"""The concert stack as local processes, without Docker and without root.

``up`` starts a supervisor, which starts Valkey, PostgreSQL and the concert service in that order, loads the
data, measures the capacity, and owns the three until ``down`` (or, when it was started for another process,
until that one is gone). Under the run folder:

- ``stack.json``: which process stands for which container, and the measured capacity (``state.py``)
- ``service.json``, ``postgres/*.password``: mode 0600; the role ``showcall`` may only look
- ``logs/``: ``concert``, ``concert-output``, ``redis``, ``database``, ``supervisor``; one run back as ``.1``
- ``postgres/cluster``: the data, kept for the next start; ``down(purge=True)`` removes them

*CPUs.* Service and PostgreSQL are pinned to the first CPU, the database behind the service by nice 10; Valkey
and the supervisor to the others. ``cpu.step_aside`` does the same for who watches or makes load.

*Root.* PostgreSQL refuses to run as root, so it then runs as ``nobody``. What that account cannot reach goes
to a folder under ``/var/tmp`` that the run folder remembers.

*Nothing left behind.* The kernel ends the three when the supervisor dies, however it dies (Linux). A pid is
never trusted without its start time. The stop order is service, Valkey, PostgreSQL, each with a deadline.
"""

from stack.local.errors import Fault, StackError
from stack.local.inspection import Condition, ProcessStatus, StackStatus, status
from stack.local.log_files import logs
from stack.local.progress import Progress, Step
from stack.local.starter import up
from stack.local.state import Capacity, ProcessRecord, StackState
from stack.local.stopper import down

__all__ = [
    "Capacity",
    "Condition",
    "Fault",
    "ProcessRecord",
    "ProcessStatus",
    "Progress",
    "StackError",
    "StackState",
    "StackStatus",
    "Step",
    "down",
    "logs",
    "status",
    "up",
]
