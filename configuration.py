"""Everything people wrote, read and checked together: ``config.yaml``, rule files, the runbook catalog."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import postgresql
import settings as settings_room
from alerts import rule_files
from alerts.rule import RuleSet
from runbooks import catalog_files
from runbooks.catalog_files import Catalog
from settings import ConfigError, Problem, YamlNode
from settings.schema import RunbookMode, Settings

Read = TypeVar("Read")

DATABASE_URL_VARIABLE = "SHOWCALL_DATABASE_URL"
_URL_FILE = "database_url_file"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything people wrote, read and checked: ``config.yaml``, rule files, the runbook catalog.

    ``database_url``: of PostgreSQL, with its password; None for the SQLite file in ``data_dir``.
    """

    settings: Settings
    rules: RuleSet
    catalog: Catalog
    database_url: str | None = field(default=None, repr=False)


def load(
    config: Path,
    data_dir: Path | None = None,
    mode: RunbookMode | None = None,
    *,
    sqlite: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Configuration:
    """Read everything; ``data_dir``, ``mode`` and ``sqlite`` of the command line win over the file.

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
    url = None
    if not sqlite:
        url = collected(lambda: _database_url(settings, source, config, environment), problems)
    if rules is None or catalog is None or problems:
        raise ConfigError(problems)
    return Configuration(settings, rules, catalog, url)


def _database_url(
    settings: Settings, source: YamlNode, config: Path, environment: Mapping[str, str]
) -> str | None:
    """The URL in the file, else the one in the environment, if there is one."""
    path = settings.database_url_file
    try:
        url = environment.get(DATABASE_URL_VARIABLE, "") if path is None else path.read_text("utf-8")
        if path is None and not url:
            return None
        postgresql.server(url.strip())
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        message = f"{path} is not text in UTF-8"
    except ValueError as error:
        message = str(error) if path is None else f"what is in {path} {error}"
    else:
        return url.strip()
    if path is None:
        raise ConfigError([Problem(DATABASE_URL_VARIABLE, None, None, "", message)])
    line, column = source.position((_URL_FILE,))
    raise ConfigError([Problem(str(config), line, column, _URL_FILE, message)])


def collected(read: Callable[[], Read], problems: list[Problem]) -> Read | None:
    """What was read, or None with its problems added to the others."""
    try:
        return read()
    except ConfigError as error:
        problems += error.problems
        return None
