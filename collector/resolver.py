"""Host names to addresses, bounded in time and in threads."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from collector.deadline import Deadline

Address = tuple[socket.AddressFamily, tuple[str, int]]
"""Family and (IP text, port)."""

Lookup = Callable[[str, int], list[Address]]

KEEP_SECONDS = 30.0


@dataclass(slots=True)
class _Pending:
    """A look-up that a thread is working on; nobody else asks for the same name meanwhile."""

    done: threading.Event
    addresses: list[Address]
    error: OSError | None = None


class Resolver:
    """Looks up names; an IP address needs no look-up.

    The system's resolver knows no deadline, so it works in a thread of its own: at most one per name, and a
    caller leaves at its deadline. Answers are kept for 30 s.
    """

    def __init__(self, lookup: Lookup | None = None) -> None:
        self._lookup = lookup or _system_lookup
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], _Pending] = {}
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    def resolve(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """All addresses, in the system's order. Raises socket.gaierror, TimeoutError."""
        literal = _literal(host, port)
        if literal:
            return [literal]
        key = (host, port)
        known = self._known.get(key)
        if known and known[0] > time.monotonic():
            return known[1]
        pending = self._ask(key)
        if not pending.done.wait(deadline.left()):
            raise TimeoutError(f"name {host} was not resolved within {deadline.given:g} s")
        if pending.error:
            raise pending.error
        return pending.addresses

    def _ask(self, key: tuple[str, int]) -> _Pending:
        with self._lock:
            pending = self._pending.get(key)
            if pending is None:
                pending = self._pending[key] = _Pending(threading.Event(), [])
                threading.Thread(target=self._work, args=(key, pending), name="resolve", daemon=True).start()
        return pending

    def _work(self, key: tuple[str, int], pending: _Pending) -> None:
        try:
            pending.addresses = self._lookup(*key)
            self._known[key] = (time.monotonic() + KEEP_SECONDS, pending.addresses)
        except OSError as error:
            pending.error = error
        except UnicodeError:
            pending.error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        finally:
            with self._lock:
                del self._pending[key]
            pending.done.set()


def _literal(host: str, port: int) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return family, (host, port)


def _system_lookup(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(socket.AddressFamily(family), (str(at[0]), int(at[1]))) for family, _, _, _, at in found]
