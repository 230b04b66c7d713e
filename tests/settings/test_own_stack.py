"""The configuration that people copy to watch a stack of their own is good as it stands."""

import shutil
from pathlib import Path

import configuration

ROOT = Path(__file__).parents[2]


def test_the_configuration_to_copy_passes_the_check_with_every_shipped_rule(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "alerts/rules", tmp_path / "alerts/rules")
    shutil.copytree(ROOT / "runbooks/catalog", tmp_path / "runbooks/catalog")
    shutil.copy(ROOT / "docs/own-stack/config.yaml", tmp_path / "my-stack.yaml")
    found = configuration.load(tmp_path / "my-stack.yaml")
    assert [runbook.name for runbook in found.catalog.runbooks] == ["trip_breaker"]
    assert found.settings.runbooks.mode == "observe"
    assert found.rules.groups
