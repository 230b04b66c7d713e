"""What a supervisor is told when it is started, and what it tells back while the stack comes up."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from stack.config import StackConfig
from stack.local.errors import Fault, StackError
from stack.local.layout import Layout
from stack.local.private_files import write_atomically


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of the stack.

    Attributes:
        config: the stack's config, its run folder absolute.
        supervised_by: pid of a process without which the stack shall not live; None for a stack that stays.
        service_command: what starts the service; ``--config <file>`` is added.
        measure: whether to measure the capacity and size the data by it.
    """

    config: StackConfig
    supervised_by: int | None
    service_command: tuple[str, ...]
    measure: bool


class AnnouncementKind(StrEnum):
    """What a supervisor may say."""

    PROGRESS = "progress"
    FAILED = "failed"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One line from the supervisor to its starter."""

    kind: AnnouncementKind
    part: str = "stack"
    text: str = ""

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps({"kind": self.kind.value, "part": self.part, "text": self.text}) + "\n"


def heard(line: str) -> Announcement:
    """The announcement in a line."""
    body = json.loads(line)
    return Announcement(AnnouncementKind(body["kind"]), body["part"], body["text"])


def write(layout: Layout, launch: Launch) -> None:
    """Put the launch where the supervisor looks for it."""
    config = asdict(launch.config) | {"run_dir": str(launch.config.run_dir)}
    body = {
        "config": config,
        "supervisedBy": launch.supervised_by,
        "serviceCommand": launch.service_command,
        "measure": launch.measure,
    }
    write_atomically(layout.launch, json.dumps(body, indent=1) + "\n")


def read(layout: Layout) -> Launch:
    """The launch of the supervisor of this run folder.

    Raises:
        StackError: the file is missing or cannot be understood.
    """
    try:
        return _decoded(json.loads(layout.launch.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        advice = "Stop the stack with `showcall stack down`, then start it again."
        fault = Fault(str(layout.launch), f"not understood ({error!r})", "what a start wrote", advice)
        raise StackError(fault) from None


def _decoded(body: dict[str, Any]) -> Launch:
    config = StackConfig(**body["config"] | {"run_dir": Path(body["config"]["run_dir"])})
    return Launch(config, body["supervisedBy"], tuple(body["serviceCommand"]), bool(body["measure"]))
