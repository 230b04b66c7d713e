"""Whether the stack's ports are free, and if not, who has them."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil

from stack.config import StackConfig
from stack.local.errors import Fault, refuse_if_any
from stack.local.process_identity import name_of

LOOPBACK = "127.0.0.1"


def require_free_ports(config: StackConfig) -> None:
    """Every port of the stack can be listened on.

    Raises:
        StackError: names every port that is taken or given twice, with its config key and who has it.
    """
    refuse_if_any([*_given_twice(config), *_taken(config)])


def _wanted(config: StackConfig) -> dict[str, tuple[str, int]]:
    return {
        "stack.service_port": (config.host, config.service_port),
        "stack.management_port": (config.host, config.management_port),
        "stack.valkey_port": (LOOPBACK, config.valkey_port),
        "stack.postgres_port": (LOOPBACK, config.postgres_port),
    }


def _given_twice(config: StackConfig) -> Iterator[Fault]:
    wanted = _wanted(config)
    counts = Counter(port for _, port in wanted.values())
    for port, count in counts.items():
        if count > 1:
            keys = ", ".join(key for key, (_, given) in wanted.items() if given == port)
            yield Fault(keys, f"{port} is given {count} times", "a port for each", "Change config.yaml.")


def _taken(config: StackConfig) -> Iterator[Fault]:
    for key, (host, port) in _wanted(config).items():
        if not is_free(host, port):
            advice = "Stop that process, or choose another port in config.yaml."
            yield Fault(key, f"port {port} is taken by {holder_of(port)}", "a free port", advice)


def is_free(host: str, port: int) -> bool:
    """Whether this address can be listened on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that ended a moment ago must not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Who listens on a port, e.g. ``nginx (pid 812)``; other users' processes may not be visible to us."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            address = connection.laddr or None
            listens = connection.status == psutil.CONN_LISTEN and address and address.port == port
            if listens and connection.pid:
                return f"{name_of(connection.pid) or 'a process'} (pid {connection.pid})"
    return "a process that the system does not show us"
