"""``showcall dashboards push`` against a Grafana that records everything."""

import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import showcall
from dashboards import plan, push
from dashboards.access import Access
from dashboards.grafana import GrafanaHttp
from dashboards.trouble import GrafanaError, Trouble
from settings.schema import GrafanaSettings, Settings
from tests.collector.certificates import Authority
from tests.dashboards.fake_grafana import TOKEN, FakeGrafana, running

ROOT = Path(__file__).parents[2]
OVERVIEW = "showcall-concert-overview"
SOURCE = "showcall-concert-metrics"
PROMETHEUS = "http://prometheus:9090"


def settings_for(url: str) -> Settings:
    return Settings(grafana=GrafanaSettings(url=url, data_source_url=PROMETHEUS))


def http(url: str, *, token: str = TOKEN, timeout: float = 5.0) -> GrafanaHttp:
    return GrafanaHttp(Access(url, token, None, timeout))


def planned(fake: FakeGrafana, settings: Settings | None = None) -> tuple[plan.Step, ...]:
    wanted = push.wanted(settings or settings_for(fake.url))
    with http(fake.url) as grafana:
        return plan.plan(wanted, push.found(wanted, grafana))


def pushed(fake: FakeGrafana, settings: Settings | None = None) -> tuple[plan.Step, ...]:
    with http(fake.url) as grafana:
        return tuple(push.carry_out(planned(fake, settings), grafana))


def verdicts(steps: tuple[plan.Step, ...]) -> list[str]:
    return [step.verdict.value for step in steps]


def shown(steps: tuple[plan.Step, ...]) -> str:
    return "\n".join(line for step in steps for line in push.lines(step, done=False))


def panel(model: dict[str, Any], title: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in model["panels"] if each["title"] == title)
    return found


def test_a_first_push_makes_folder_data_source_and_dashboard_in_this_order(grafana: FakeGrafana) -> None:
    assert verdicts(pushed(grafana)) == ["create", "create", "create"]
    assert [(call.method, call.path) for call in grafana.writes()] == [
        ("POST", "/api/folders"),
        ("POST", "/api/datasources"),
        ("POST", "/api/dashboards/db"),
    ]
    assert grafana.folders["showcall"]["title"] == "Showcall"
    source = grafana.sources[SOURCE]
    assert (source["type"], source["url"], source["access"]) == ("prometheus", PROMETHEUS, "proxy")
    assert source["jsonData"] == {"httpMethod": "POST", "timeInterval": "1s"}
    assert grafana.meta[OVERVIEW]["folderUid"] == "showcall"
    assert grafana.dashboards[OVERVIEW]["title"] == "concert: on-sale overview"


def test_a_second_push_writes_nothing(grafana: FakeGrafana) -> None:
    pushed(grafana)
    before = len(grafana.writes())
    assert verdicts(pushed(grafana)) == ["same", "same", "same"]
    assert len(grafana.writes()) == before


def test_a_check_writes_nothing(grafana: FakeGrafana) -> None:
    assert plan.differs(planned(grafana))
    assert grafana.writes() == []


def test_an_edit_by_hand_is_shown_with_its_place_and_who_made_it_and_then_undone(
    grafana: FakeGrafana,
) -> None:
    pushed(grafana)

    def by_hand(model: dict[str, Any]) -> None:
        panel(model, "Backlog")["fieldConfig"]["defaults"]["max"] = 20
        panel(model, "Flow")["targets"][1]["expr"] = "sum(queue_admitted_total)"
        model["panels"] = [each for each in model["panels"] if each["title"] != "Oldest wait"]
        model["panels"].append({"id": 7777, "type": "text", "title": "Do not forget", "options": {}})
        model["templating"]["list"][1]["current"]["value"] = "1m"

    grafana.edit(OVERVIEW, by_hand)
    steps = planned(grafana)
    assert verdicts(steps) == ["same", "same", "change"]
    text = shown(steps)
    assert "last saved by minji at 2026-11-22T16:00:00Z; Grafana keeps that as version 2" in text
    assert "panels 'Backlog' (502).fieldConfig.defaults.max: only in Grafana, 20" in text
    assert "panels 'Flow' (302).targets 'B'.expr: 'sum(queue_admitted_total)' in Grafana, 'sum" in text
    assert "panels 'Oldest wait' (303): not in Grafana" in text
    assert "panels 'Do not forget' (7777): only in Grafana" in text
    assert "templating.list 'interval'.current.value: '1m' in Grafana, '5s' here" in text
    pushed(grafana)
    assert verdicts(planned(grafana)) == ["same", "same", "same"]


