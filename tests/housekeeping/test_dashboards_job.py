"""The job that keeps our dashboard in Grafana up to date."""

import pytest

import upkeep
from dashboards.access import TOKEN_VARIABLE
from housekeeping.job import JobError
from settings.schema import GrafanaSettings, Settings
from tests.dashboards.fake_grafana import TOKEN, Failure, running


def test_without_a_grafana_there_is_no_such_job() -> None:
    assert upkeep.dashboards_sync(Settings()) is None


def test_what_is_missing_is_made_and_then_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with running() as grafana:
        sync = upkeep.dashboards_sync(Settings(grafana=GrafanaSettings(url=grafana.url)))
        assert sync is not None
        assert ": created" in sync()
        before = [call for call in grafana.calls if call.method != "GET"]
        assert before
        assert ": created" not in sync()
        assert [call for call in grafana.calls if call.method != "GET"] == before


def test_a_grafana_that_refuses_fails_the_job_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with running() as grafana:
        grafana.failures.append(Failure("GET", "/", status=500, message="broken", times=50))
        sync = upkeep.dashboards_sync(Settings(grafana=GrafanaSettings(url=grafana.url)))
        assert sync is not None
        with pytest.raises(JobError) as refused:
            sync()
    assert TOKEN not in str(refused.value)
