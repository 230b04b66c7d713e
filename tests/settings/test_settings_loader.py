from pathlib import Path

import pytest

from settings import ConfigError, load, load_with_source
from settings.schema import Settings

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_demo_runs_on_a_config_without_problems() -> None:
    settings = load(ROOT / "config.yaml")
    assert [target.name for target in settings.collector.targets][:2] == ["concert", "redis"]
    assert settings.levers[0].baseline == 1000.0


def test_what_is_not_written_keeps_its_default(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "name: theatre\n"))
    assert settings.name == "theatre"
    assert settings.collector == Settings().collector


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = """\
data_dir: var
collector:
  targets:
    - {name: db, kind: postgresql, port: 5432, user: u, password_file: secrets/db}
    - {name: containers, kind: local_processes, stack_file: /run/stack.json}
alerts: {rule_files: ['rules/*.yaml']}
"""
    settings = load(written(tmp_path, text))
    assert settings.data_dir == tmp_path / "var"
    assert settings.collector.targets[0].password_file == tmp_path / "secrets/db"
    assert settings.collector.targets[1].stack_file == Path("/run/stack.json")
    assert settings.alerts.rule_files == (str(tmp_path / "rules/*.yaml"),)
    assert settings.runbooks.catalog == tmp_path / "runbooks/catalog"
    assert settings.stack.run_dir == tmp_path / "stack/run"


def test_a_relative_name_of_the_file_makes_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "name: theatre\n")
    monkeypatch.chdir(tmp_path)
    assert load(Path("config.yaml")).data_dir == tmp_path / "var"


def test_problems_name_the_file_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "web: {port: x}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^config\.yaml:1: web\.port: "):
        load(Path("config.yaml"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:1: web.port: ")


def test_later_checks_get_the_document_with_its_lines(tmp_path: Path) -> None:
    text = "topology:\n  - name: pool\n    title: Pool\n    saturated: rat(up)\n"
    settings, source = load_with_source(written(tmp_path, text))
    assert settings.topology[0].saturated == "rat(up)"
    assert source.position(("topology", 0, "saturated")) == (4, 16)


def test_a_missing_config_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml: cannot be read: No such file or directory$"):
        load(tmp_path / "config.yaml")


def test_one_port_for_the_console_may_be_chosen_by_the_system(tmp_path: Path) -> None:
    assert load(written(tmp_path, "web: {port: 0}\n")).web.port == 0


def test_without_a_topology_components_are_not_looked_up(tmp_path: Path) -> None:
    text = "collector:\n  targets:\n    - {name: redis, kind: redis, port: 6379, component: cache}\n"
    assert load(written(tmp_path, text)).collector.targets[0].component == "cache"


def test_the_values_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().name = "other"
