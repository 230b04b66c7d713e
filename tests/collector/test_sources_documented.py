"""The page on sources names every series that they make up names for themselves."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from collector import docker_series, host_series
from settings.schema import TargetKind

PAGE = (Path(__file__).parents[2] / "docs/sources.md").read_text(encoding="utf-8")


def named() -> Iterator[str]:
    """What stands in code marks, with every choice in braces made; labels are braces at the end."""
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    for text in re.findall(r"`([^`]+)`", prose):
        parts = re.split(r"\{([a-zA-Z_,\s]+)\}(?=\w)", text)
        choices = [re.split(r",\s*", part) if index % 2 else [part] for index, part in enumerate(parts)]
        yield from (re.sub(r"\{.*", "", "".join(chosen)) for chosen in product(*choices))


@pytest.mark.parametrize("metric", sorted({*docker_series.METADATA, *host_series.METADATA}))
def test_every_series_of_containers_and_the_host_is_on_the_page(metric: str) -> None:
    names = set(named())
    assert metric in names or any(name.endswith("*") and metric.startswith(name[:-1]) for name in names)


@pytest.mark.parametrize("kind", list(TargetKind))
def test_every_kind_of_target_has_its_place_on_the_page(kind: TargetKind) -> None:
    assert f"\n## {kind}\n" in PAGE
