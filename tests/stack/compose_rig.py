"""The files of the stack in containers, read as tests need them."""

import json
import re
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STACK = ROOT / "stack"
COMPOSE = STACK / "compose.yaml"
RAISED = STACK / "compose.raised.yaml"
SECRETS = STACK / "compose" / "secrets"

Json = dict[str, Any]


def read_compose(path: Path) -> Json:
    """A compose file as plain values, anchors and merges resolved."""
    return cast(Json, json.loads(json.dumps(YAML(typ="safe").load(path))))


def services(path: Path = COMPOSE) -> Json:
    return cast(Json, read_compose(path)["services"])


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction, continued lines joined, comments left out."""
    kept = [line for line in dockerfile.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def copied_sources(dockerfile: Path) -> list[str]:
    """What is copied from the build's context."""
    found: list[str] = []
    for word, rest in instructions(dockerfile):
        parts = rest.split()
        if word in ("COPY", "ADD") and not parts[0].startswith("--from"):
            found += [part for part in parts[:-1] if not part.startswith("--")]
    return found