def test_what_grafana_adds_by_itself_is_no_difference(grafana: FakeGrafana) -> None:
    pushed(grafana)

    def by_grafana(model: dict[str, Any]) -> None:
        model |= {"iteration": 1700000000, "weekStart": "", "preload": False}
        panel(model, "Flow") | {"pluginVersion": "12.1.0", "transparent": False, "links": []}

    grafana.edit(OVERVIEW, by_grafana)
    assert verdicts(planned(grafana)) == ["same", "same", "same"]


def test_a_dashboard_in_another_folder_is_brought_back(grafana: FakeGrafana) -> None:
    pushed(grafana)
    grafana.meta[OVERVIEW]["folderUid"] = "elsewhere"
    assert "folder: 'elsewhere' in Grafana, 'showcall' here" in shown(planned(grafana))
    pushed(grafana)
    assert grafana.meta[OVERVIEW]["folderUid"] == "showcall"


def test_what_people_set_at_our_data_source_stays(grafana: FakeGrafana) -> None:
    pushed(grafana)
    grafana.sources[SOURCE] |= {"isDefault": True, "basicAuth": True, "basicAuthUser": "reader"}
    grafana.sources[SOURCE]["jsonData"] |= {"manageAlerts": False}
    assert verdicts(planned(grafana)) == ["same", "same", "same"]
    grafana.sources[SOURCE]["url"] = "http://old:9090"
    steps = pushed(grafana)
    assert "url: 'http://old:9090' in Grafana, 'http://prometheus:9090' here" in shown(steps)
    source = grafana.sources[SOURCE]
    assert (source["url"], source["isDefault"], source["basicAuthUser"]) == (PROMETHEUS, True, "reader")
    assert source["jsonData"]["manageAlerts"] is False


def test_without_a_url_for_it_no_data_source_is_touched(grafana: FakeGrafana) -> None:
    settings = Settings(grafana=GrafanaSettings(url=grafana.url))
    assert [step.part for step in pushed(grafana, settings)] == ["folder", "dashboard"]
    assert not any("datasources" in call.path for call in grafana.calls)


def test_the_token_for_the_data_source_goes_to_grafana_and_is_shown_nowhere(
    grafana: FakeGrafana, tmp_path: Path
) -> None:
    file = tmp_path / "api.token"
    file.write_text("first-secret\n")
    settings = Settings(
        grafana=GrafanaSettings(
            url=grafana.url, data_source_url=PROMETHEUS, data_source_token_file=file
        )
    )  # fmt: skip
    steps = pushed(grafana, settings)
    source = grafana.sources[SOURCE]
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert grafana.secrets[SOURCE] == {"httpHeaderValue1": "Bearer first-secret"}
    assert verdicts(pushed(grafana, settings)) == ["same", "same", "same"]
    file.write_text("second-secret\n")
    os.utime(file, (1_800_000_000, 1_800_000_000))
    steps += planned(grafana, settings)
    assert "jsonData.showcallTokenOf: " in shown(steps)
    assert "-secret" not in shown(steps) + repr(steps) + repr(push.wanted(settings))
    pushed(grafana, settings)
    assert grafana.secrets[SOURCE] == {"httpHeaderValue1": "Bearer second-secret"}
    grafana.secrets[SOURCE].clear()
    assert "secureJsonData.httpHeaderValue1: not in Grafana" in shown(planned(grafana, settings))


def test_a_folder_keeps_its_uid_when_it_gets_another_title(grafana: FakeGrafana) -> None:
    pushed(grafana)
    renamed = Settings(grafana=GrafanaSettings(url=grafana.url, data_source_url=PROMETHEUS, folder="On-sale"))
    assert verdicts(pushed(grafana, renamed)) == ["change", "same", "same"]
    assert grafana.folders["showcall"]["title"] == "On-sale"


def test_two_stacks_share_a_grafana_and_a_folder(grafana: FakeGrafana) -> None:
    pushed(grafana)
    other = Settings(name="musical", grafana=GrafanaSettings(url=grafana.url, data_source_url=PROMETHEUS))
    assert verdicts(pushed(grafana, other)) == ["same", "create", "create"]
    assert len(grafana.dashboards) == len(grafana.sources) == 2


def test_an_edit_between_the_look_and_the_push_is_not_overwritten(grafana: FakeGrafana) -> None:
    pushed(grafana)
    grafana.edit(OVERVIEW, lambda model: model.update(title="Mine"))

    def meanwhile() -> None:
        grafana.before_save = None
        grafana.edit(OVERVIEW, lambda model: model.update(title="Hers"))

    grafana.before_save = meanwhile
    with pytest.raises(GrafanaError, match=r"412 .*somebody saved it just now") as caught:
        pushed(grafana)
    assert caught.value.trouble is Trouble.CONFLICT
    assert grafana.dashboards[OVERVIEW]["title"] == "Hers"


