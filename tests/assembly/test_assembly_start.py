"""Starting: what is in the way is said in plain words, with an exit code, and without a stack trace."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import assembly
import configuration
from tests.assembly.assembly_rig import InProcess, Typed, ended
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import wall_clock

EXIT_PROBLEM, EXIT_USAGE = 1, 2


def said_plainly(text: str) -> str:
    assert "Traceback" not in text
    return text


def refusal(site: Site) -> str:
    """Why a Showcall cannot be built."""
    with pytest.raises(assembly.StartError) as refused:
        assembly.build(configuration.load(site.write()), wall_clock)
    return str(refused.value)


def test_f28_a_second_showcall_on_the_same_data_directory_is_refused(
    site: Site, run_here: Callable[[], InProcess]
) -> None:
    first = run_here()
    second = ended("run", "--config", str(site.config_file))
    assert second.returncode == EXIT_PROBLEM
    text = said_plainly(second.stderr)
    assert f"data_dir {site.data_dir}: already used by another Showcall (pid " in text
    assert first.console.status("/-/healthy") == 200


def test_a_port_of_the_console_that_is_taken_is_named(site: Site, typed: Typed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.config["web"]["port"] = str(port)
        code, _, error = typed("run", "--config", str(site.write()))
    assert code == EXIT_PROBLEM
    assert f"web.port: 127.0.0.1:{port} cannot be used" in said_plainly(error)


def test_a_start_that_failed_lets_the_data_directory_go(
    site: Site, run_here: Callable[[], InProcess]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.config["web"]["port"] = str(taken.getsockname()[1])
        assert "web.port" in refusal(site)
    site.config["web"]["port"] = "0"
    assert run_here().console.status("/-/healthy") == 200


def test_a_data_directory_that_cannot_be_made_is_named(site: Site) -> None:
    site.data_dir.write_text("a file is in the way")
    assert f"data_dir {site.data_dir}: cannot be written to" in refusal(site)


def test_a_database_file_that_is_no_database_is_named(site: Site) -> None:
    site.data_dir.mkdir()
    site.database_file.write_bytes(b"this is no database at all\n" * 200)
    assert f"{site.database_file}: the database cannot be used" in refusal(site)


@pytest.mark.parametrize("command", ["check", "run"])
def test_f36_what_is_wrong_in_rules_and_runbooks_is_said_at_once_with_file_and_line(
    command: str, site: Site
) -> None:
    site.write()
    unclosed, duration = site.folder / "unclosed.yaml", site.folder / "duration.yaml"
    unclosed.write_text("groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(up\n")
    duration.write_text(
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up\n        for: 5 minutes\n"
    )
    site.config_file.write_text(
        "data_dir: data\nweb:\n  port: 0\nrunbooks:\n  catalog: catalog\n"
        "alerts:\n  rule_files:\n    - no_such_file.yaml\n    - unclosed.yaml\n    - duration.yaml\n"
    )
    (site.folder / "catalog" / "throttle_queue.md").unlink()
    refused = ended(command, "--config", str(site.config_file))
    assert refused.returncode == EXIT_USAGE
    text = said_plainly(refused.stderr)
    assert f"{site.config_file}:8: alerts.rule_files[0]: 'no_such_file.yaml' matches no file" in text
    assert f"{unclosed}:5: " in text
    assert f"{duration}:6: groups[0].rules[0].for: '5 minutes' is not a duration" in text
    assert "has no page: throttle_queue.md is not beside it" in text
    assert not site.data_dir.exists()


def test_f35_values_that_are_wrong_are_said_at_once_with_their_lines(tmp_path: Path, typed: Typed) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("name: x\nwebb:\n  port: 1\ncollector:\n  interval: 5 minutes\n  timeout: -1s\n")
    code, _, error = typed("run", "--config", str(config))
    assert code == EXIT_USAGE
    text = said_plainly(error)
    for line in (2, 5, 6):
        assert f"{config}:{line}: " in text
    assert "collector.interval: '5 minutes' is not a duration (want e.g. 500ms, 30s, 5m)" in text


def test_a_good_configuration_is_said_to_be_good(site: Site, typed: Typed) -> None:
    code, said, error = typed("check", "--config", str(site.write()))
    assert (code, error) == (0, "")
    assert f"{site.config_file}: good. 2 targets" in said.replace("\n", "")
    assert not site.data_dir.exists()


def test_asking_for_the_health_of_a_showcall_that_does_not_run_is_exit_code_2(
    site: Site, typed: Typed
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        site.config["web"]["port"] = str(free.getsockname()[1])
    code, _, error = typed("health", "--config", str(site.write()))
    assert code == EXIT_USAGE
    assert "no answer from http://127.0.0.1:" in said_plainly(error)
