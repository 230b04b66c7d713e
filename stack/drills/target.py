"""Where the stack is that a drill is played on."""

from dataclasses import dataclass
from pathlib import Path

from stack.config import StackConfig
from stack.load.http_client import Address
from stack.local import state
from stack.local.errors import Fault, StackError
from stack.local.layout import Layout
from stack.local.state import Capacity

_ADVICE = "Start the stack: it measures its capacity when it comes up."


@dataclass(frozen=True, slots=True)
class StackUnderDrill:
    """The two ports of the stack, its measured capacity, and the service's log (None where elsewhere)."""

    service: Address
    management: Address
    capacity: Capacity
    log_file: Path | None = None


def running_stack(config: StackConfig) -> StackUnderDrill:
    """The stack that runs on this machine.

    Raises:
        StackError: there is none, or its capacity was not measured.
    """
    layout = Layout(config.run_dir)
    found = state.read(layout)
    if found is None:
        raise StackError(Fault(str(layout.state), "no such file", "the state of a running stack", _ADVICE))
    if found.capacity is None:
        raise StackError(Fault(str(layout.state), "no capacity", "the measured capacity", _ADVICE))
    return StackUnderDrill(
        service=Address(config.host, config.service_port),
        management=Address(config.host, config.management_port),
        capacity=found.capacity,
        log_file=layout.log("concert"),
    )
