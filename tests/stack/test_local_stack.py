"""The whole stack with few seats and a stand-in for the service, as real processes."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from stack.config import StackConfig
from stack.local import Capacity, Condition, StackError, StackState, Step, dataset, down, status, up
from stack.local.capacity import Measurement, calibrate
from stack.local.layout import Layout
from stack.local.process_identity import ProcessIdentity, is_alive, tree
from tests.stack.service_rig import eventually

STAND_IN = (sys.executable, str(Path(__file__).with_name("local_stand_in_service.py")))
SEATS = 30_010


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@dataclass
class Stack:
    """A stack of one run folder; its data are kept from test to test."""

    config: StackConfig
    steps: list[Step] = field(default_factory=list)

    def up(self, supervised_by: int | None = None, *options: str) -> StackState:
        self.steps.clear()
        command = (*STAND_IN, *options)
        return up(self.config, self.steps.append, supervised_by, service_command=command, measure=False)

    def down(self) -> None:
        down(self.config.run_dir, self.steps.append)

    def condition(self) -> Condition:
        return status(self.config.run_dir).condition

    def said(self) -> str:
        return "\n".join(str(step) for step in self.steps)

    def connect(self, role: str) -> psycopg.Connection[tuple[object, ...]]:
        password = (self.config.run_dir / "postgres" / f"{role}.password").read_text(encoding="utf-8").strip()
        address = {"host": "127.0.0.1", "port": self.config.postgres_port, "dbname": "concert"}
        return psycopg.connect(**address, user=role, password=password, autocommit=True)  # type: ignore[arg-type]

    def ask(self, role: str, query: str) -> list[tuple[object, ...]]:
        with self.connect(role) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    service, management, valkey, postgres = free_ports(4)
    run_dir = tmp_path_factory.mktemp("run")
    config = StackConfig(run_dir, "127.0.0.1", service, management, valkey, postgres, seats=SEATS)
    stack = Stack(config)
    yield stack
    down(run_dir, stack.steps.append, purge=True)


@pytest.fixture
def stack(made: Stack) -> Iterator[Stack]:
    """A stack that is down, before and after."""
    made.down()
    yield made
    made.down()
    assert made.condition() is Condition.DOWN


@pytest.fixture
def running(made: Stack) -> Stack:
    """The stack, running; whoever needs it down takes it down."""
    made.up()
    return made


def all_identities(state: StackState) -> list[ProcessIdentity]:
    """The supervisor and everything below it: also PostgreSQL's own processes."""
    found = []
    for process in tree(state.supervisor):
        with suppress(psutil.NoSuchProcess):
            found.append(ProcessIdentity(process.pid, process.create_time()))
    assert len(found) > 4
    return found


def nothing_is_left_of(identities: list[ProcessIdentity]) -> Callable[[], bool]:
    return lambda: not any(is_alive(each) for each in identities)


def test_a_started_stack_says_which_process_stands_for_which_container(stack: Stack) -> None:
    state = stack.up()
    config = stack.config
    assert {record.name: record.ports for record in state.processes} == {
        "redis": (config.valkey_port,),
        "database": (config.postgres_port,),
        "concert": (config.service_port, config.management_port),
    }
    assert all(is_alive(record.identity) for record in state.processes)
    written = json.loads((config.run_dir / "stack.json").read_text(encoding="utf-8"))
    assert written["processes"][0]["pid"] == state.processes[0].identity.pid

    shown = status(config.run_dir)
    assert shown.condition is Condition.RUNNING
    assert [process.name for process in shown.processes] == ["redis", "database", "concert", "supervisor"]
    assert all(process.alive and process.memory_bytes for process in shown.processes)


def test_starting_a_running_stack_again_changes_nothing_and_is_fine(running: Stack) -> None:
    before = running.up()
    assert running.up() == before
    assert "runs already" in running.said()


def test_starting_a_running_stack_with_other_settings_says_what_differs(running: Stack) -> None:
    other = replace(running.config, profile="improved", seats=75)
    with pytest.raises(StackError) as raised:
        up(other, running.steps.append, service_command=STAND_IN, measure=False)
    assert "stack.profile: runs with published, wanted improved" in str(raised.value)
    assert f"stack.seats: runs with {SEATS}, wanted 75" in str(raised.value)


