"""What is wrong with a file people wrote: each problem a value with its place, all of them in one error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, worded for the person who wrote the file.

    Attributes:
        file: the file as it was named to us.
        line, column: counted from 1; None when the file as a whole is meant.
        path: dotted, e.g. ``alerts.rules[2].for``; empty when the whole file is meant.
        message: the thing, the value found, the value wanted.
    """

    file: str
    line: int | None
    column: int | None
    path: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(Exception):
    """Everything that is wrong; ``str()`` has one problem a line, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=in_file_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: KeyPath) -> str:
    """``("alerts", "rules", 2, "for")`` as ``alerts.rules[2].for``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def in_file_order(problem: Problem) -> tuple[str, int, int]:
    """Sort key: by file, then from top to bottom."""
    return problem.file, problem.line or 0, problem.column or 0
