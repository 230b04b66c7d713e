"""``config.yaml`` to frozen settings: every problem at once, every relative path made absolute."""

from pathlib import Path

from settings.cross_checks import cross_checks
from settings.problems import ConfigError, Problem
from settings.schema import Settings
from settings.validation import validate
from settings.yaml_node import YamlNode
from settings.yaml_source import read_yaml


def load(path: Path) -> Settings:
    """Read and check the configuration.

    Relative paths in it are taken from the file's own folder.

    Raises:
        ConfigError: with all problems, each with its line.
    """
    return load_with_source(path)[0]


def load_with_source(path: Path) -> tuple[Settings, YamlNode]:
    """As ``load``, with the document, so that later checks can name lines too."""
    node, file = read_yaml(path), str(path)
    if node.content is None:
        raise ConfigError(
            [Problem(file, None, None, "", "is empty (want sections such as collector, alerts)")]
        )
    settings, problems = validate(node, Settings, file)
    problems += cross_checks(node, file)
    if settings is None or problems:
        raise ConfigError(problems)
    return _resolved(settings, path.absolute().parent), node


def _resolved(settings: Settings, folder: Path) -> Settings:
    collector = settings.collector.model_copy(
        update={
            "targets": tuple(
                target.model_copy(
                    update={
                        "password_file": _below(folder, target.password_file),
                        "stack_file": _below(folder, target.stack_file),
                        "socket": _below(folder, target.socket),
                        "ca_file": _below(folder, target.ca_file),
                        "file": _below(folder, target.file),
                    }
                )
                for target in settings.collector.targets
            )
        }
    )
    rule_files = tuple(str(folder / pattern) for pattern in settings.alerts.rule_files)
    return settings.model_copy(
        update={
            "data_dir": folder / settings.data_dir,
            "database_url_file": _below(folder, settings.database_url_file),
            "collector": collector,
            "alerts": settings.alerts.model_copy(update={"rule_files": rule_files}),
            "runbooks": settings.runbooks.model_copy(update={"catalog": folder / settings.runbooks.catalog}),
            "housekeeping": settings.housekeeping.model_copy(
                update={"backup_dir": _below(folder, settings.housekeeping.backup_dir)}
            ),
            "slack": settings.slack.model_copy(
                update={
                    "token_file": _below(folder, settings.slack.token_file),
                    "signing_secret_file": _below(folder, settings.slack.signing_secret_file),
                }
            ),
            "grafana": settings.grafana.model_copy(
                update={
                    "token_file": _below(folder, settings.grafana.token_file),
                    "data_source_token_file": _below(folder, settings.grafana.data_source_token_file),
                    "ca_file": _below(folder, settings.grafana.ca_file),
                }
            ),
            "stack": settings.stack.model_copy(update={"run_dir": folder / settings.stack.run_dir}),
        }
    )


def _below(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else folder / path
