"""Docs are part of the change: whatever a person can name has a place in them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import showcall
from settings.schema import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def shipped_rules() -> list[str]:
    found = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "alerts/rules").glob("*.yaml"))]
    return re.findall(r"- alert: (\w+)", "\n".join(found))


@pytest.mark.parametrize("rule", shipped_rules())
def test_every_shipped_rule_has_a_page(rule: str) -> None:
    assert (DOCS / "rules" / f"{rule}.md").is_file()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "runbooks/catalog").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_runbook_has_a_page_of_the_same_name(path: Path) -> None:
    assert path.with_suffix(".md").is_file() or (DOCS / "runbooks" / f"{path.stem}.md").is_file()


def configured_levers() -> list[str]:
    section = text("config.yaml").split("\nlevers:\n")[1].split("\nrunbooks:\n")[0]
    return re.findall(r"^ {2}- name: (\w+)", section, flags=re.MULTILINE)


@pytest.mark.parametrize("lever", configured_levers())
def test_every_lever_has_a_page(lever: str) -> None:
    assert (DOCS / "levers" / f"{lever}.md").is_file()


def setting_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in models_in(field.annotation):
            yield from setting_names(inner)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from models_in(inner)


@pytest.mark.parametrize("name", sorted(set(setting_names(Settings))))
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{name}`" in text("docs/settings.md")


COMMAND_LINE: Any = typer.main.get_command(showcall.app)


def commands(group: Any, before: str = "") -> list[str]:
    """All commands, as one types them."""
    found: list[str] = []
    for name in group.commands:
        each, typed = group.commands[name], f"{before}{name}"
        found += commands(each, f"{typed} ") if hasattr(each, "commands") else [typed]
    return sorted(found)


def test_the_commands_of_every_module_are_looked_at() -> None:
    assert {"run", "demo", "stack up", "dashboards push", "metrics import"} <= set(commands(COMMAND_LINE))


@pytest.mark.parametrize("command", commands(COMMAND_LINE))
def test_every_command_is_explained(command: str) -> None:
    assert re.search(rf"`showcall {command}\b", text("docs/commands.md"))


def own_metric_names() -> list[str]:
    return sorted(
        set(
            re.findall(
                r'"(showcall_[a-z_]+)"',
                text("own_metrics.py", "housekeeping/numbers.py", "remote_metrics.py"),
            )
        )
    )


@pytest.mark.parametrize("name", own_metric_names())
def test_every_metric_of_our_own_is_explained(name: str) -> None:
    assert f"`{name}`" in text("docs/metrics.md")


def rows_of_faults() -> dict[str, str]:
    """Each row of the table of faults by its id."""
    return dict(re.findall(r"^\| (F\d\d) \|(.*)$", text("docs/faults.md"), flags=re.MULTILINE))


def defined_tests() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}


@pytest.mark.parametrize("fault", sorted(rows_of_faults()))
def test_every_fault_that_is_told_names_tests_that_there_are(fault: str) -> None:
    row = rows_of_faults()[fault]
    named = set(re.findall(r"`(test_\w+)`", row))
    assert named - defined_tests() == set()
    assert all(name.startswith(f"test_{fault.lower()}_") for name in named)
    assert named or "Not to be had yet" in row


def test_every_fault_of_the_store_and_the_rules_is_told() -> None:
    wanted = {f"F{number}" for number in (*range(22, 32), 34)}
    assert wanted <= rows_of_faults().keys()


@pytest.mark.parametrize(
    "name", ["README.md", "ARCHITECTURE.md", *[str(path.relative_to(ROOT)) for path in DOCS.rglob("*.md")]]
)
def test_every_link_to_a_file_of_ours_leads_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_project_names_no_machine_and_no_registry() -> None:
    folders = "|".join(f"/{name}/" for name in ("root", "work"))
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for pattern in ("*.py", "*.md", "*.yaml", "*.toml", "Makefile", "*.lock", "*.sh")
        for path in ROOT.rglob(pattern)
        if not {".venv", "build", "var", "run"} & set(path.relative_to(ROOT).parts)
        for found in re.finditer(
            rf"{folders}|pypi\.org|pythonhosted|--index-url|--find-links", path.read_text("utf-8")
        )
        if path != Path(__file__)
    ]
    assert wrong == []
