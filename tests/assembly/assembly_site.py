"""One Showcall's folder: the repository's own configuration, rules and runbooks, with short durations."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import assembly
from settings import read_yaml
from tests.assembly.fake_redis import FakeRedis
from tests.assembly.fake_stack import FakeStack

REPO = Path(__file__).parents[2]
RULES = REPO / "alerts/rules"
CATALOG = REPO / "runbooks/catalog"

SHORTER = (
    (r"\binterval: 1s", "interval: 500ms"),
    (r"\bfor: 1s", "for: 500ms"),
    (r"\bfor: [2-5]s", "for: 1s"),
    (r"keep_firing_for: 5s", "keep_firing_for: 1s"),
    (r"\[10s\]", "[4s]"),
    (r"\[5s\]", "[2s]"),
)


def shorter(text: str) -> str:
    """Rules and runbooks that decide as the shipped ones do, sooner."""
    for pattern, short in SHORTER:
        text = re.sub(pattern, short, text)
    return text


@dataclass
class Site:
    """One folder with a configuration, rules, a catalog and a data directory, and the stack they speak of.

    ``config`` and ``catalog`` start as the repository's own, with the fake's ports and short durations;
    a test changes them before it starts a Showcall.
    """

    folder: Path
    stack: FakeStack
    redis: FakeRedis
    config: dict[str, Any] = field(default_factory=dict)
    catalog: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self._short(read_yaml(REPO / "config.yaml").plain())
        for path in CATALOG.glob("*.yaml"):
            self.catalog[path.stem] = _short_runbook(read_yaml(path).plain())

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def database_file(self) -> Path:
        return self.data_dir / assembly.DATABASE_FILE

    def write(self) -> Path:
        """Write everything; JSON is YAML."""
        (self.folder / "rules").mkdir(exist_ok=True)
        for path in RULES.glob("*.yaml"):
            (self.folder / "rules" / path.name).write_text(shorter(path.read_text()))
        shutil.copytree(CATALOG, self.folder / "catalog", dirs_exist_ok=True)
        for name, runbook in self.catalog.items():
            text = shorter(json.dumps(runbook, indent=1))
            (self.folder / "catalog" / f"{name}.yaml").write_text(text)
        self.config_file.write_text(json.dumps(self.config, indent=1))
        return self.config_file

    def with_shipped_rules(self) -> None:
        """The rules as they are shipped."""
        self.config["alerts"]["rule_files"] = [str(RULES / "*.yaml")]

    def rules(self, text: str) -> None:
        """A group of rules more, each written as in a rule file."""
        lines = "\n".join(f"      {line}" for line in text.strip("\n").split("\n"))
        (self.folder / "rules").mkdir(exist_ok=True)
        (self.folder / "rules/more.yaml").write_text(f"groups:\n  - name: more\n    rules:\n{lines}\n")

    def target(self, name: str, kind: str, **keys: object) -> None:
        """Look at one thing more."""
        self.config["collector"]["targets"].append({"name": name, "kind": kind, **keys})

    def lever(self, name: str) -> dict[str, Any]:
        """A lever's settings."""
        return next(lever for lever in self.config["levers"] if lever["name"] == name)

    def _short(self, config: Any) -> dict[str, Any]:
        config["data_dir"] = "data"
        config["web"]["port"] = "0"
        config["alerts"] |= {"rule_files": ["rules/*.yaml"], "quiet": "1s"}
        config["runbooks"] |= {"catalog": "catalog", "renew_every": "1s", "facts_stale_after": "1500ms"}
        page = f"{self.stack.url}/actuator/prometheus"
        config["collector"] |= {
            "interval": "500ms",
            "timeout": "400ms",
            "targets": [
                {"name": "concert", "kind": "actuator", "component": "service", "url": page},
                {"name": "redis", "kind": "redis", "component": "redis", "port": str(self.redis.port)},
            ],
        }
        for lever in config["levers"]:
            lever["url"] = self.stack.url + urlsplit(lever["url"]).path
            lever |= {"lease": "10s", "timeout": "500ms"}
            if lever["name"] == "active_users_cap":
                lever |= {"maximum": "64", "baseline": "64"}
        return dict(config)


def _short_runbook(runbook: Any) -> dict[str, Any]:
    runbook["limits"]["cooldown"] = "1s"
    runbook["verify"]["effect_delay"] = "1s"
    runbook["release"] |= {"quiet": "1s", "ramp": {"factor": "2", "every": "300ms"}}
    return dict(runbook)
