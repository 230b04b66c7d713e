"""The images' recipes, as far as they can be judged without building them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.compose_rig import ROOT, copied_sources, instructions

SERVICE = ROOT / "stack" / "Dockerfile"
SHOWCALL = ROOT / "Dockerfile"
LOCK = ROOT / "stack" / "requirements.lock"

both = pytest.mark.parametrize("dockerfile", [SERVICE, SHOWCALL], ids=["service", "showcall"])

# Refuses every installed package that is not in the lock, then imports what the image runs.
ONLY_WHAT_IS_LOCKED = """
import importlib.metadata, re, sys
name = lambda text: re.sub("[-_.]+", "-", text).lower()
locked = set(sys.argv[1].split(","))
homes = importlib.metadata.packages_distributions()
left_out = {top for top, found in homes.items() if not {name(one) for one in found} & locked}
class Refuse:
    def find_spec(self, top, path=None, target=None):
        if top in left_out and top != "stack":
            raise ModuleNotFoundError(f"not in the image: {top}", name=top)
sys.meta_path.insert(0, Refuse())
import stack, stack.service.__main__, stack.service.prepare
print(stack.__file__)
"""


def blocks(lock: Path) -> dict[str, str]:
    """Each pinned package with its hashes, by name."""
    found = re.split(r"(?m)^(?=[a-z0-9])", lock.read_text("utf-8"))
    return {re.split("[ =]", block)[0]: block.strip() for block in found if block.strip() and block[0] != "#"}


@both
def test_everything_that_is_copied_exists(dockerfile: Path) -> None:
    assert [source for source in copied_sources(dockerfile) if not (ROOT / source).exists()] == []


@both
def test_the_image_runs_as_nobody_special(dockerfile: Path) -> None:
    users = [rest for word, rest in instructions(dockerfile) if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])


@both
def test_stages_begin_at_a_fixed_version_and_the_last_one_has_a_health_check(dockerfile: Path) -> None:
    words = instructions(dockerfile)
    stages = [rest for word, rest in words if word == "FROM"]
    assert len(stages) == 2
    assert all(re.match(r"python:3\.\d+\.\d+-slim-\w+( AS build)?$", stage) for stage in stages)
    last = [word for word, _ in words][[word for word, _ in words].index("FROM", 1) :]
    assert {"HEALTHCHECK", "USER", "CMD", "EXPOSE"} <= set(last)


@both
def test_packages_come_with_their_hashes_and_nothing_is_fetched_otherwise(dockerfile: Path) -> None:
    text = dockerfile.read_text("utf-8")
    assert "--require-hashes" in text
    assert not re.search(r"\b(ADD|curl|wget|apt-get)\b", text)


def test_the_services_lock_is_a_part_of_the_projects() -> None:
    whole, part = blocks(ROOT / "requirements.lock"), blocks(LOCK)
    assert {name: block for name, block in part.items() if whole.get(name) != block} == {}
    wanted = [line for line in (ROOT / "stack/requirements.in").read_text("utf-8").split() if "#" not in line]
    assert wanted
    assert {re.split(r"\[", name)[0] for name in wanted if re.match("[a-z]", name)} & set(part)


def test_the_service_needs_only_what_its_image_has(tmp_path: Path) -> None:
    for source in copied_sources(SERVICE):
        if source.startswith("stack/") and source != "stack/requirements.lock":
            target = tmp_path / source
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target)
            else:
                shutil.copy(ROOT / source, target)
    asked = subprocess.run(
        [sys.executable, "-c", ONLY_WHAT_IS_LOCKED, ",".join(blocks(LOCK))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.strip() == str(tmp_path / "stack" / "__init__.py"), asked.stderr[-2000:]


def test_showcalls_image_takes_every_part_of_the_program() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    taken = {line.removeprefix("!/") for line in ignored if line.startswith("!/")}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    packages = re.search(r"include = \[([^\]]+)\]", project)
    assert packages is not None
    assert {name.strip(' "*') for name in packages[1].split(",")} <= taken
    assert {"*.py", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"} <= taken
