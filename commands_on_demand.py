"""Commands whose modules are loaded when one of them is called, or all are listed: watching needs no drill.

Each of these modules has ``app``, the Typer with its commands, and ``REFUSALS``: what they raise, with a text
for people, where something cannot be done.
"""

import sys
from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

MODULES = {
    "demo": "drill_commands",
    "drill": "drill_commands",
    "report": "drill_commands",
    "stack": "stack_commands",
    "metrics": "metrics_commands",
}


class OnDemand(TyperGroup):
    """The commands of a Typer app, then those of ``MODULES``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands({**self.commands, **dict.fromkeys(MODULES)})


class _Commands(UserDict[str, Any]):
    """Click's commands by name; None stands for one that is not loaded."""

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            loaded: Any = typer.main.get_command(import_module(MODULES[name]).app)
            self.data[name] = loaded.commands[name]
        return self.data[name]


def refusals(*own: type[Exception]) -> tuple[type[Exception], ...]:
    """``own``, and what the commands that are loaded raise where something cannot be done."""
    loaded = [sys.modules[name] for name in {*MODULES.values()} if name in sys.modules]
    return (*own, *(refusal for module in loaded for refusal in module.REFUSALS))
