"""Every file in ``bad/`` is named after its mistake; beside it stands what people are told.

After a change of wording: ``GOLDEN=write pytest tests/settings/test_settings_golden.py``, then read the diff.
"""

import os
from pathlib import Path

import pytest

from settings import ConfigError, load

BAD = Path(__file__).parent / "bad"
FILES = sorted(path.name for path in BAD.glob("*.yaml"))


def complaint(name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(Path(name))
    return f"{caught.value}\n"


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_answered_with_all_its_problems(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    golden = BAD / name.replace(".yaml", ".txt")
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(complaint(name), encoding="utf-8")
    assert complaint(name) == golden.read_text(encoding="utf-8")


def test_every_answer_belongs_to_a_file() -> None:
    assert sorted(path.stem for path in BAD.glob("*.txt")) == [name.removesuffix(".yaml") for name in FILES]
    assert len(FILES) >= 20
