"""Everything people wrote, read and checked together: ``config.yaml``, rule files, the runbook catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import settings as settings_room
from alerts import rule_files
from alerts.rule import RuleSet
from runbooks import catalog_files
from runbooks.catalog_files import Catalog
from settings import ConfigError, Problem
from settings.schema import RunbookMode, Settings

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything people wrote, read and checked: ``config.yaml``, rule files, the runbook catalog."""

    settings: Settings
    rules: RuleSet
    catalog: Catalog


def load(config: Path, data_dir: Path | None = None, mode: RunbookMode | None = None) -> Configuration:
    """Read everything; ``data_dir`` and ``mode`` of the command line win over the file.

    Raises:
        ConfigError: with all problems of all files.
    """
    settings, source = settings_room.load_with_source(config)
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir.resolve()})
    if mode is not None:
        runbooks = settings.runbooks.model_copy(update={"mode": mode})
        settings = settings.model_copy(update={"runbooks": runbooks})
    problems: list[Problem] = []
    rules = collected(lambda: rule_files.load_all(settings, source, str(config)), problems)
    acting = settings.runbooks
    catalog = collected(lambda: catalog_files.load(acting.catalog, settings.levers, acting.only), problems)
    if rules is None or catalog is None:
        raise ConfigError(problems)
    return Configuration(settings, rules, catalog)


def collected(read: Callable[[], Read], problems: list[Problem]) -> Read | None:
    """What was read, or None with its problems added to the others."""
    try:
        return read()
    except ConfigError as error:
        problems += error.problems
        return None
