"""What the machine itself did meanwhile: a drill on a host that gives its time to others measures them."""

import psutil

from stack.drills.result import MachineUse


class MachineMeter:
    """Processor time between its making and ``read``."""

    def __init__(self) -> None:
        self._began = psutil.cpu_times()

    def read(self) -> MachineUse:
        """Use since the meter was made."""
        now = psutil.cpu_times()
        spent = {field: getattr(now, field) - getattr(self._began, field) for field in now._fields}
        # Linux counts guests' time inside user time as well.
        total = sum(value for field, value in spent.items() if not field.startswith("guest")) or 1.0
        idle = spent["idle"] + spent.get("iowait", 0.0)
        steal = spent.get("steal", 0.0)
        return MachineUse(
            processors=psutil.cpu_count() or 1,
            busy_percent=100 * (total - idle - steal) / total,
            steal_percent=100 * steal / total,
        )
