"""service.json -> frozen values; every problem at once, never with the database's password."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


class ConfigError(Exception):
    """``str()`` is one line per problem: the file, the key, what was found and what is wanted."""


class Profile(StrEnum):
    """``published``: as the original was when it broke. ``improved``: with what its report recommends."""

    PUBLISHED = "published"
    IMPROVED = "improved"


Model = TypeVar("Model", bound=BaseModel)

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class ServiceConfig(BaseModel):
    """All settings of one concert service; keys are written in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    host: str = "127.0.0.1"
    service_port: Port
    management_port: Port
    valkey_port: Port
    valkey_host: str = "127.0.0.1"
    database_url: str
    """SQLAlchemy URL of PostgreSQL (psycopg)."""
    database_password_file: Path | None = None
    """Where the password of that URL is, when it is not in the URL itself."""
    log_file: Path
    profile: Profile = Profile.PUBLISHED

    request_threads: Annotated[int, Field(ge=1, le=2000)] = 200
    pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    pool_timeout_seconds: Seconds = 30.0
    database_connect_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 3
    redis_timeout_seconds: Seconds = 1.0
    start_patience_seconds: Annotated[float, Field(ge=0, le=120)] = 5.0
    """How long a start waits for Valkey and the database before it gives up."""

    admission_per_10_seconds: Annotated[int, Field(ge=0, le=100_000, alias="admissionPer10Seconds")] = 100
    active_users_cap: Annotated[int, Field(ge=0, le=100_000)] = 1000
    waiting_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    """Waiting tokens at most; beyond it issuing answers 429."""
    silence_seconds: Seconds = 10.0
    """A token nobody used for this long loses its place or its slot."""


def load(path: Path) -> ServiceConfig:
    """Read and check a ``service.json``.

    Raises:
        ConfigError: the file cannot be read, is not JSON, or has wrong values.
    """
    return _checked(path, validated(path, ServiceConfig))


def validated(path: Path, model: type[Model]) -> Model:
    """A JSON file as a model.

    Raises:
        ConfigError: the file cannot be read, is not JSON, or has wrong values.
    """
    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_problems(path, error))) from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from None


def _checked(path: Path, config: ServiceConfig) -> ServiceConfig:
    try:
        backend = make_url(config.database_url).get_backend_name()
    except ArgumentError:
        backend = "no URL at all"
    if backend != "postgresql":
        raise ConfigError(
            f"{path}: databaseUrl: {backend} (want postgresql+psycopg://user@host:port/database)"
        )
    return config if config.database_password_file is None else _with_password(path, config)


def _with_password(path: Path, config: ServiceConfig) -> ServiceConfig:
    url = make_url(config.database_url)
    if url.password is not None:
        raise ConfigError(f"{path}: databasePasswordFile: databaseUrl has a password too (want one of them)")
    password = secret_in(path, "databasePasswordFile", config.database_password_file or Path())
    whole = url.set(password=password).render_as_string(hide_password=False)
    return config.model_copy(update={"database_url": whole})


def secret_in(config_file: Path, key: str, path: Path) -> str:
    """The secret that a file holds, without the line's end.

    Raises:
        ConfigError: names the setting and the file; there is none, or nothing in it.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigError(f"{config_file}: {key}: {path}: cannot be read: {reason}") from None
    if not secret:
        raise ConfigError(f"{config_file}: {key}: {path}: is empty (want a password)")
    return secret


def _problems(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
        # A missing key carries the whole file as its input, and the URL a password: neither is shown.
        secret = problem["type"] == "missing" or key == "databaseUrl" or not problem["loc"]
        found = "" if secret else f" (found {problem['input']!r})"
        lines.append(f"{path}: {key}: {problem['msg']}{found}")
    return lines
