"""service.json: what is accepted, and what the refusal of the rest says."""

import json
from pathlib import Path

import pytest

from stack.service.config import ConfigError, Profile, load

WHOLE: dict[str, object] = {
    "host": "127.0.0.1",
    "servicePort": 18080,
    "managementPort": 18081,
    "valkeyPort": 18379,
    "databaseUrl": "postgresql+psycopg://concert:hunter2@127.0.0.1:18432/concert",
    "profile": "published",
    "requestThreads": 200,
    "poolSize": 10,
    "poolTimeoutSeconds": 30,
    "admissionPer10Seconds": 100,
    "activeUsersCap": 1000,
    "logFile": "run/logs/concert.log",
}


def written(folder: Path, values: object) -> Path:
    path = folder / "service.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def refusal(folder: Path, values: object) -> str:
    with pytest.raises(ConfigError) as refused:
        load(written(folder, values))
    return str(refused.value)


def test_the_whole_file_of_the_local_stack_is_accepted(tmp_path: Path) -> None:
    config = load(written(tmp_path, WHOLE))
    assert (config.service_port, config.admission_per_10_seconds, config.profile) == (
        18080,
        100,
        Profile.PUBLISHED,
    )


def test_all_problems_are_said_at_once_with_what_was_found(tmp_path: Path) -> None:
    said = refusal(tmp_path, WHOLE | {"poolSize": 0, "profile": "fast", "servicePort": "many"}).splitlines()
    assert len(said) == 3
    assert any("servicePort: " in line and "found 'many'" in line for line in said)
    assert any("poolSize: " in line and "found 0" in line for line in said)
    assert any("profile: " in line and "'published' or 'improved'" in line for line in said)


def test_a_missing_key_and_an_unknown_key_are_named(tmp_path: Path) -> None:
    values = {key: value for key, value in WHOLE.items() if key != "logFile"}
    said = refusal(tmp_path, values | {"poolsize": 5})
    assert "logFile: Field required" in said
    assert "poolsize: Extra inputs" in said


@pytest.mark.parametrize("url", ["mysql://concert:hunter2@127.0.0.1/concert", "hunter2", 12])
def test_a_bad_database_url_is_refused_without_showing_a_password(tmp_path: Path, url: object) -> None:
    said = refusal(tmp_path, WHOLE | {"databaseUrl": url})
    assert "databaseUrl" in said
    assert "hunter2" not in said


def test_a_file_that_is_not_json_or_not_there_is_named(tmp_path: Path) -> None:
    assert "service.json: is not JSON" in refusal(tmp_path, "{")
    with pytest.raises(ConfigError, match=r"nowhere\.json: cannot be read: No such file"):
        load(tmp_path / "nowhere.json")


BARE = "postgresql+psycopg://concert@database:5432/concert"


def test_the_databases_password_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("p@ss/word\n", encoding="utf-8")
    values = WHOLE | {"databaseUrl": BARE, "databasePasswordFile": str(secret)}
    config = load(written(tmp_path, values))
    assert config.database_url == "postgresql+psycopg://concert:p%40ss%2Fword@database:5432/concert"


def test_a_password_file_that_is_of_no_use_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    values = WHOLE | {"databaseUrl": BARE, "databasePasswordFile": str(secret)}
    assert f"databasePasswordFile: {secret}: cannot be read: No such file" in refusal(tmp_path, values)
    secret.write_text(" \n", encoding="utf-8")
    assert "is empty (want a password)" in refusal(tmp_path, values)
    said = refusal(tmp_path, WHOLE | {"databasePasswordFile": str(secret)})
    assert "databaseUrl has a password too (want one of them)" in said
    assert "hunter2" not in said
