"""``config.yaml`` and other files people write, read with the place of every value."""

from settings.loader import load, load_with_source
from settings.problems import ConfigError, Problem
from settings.validation import validate
from settings.yaml_source import YamlNode, parse_yaml, read_yaml

__all__ = [
    "ConfigError",
    "Problem",
    "YamlNode",
    "load",
    "load_with_source",
    "parse_yaml",
    "read_yaml",
    "validate",
]
