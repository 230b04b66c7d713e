"""``config.yaml`` and other files people write, read with the place of every value."""

from settings.problems import ConfigError, Problem
from settings.yaml_source import YamlNode, read_yaml

__all__ = ["ConfigError", "Problem", "YamlNode", "read_yaml"]
