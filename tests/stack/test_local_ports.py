import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stack.config import StackConfig
from stack.local.errors import StackError
from stack.local.ports import require_free_ports
from tests.stack.service_rig import free_port


def config_with(**ports: int) -> StackConfig:
    free = StackConfig(Path("unused"), "127.0.0.1", free_port(), free_port(), free_port(), free_port())
    return replace(free, **ports)  # type: ignore[arg-type]  # every field named here is a port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_free_ports_are_no_problem() -> None:
    require_free_ports(config_with())


def test_a_foreign_process_on_a_port_is_named_with_its_pid_and_the_key_of_the_port(taken: int) -> None:
    with pytest.raises(StackError) as raised:
        require_free_ports(config_with(postgres_port=taken))
    text = str(raised.value)
    assert text.startswith(f"stack.postgres_port: port {taken} is taken by ")
    assert f"(pid {os.getpid()})" in text
    assert "wanted a free port" in text


def test_every_taken_port_is_named_at_once(taken: int) -> None:
    with pytest.raises(StackError) as raised:
        require_free_ports(config_with(service_port=taken, valkey_port=taken))
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "stack.service_port, stack.valkey_port",
        "stack.service_port",
        "stack.valkey_port",
    ]


def test_a_connection_that_ended_a_moment_ago_does_not_hold_its_port() -> None:
    port = free_port()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    require_free_ports(config_with(service_port=port))