@pytest.mark.parametrize("kept", ["source", "dashboard"])
def test_what_grafana_reads_from_files_is_refused_with_what_differs(grafana: FakeGrafana, kept: str) -> None:
    pushed(grafana)
    if kept == "source":
        grafana.sources[SOURCE] |= {"readOnly": True, "url": "http://old:9090"}
    else:
        grafana.edit(OVERVIEW, lambda model: model.update(title="Mine"))
        grafana.meta[OVERVIEW]["provisioned"] = True
    with pytest.raises(GrafanaError, match=r"is provisioned from a file .* in Grafana, .* here"):
        planned(grafana)


@pytest.mark.parametrize(
    ("method", "path", "status", "wanted"),
    [
        ("GET", "/api/folders", 401, "could not read the folder showcall: came 401 .*want the token of a"),
        ("GET", "/api/datasources", 403, "permission datasources:read"),
        ("POST", "/api/folders", 403, "permission folders:create"),
        ("POST", "/api/datasources", 403, "could not create the data source 'Showcall concert': came 403 .*"
         "permission datasources:create"),
        ("POST", "/api/datasources", 409, "something of this name is there already"),
        ("POST", "/api/dashboards", 403, "permission dashboards:create and dashboards:write"),
        ("POST", "/api/dashboards", 404, "want Grafana's own address"),
        ("POST", "/api/dashboards", 500, "came 500 .*want a Grafana in good health"),
        ("POST", "/api/dashboards", 400, "came 400"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_asked_what_came_and_what_is_wanted(
    grafana: FakeGrafana, method: str, path: str, status: int, wanted: str
) -> None:
    grafana.fail(method, path, status, message="No\nway")
    with pytest.raises(GrafanaError, match=wanted) as caught:
        pushed(grafana)
    text = str(caught.value)
    assert grafana.url in text
    assert TOKEN not in text
    assert "\n" not in text


def test_a_wrong_token_is_named_without_being_shown(grafana: FakeGrafana) -> None:
    with http(grafana.url, token="glsa_wrong") as wrong, pytest.raises(GrafanaError) as caught:
        wrong.folder("showcall")
    assert caught.value.trouble is Trouble.UNAUTHORIZED
    assert "glsa_wrong" not in str(caught.value)
    assert "glsa_wrong" not in repr(Access("http://x", "glsa_wrong", None, 1.0))


def test_nobody_listening_a_strange_name_and_no_tls_are_told_apart(grafana: FakeGrafana) -> None:
    for url, trouble, text in (
        ("http://127.0.0.1:1", Trouble.NOT_CONNECTED, "no connection .*refused"),
        ("http://nowhere.invalid", Trouble.NOT_CONNECTED, "no connection"),
        (grafana.url.replace("http:", "https:"), Trouble.TLS, "does not speak TLS"),
    ):
        with http(url) as other, pytest.raises(GrafanaError, match=text) as caught:
            other.create_folder("showcall", "Showcall")
        assert caught.value.trouble is trouble
        assert caught.value.applied is False
        assert "object at 0x" not in str(caught.value)


def test_a_certificate_authority_that_is_no_file_is_said(tmp_path: Path) -> None:
    access = Access("https://127.0.0.1:1", TOKEN, tmp_path / "missing.pem", 1.0)
    with GrafanaHttp(access) as grafana, pytest.raises(GrafanaError, match=r"missing\.pem") as caught:
        grafana.folder("showcall")
    assert caught.value.trouble is Trouble.TLS


@pytest.mark.parametrize(
    ("name", "trusts", "wanted"),
    [
        ("IP:127.0.0.1", False, "want a certificate that we trust"),
        ("DNS:elsewhere.test", True, "want a certificate .* that is for this host"),
        ("IP:127.0.0.1", True, ""),
    ],
)
def test_a_certificate_must_be_trusted_and_for_this_host(
    tmp_path: Path, name: str, trusts: bool, wanted: str
) -> None:
    authority = Authority.make(tmp_path)
    files = authority.site("grafana", name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with running(tls=context) as fake:
        known = authority.file if trusts else None
        with GrafanaHttp(Access(fake.url, TOKEN, known, 5.0)) as grafana:
            if not wanted:
                assert grafana.folder("showcall") is None
                return
            with pytest.raises(GrafanaError, match=wanted) as caught:
                grafana.folder("showcall")
        assert caught.value.trouble is Trouble.TLS
        assert fake.calls == []


def test_a_hanging_grafana_leaves_open_whether_a_write_was_done(grafana: FakeGrafana) -> None:
    grafana.fail("POST", "/api/folders", hang=True)
    grafana.fail("GET", "/api/folders", hang=True)
    with http(grafana.url, timeout=0.3) as slow:
        with pytest.raises(GrafanaError, match=r"none within 0\.3 s.*it may have been done") as caught:
            slow.create_folder("showcall", "Showcall")
        assert caught.value.applied is None
        with pytest.raises(GrafanaError, match="nothing was changed"):
            slow.folder("showcall")


def test_a_connection_that_breaks_leaves_it_open_too(grafana: FakeGrafana) -> None:
    grafana.fail("POST", "/api/folders", applied=True, cut=True)
    with http(grafana.url) as torn, pytest.raises(GrafanaError) as caught:
        torn.create_folder("showcall", "Showcall")
    assert (caught.value.trouble, caught.value.applied) == (Trouble.LOST, None)
    assert "showcall" in grafana.folders


def test_a_page_to_sign_in_is_not_grafanas_api(grafana: FakeGrafana) -> None:
    grafana.fail("GET", "/api/folders", html=True)
    with http(grafana.url) as proxy, pytest.raises(GrafanaError, match="instead of JSON") as caught:
        proxy.folder("showcall")
    assert caught.value.trouble is Trouble.NOT_GRAFANA
    with http(f"{grafana.url}/sub") as wrong, pytest.raises(GrafanaError, match=r"grafana\.url"):
        wrong.create_folder("showcall", "Showcall")


def test_a_grafana_below_a_path_is_found_there() -> None:
    with running("/grafana") as fake:
        assert verdicts(pushed(fake)) == ["create", "create", "create"]
        assert verdicts(planned(fake)) == ["same", "same", "same"]


def config_for(grafana: FakeGrafana, tmp_path: Path, *, token: str = TOKEN) -> Path:
    (tmp_path / "grafana.token").write_text(f"{token}\n")
    (tmp_path / "config.yaml").write_text(
        f"grafana:\n  url: {grafana.url}/\n  token_file: grafana.token\n  data_source_url: {PROMETHEUS}\n"
        f"alerts:\n  rule_files: []\n"
        f"runbooks:\n  catalog: {ROOT}/runbooks/catalog\n  only: []\n"
    )
    return tmp_path / "config.yaml"


def command(config: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(showcall.app, ["dashboards", *words, "--config", str(config)])
    return done.exit_code, done.output


def test_the_command_says_by_its_exit_code_whether_anything_differs(
    grafana: FakeGrafana, tmp_path: Path
) -> None:
    config = config_for(grafana, tmp_path)
    code, text = command(config, "push", "--check")
    assert (code, text.count("to be created")) == (1, 3)
    code, text = command(config, "push")
    assert (code, text.count(": created")) == (0, 3)
    code, text = command(config, "push", "--check")
    assert (code, text.count("as wanted")) == (0, 3)


def test_the_command_says_what_is_wrong_with_the_token(grafana: FakeGrafana, tmp_path: Path) -> None:
    config = config_for(grafana, tmp_path, token="glsa_wrong")
    for words in (("push",), ("push", "--check")):
        code, text = command(config, *words)
        assert code == 2
        assert "401" in text
        assert "glsa_wrong" not in text
    (tmp_path / "grafana.token").unlink()
    code, text = command(config, "push", "--check")
    assert code == 2
    assert "grafana.token cannot be read: No such file" in text


def test_which_urllib3_is_loaded_before_and_after_grafana_was_asked(grafana: FakeGrafana) -> None:
    script = f"""
import sys, assembly, showcall
strangers = sorted({{"grafana_client", "niquests", "urllib3_future"}} & set(sys.modules))
assert strangers == [], strangers
from dashboards.access import Access
from dashboards.grafana import GrafanaHttp
with GrafanaHttp(Access({grafana.url!r}, {TOKEN!r}, None, 5.0)) as one:
    assert one.folder("showcall") is None
assert "grafana_client" in sys.modules
import urllib3
import importlib.metadata as found
print(urllib3.__version__, found.version("urllib3"), hasattr(urllib3, "AsyncPoolManager"))
"""
    environment = {**os.environ, "URLLIB3_NO_OVERRIDE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    loaded, installed, fork = done.stdout.split()
    assert loaded == installed
    assert fork == "False"