def test_passwords_and_what_holds_them_are_for_their_owner_only(running: Stack) -> None:
    secret = [running.config.run_dir / "service.json", *running.config.run_dir.glob("postgres/*.password")]
    assert len(secret) == 4
    for path in secret:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_uid == os.geteuid()
    password = secret[-1].read_text(encoding="utf-8").strip()
    for log in (running.config.run_dir / "logs").iterdir():
        assert password not in log.read_text(encoding="utf-8")


def test_the_watchers_role_may_look_at_statistics_and_at_nothing_else(running: Stack) -> None:
    assert running.ask("showcall", "SELECT count(*) > 0 FROM pg_stat_activity") == [(True,)]
    assert running.ask("showcall", "SELECT count(*) >= 0 FROM pg_stat_statements") == [(True,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        running.ask("showcall", "SELECT * FROM seats")


def test_a_wrong_password_is_refused(running: Stack) -> None:
    port = running.config.postgres_port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=port, user="concert", password="x", dbname="concert")


def test_the_data_are_those_of_the_sale(running: Stack) -> None:
    counts = "SELECT (SELECT count(*) FROM concerts), (SELECT count(*) FROM schedules), "
    counts += (
        "(SELECT count(*) FROM members), (SELECT count(*) FROM seats), (SELECT count(DISTINCT id) FROM seats)"
    )
    assert running.ask("concert", counts) == [(10_000, 20_000, 30_000, SEATS, SEATS)]
    dates = "SELECT s.id, count(*) FROM schedules s JOIN seats ON schedule_id = s.id WHERE concert_id = 451"
    assert running.ask("concert", dates + " GROUP BY s.id ORDER BY s.id") == [(901, 2), (902, 2)]
    indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'seats'"
    assert running.ask("concert", indexes) == [("seats_pkey",)]
    for setting, value in (
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("shared_buffers", "512MB"),
    ):
        assert running.ask("concert", f"SHOW {setting}") == [(value,)]


def test_loaded_data_are_used_again_and_reservations_are_taken_back(stack: Stack) -> None:
    stack.up()
    made = stack.ask("concert", "SELECT pg_relation_filenode('seats')")
    with stack.connect("concert") as connection:
        connection.execute("UPDATE seats SET reserved_by = 7 WHERE number = 1 AND schedule_id < 100")
    stack.down()
    stack.up()
    assert f"already loaded: {SEATS:,} seats, 99 reservations taken back" in stack.said()
    assert stack.ask("concert", "SELECT pg_relation_filenode('seats')") == made


def test_the_improved_profile_has_the_index_and_uses_the_same_data(stack: Stack) -> None:
    stack.up()
    stack.down()
    published = stack.config
    try:
        stack.config = replace(published, profile="improved")
        stack.up()
        assert "already loaded" in stack.said()
        found = stack.ask("concert", "SELECT indexname FROM pg_indexes WHERE tablename = 'seats' ORDER BY 1")
        assert found == [("seats_pkey",), ("seats_schedule",)]
        stack.down()
    finally:
        stack.config = published


def test_another_number_of_seats_in_the_config_loads_anew(stack: Stack) -> None:
    stack.up()
    stack.down()
    before = stack.config
    try:
        stack.config = replace(before, seats=40_000)
        stack.up()
        assert stack.ask("concert", "SELECT count(*) FROM seats") == [(40_000,)]
        stack.down()
    finally:
        stack.config = before


def test_the_number_of_seats_follows_the_measured_capacity(stack: Stack) -> None:
    before = stack.config
    engine = dataset.engine_for(Layout(before.run_dir), before)

    def calibrated(*rates: float) -> Capacity:
        looks = iter(Measurement(rate, 0.5, 0.0) for rate in rates)
        return calibrate(engine, stack.config, lambda: next(looks), lambda: datetime.now(UTC), print)

    try:
        stack.config = replace(before, seats=200_000)
        stack.up()
        grown = calibrated(9.7, 4.85)
        assert (grown.seats, grown.queries_per_second, grown.ok) == (400_000, 4.85, True)
        assert stack.ask("concert", "SELECT count(DISTINCT id) FROM seats") == [(400_000,)]
        shrunk = calibrated(2.91, 4.85)
        assert (shrunk.seats, shrunk.queries_per_second, shrunk.ok) == (240_000, 4.85, True)
        assert stack.ask("concert", "SELECT count(DISTINCT id) FROM seats") == [(240_000,)]
        hopeless = calibrated(1.0, 1.0)
        assert (hopeless.seats, hopeless.ok) == (200_000, False)
        assert hopeless.reason is not None
        assert "the number of seats is at its bound" in hopeless.reason
        stack.down()
    finally:
        stack.config = before


def test_stopping_leaves_no_process_and_stopping_again_is_fine(stack: Stack) -> None:
    left = all_identities(stack.up())
    stack.down()
    assert nothing_is_left_of(left)()
    stack.down()
    assert stack.condition() is Condition.DOWN


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_killing_the_supervisor_leaves_nothing_and_the_next_start_clears_up(stack: Stack) -> None:
    state = stack.up()
    left = all_identities(state)
    os.kill(state.supervisor.pid, signal.SIGKILL)
    eventually(nothing_is_left_of(left))
    assert stack.condition() is Condition.STALE
    stack.up()
    assert "clearing away an earlier run" in stack.said()
    assert stack.condition() is Condition.RUNNING


def test_the_stack_ends_with_the_process_that_it_was_started_for(stack: Stack) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    left = all_identities(stack.up(supervised_by=owner.pid))
    owner.kill()
    owner.wait()
    eventually(nothing_is_left_of(left))
    eventually(lambda: stack.condition() is Condition.DOWN)


def test_killing_the_starter_in_the_middle_of_a_start_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    # What it was told at its last start is the same for this one.
    stack.up()
    stack.down()
    script = tmp_path / "start.py"
    script.write_text(
        "from pathlib import Path\nfrom stack.local import launch, up\n"
        "from stack.local.layout import Layout\n"
        f"told = launch.read(Layout(Path({str(stack.config.run_dir)!r})))\n"
        "command = told.service_command\n"
        "up(told.config, lambda step: print(step, flush=True), service_command=command, measure=False)\n",
        encoding="utf-8",
    )
    starter = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert starter.stdout is not None
    while "database: starting" not in starter.stdout.readline():
        assert starter.poll() is None
    left = [
        ProcessIdentity(child.pid, child.create_time())
        for child in psutil.Process(starter.pid).children(recursive=True)
    ]
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert left
    eventually(nothing_is_left_of(left))


def test_a_service_that_does_not_start_is_named_with_its_log_and_all_else_is_stopped(stack: Stack) -> None:
    with pytest.raises(StackError) as raised:
        stack.up(None, "--fail")
    text = str(raised.value)
    assert text.startswith("concert: ended with exit code 3 while starting, wanted an answer on port ")
    assert "the stand-in was told to fail" in text
    assert stack.condition() is Condition.DOWN
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", stack.config.valkey_port), timeout=1)


def test_a_foreign_process_on_a_port_stops_the_start_before_anything_runs(stack: Stack) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", stack.config.postgres_port))
        listener.listen()
        with pytest.raises(StackError, match=r"stack\.postgres_port: port \d+ is taken by .*\(pid"):
            stack.up()
    assert stack.steps == []


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(stack: Stack) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    stack.up()
    path = stack.config.run_dir / "stack.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    stack.down()
    for process in (body["supervisor"], *body["processes"]):
        process |= {"pid": bystander.pid, "startTime": process["startTime"] - 60}
    path.write_text(json.dumps(body), encoding="utf-8")

    assert stack.condition() is Condition.STALE
    stack.up()
    stack.down()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_stack_in_which_something_died_is_half_started_until_it_is_stopped(stack: Stack) -> None:
    state = stack.up()
    redis = next(record for record in state.processes if record.name == "redis")
    os.kill(redis.identity.pid, signal.SIGKILL)
    eventually(lambda: stack.condition() is Condition.HALF_STARTED)
    shown = status(stack.config.run_dir)
    assert "redis ended by itself" in shown.reason
    assert [process.alive for process in shown.processes] == [False, True, True, True]
    with pytest.raises(StackError, match=r"half-started: redis ended by itself.*showcall stack down"):
        stack.up()
