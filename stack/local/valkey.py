"""The Valkey server that stands for the stack's Redis."""

import socket
from collections.abc import Sequence
from contextlib import suppress

from stack.config import StackConfig
from stack.local.child import ChildSpec, environment
from stack.local.cpu import CpuPlan
from stack.local.layout import Layout
from stack.local.ports import LOOPBACK
from stack.local.wheels import valkey_server

CONTAINER_BYTES = 268_435_456
# At most 70 % of the container: client buffers need the rest. Nothing may be evicted, the waiting queue lives
# here.
_MAXMEMORY = "167772160"


def child(layout: Layout, config: StackConfig, cpus: CpuPlan) -> ChildSpec:
    """How to start Valkey: nothing on disk, memory bounded, loopback only."""
    layout.valkey.mkdir(parents=True, exist_ok=True)
    return ChildSpec(
        argv=[str(valkey_server()), *_options(layout, config)],
        log=layout.log("redis"),
        cwd=layout.valkey,
        environment=environment(),
        cpus=cpus.others,
    )


def _options(layout: Layout, config: StackConfig) -> Sequence[str]:
    options = {
        "--bind": LOOPBACK,
        "--port": str(config.valkey_port),
        "--protected-mode": "yes",
        "--daemonize": "no",
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": _MAXMEMORY,
        "--maxmemory-policy": "noeviction",
        "--dir": str(layout.valkey),
        "--logfile": "",
    }
    return [word for pair in options.items() for word in pair]


def answers(config: StackConfig) -> bool:
    """Whether Valkey answers a PING."""
    with (
        suppress(OSError),
        socket.create_connection((LOOPBACK, config.valkey_port), timeout=1.0) as connection,
    ):
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
