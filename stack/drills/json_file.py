"""Results as JSON files: written whole or not at all, read with every problem in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

Read = TypeVar("Read")


class DrillFileError(Exception):
    """The file is not what it should be; the text says which file, what was found and what is wanted."""


def write(document: object, path: Path) -> None:
    """Write a document; an existing file is replaced whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)


def read(path: Path, what: str, parse: Callable[[Any], Read]) -> Read:
    """Read a document and make a value of it; ``what`` it should be, for the errors.

    Raises:
        DrillFileError: the file cannot be read or is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DrillFileError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DrillFileError(f"{path}: is not JSON: {error}") from None
    try:
        return parse(document)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise DrillFileError("\n".join(f"{path}: {problem}" for problem in problems)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DrillFileError(f"{path}: is not a {what}: {error!r}") from None
