"""Containers that come, change, stop and go; what is sent to the daemon, and what is left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from collector import docker_watch
from collector.docker import DockerSource
from collector.docker_client import ReadingClient
from collector.docker_endpoint import DockerEndpoint
from collector.docker_link import DockerSettings
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import ScrapeError
from collector.target_labels import LabelLimits, TargetLabels
from metrics.store import Store
from metrics.values import Batch, Vector, label, labels_of
from settings.yaml_source import read_yaml
from tests.collector.docker_documents import (
    IDENTITY,
    MIB,
    SECOND,
    cpu,
    inspection,
    line,
    stopped_message,
    v2_message,
)
from tests.collector.docker_rig import (
    NOW,
    Rig,
    socket_path,
    source_at,
    state,
    until,
    values,
    watched,
    with_stats,
)
from tests.collector.fake_docker import docker
from tests.collector.raw_server import soon
from tests.collector.threads_begun import ThreadsBegun
from tests.stack.service_rig import eventually

ROOT = Path(__file__).parents[2]
OTHER = "d" * 64
COMPOSE = {"com.docker.compose.service": "concert", "com.docker.compose.project": "shop"}


def test_a_container_has_cadvisors_series_under_its_name_and_image() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert", Labels=COMPOSE)
        found = rig.sees_whole("concert")
    numbers = values(found, "concert")
    assert numbers["container_cpu_usage_seconds_total"] == 10.5
    assert numbers["container_memory_working_set_bytes"] == 200 * MIB
    assert numbers["container_spec_memory_limit_bytes"] == 500 * MIB
    assert numbers["container_spec_cpu_quota"] / numbers["container_spec_cpu_period"] == 1.0
    assert numbers["container_start_time_seconds"] == 1795359600.5
    assert numbers["container_restarts_total"] == 0.0
    assert numbers["container_oom_events_total"] == 0.0
    assert numbers["container_health_state"] == -1.0
    assert numbers["container_simulated"] == 0.0
    assert found.verdict == (((("__name__", "docker_up"),), 1.0),)
    (usage,) = [one for one in found.labels if label(one, "__name__") == "container_cpu_usage_seconds_total"]
    assert dict(usage) == {
        "__name__": "container_cpu_usage_seconds_total",
        "name": "concert",
        "image": "concert:1.0",
        "cpu": "total",
        "container_label_com_docker_compose_service": "concert",
        "container_label_com_docker_compose_project": "shop",
    }


def test_every_series_is_explained() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "old", State="exited", details={"State": {"ExitCode": 137}})
        found = rig.sees_whole("concert")
    names = {label(one, "__name__") for one in found.labels}
    assert names <= set(found.metadata)
    assert all(found.metadata[name].help for name in names)
    assert {name for name in names if name.endswith("_total")} == {
        name for name in names if found.metadata[name].type == "counter"
    }


def test_the_same_containers_give_the_very_same_labels() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        before = rig.sees_whole("concert")
        newer = cpu(11 * SECOND, 4008 * SECOND)
        rig.daemon.say(IDENTITY, line(v2_message(cpu_stats=newer)))
        after = rig.sees(lambda found: values(found, "concert")["container_cpu_usage_seconds_total"] == 11.0)
        assert after.labels is before.labels


def test_only_the_newest_message_counts() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        several = b"".join(line(v2_message(cpu_stats=cpu(each * SECOND, None))) for each in (20, 21, 22))
        rig.daemon.say(IDENTITY, several)
        rig.sees(lambda found: values(found, "concert")["container_cpu_usage_seconds_total"] == 22.0)


def test_nothing_but_get_is_sent_and_the_client_refuses_to_send_more() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon.event("start", IDENTITY)
        eventually(lambda: rig.daemon.asked("/containers/json") > 1)
        assert {request.split()[0] for request in rig.daemon.requests} == {"GET"}
        client = ReadingClient("tcp://127.0.0.1:1", version="1.47")
        with pytest.raises(ScrapeError, match="refused to POST"):
            client.restart(IDENTITY)


def test_a_new_container_is_seen_by_its_event_and_not_by_waiting() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon.add(OTHER, "late")
        rig.daemon.event("start", OTHER)
        rig.sees_stats("concert", "late")


def test_f15_a_removed_container_is_stale_at_the_next_look() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "other")
        rig.sees_stats("concert", "other")
        rig.daemon.remove(OTHER)
        found = rig.sees(lambda scraped: not values(scraped, "other"))
        assert with_stats(found) == {"concert"}
        assert found.finding is None


def test_f15_a_container_whose_stats_end_has_none_although_no_event_came() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "other")
        rig.sees_stats("concert", "other")
        gone = rig.daemon.containers.pop(OTHER)
        rig.daemon._do(lambda: [rig.daemon._finish(writer) for writer in gone.writers])
        rig.sees(lambda scraped: not values(scraped, "other"))


def test_a_stopped_container_has_its_state_and_exit_code_and_no_stats() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "other")
        rig.sees_stats("concert", "other")
        rig.daemon.containers[OTHER].entry.update(State="exited", Status="Exited (137) 1 second ago")
        rig.daemon.containers[OTHER].details.update(
            inspection(OTHER, State={"ExitCode": 137}, RestartCount=2)
        )
        rig.daemon.say(OTHER, line(stopped_message()))
        rig.daemon.event("die", OTHER)
        found = rig.sees(lambda scraped: values(scraped, "other").get("container_exit_code") == 137)
        assert values(found, "other")["container_restarts_total"] == 2
        assert state(found, "other") == "exited"
        assert with_stats(found) == {"concert"}


def test_f15_oom_kills_are_counted_once_each_also_after_a_broken_event_stream() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon.event("oom", IDENTITY)
        rig.daemon.event("oom", IDENTITY)
        rig.sees(lambda found: values(found, "concert")["container_oom_events_total"] == 2)
        rig.daemon.end_events()
        eventually(lambda: rig.daemon.asked("since=1700000000.002000000") == 1)
        rig.daemon.event("oom", IDENTITY)
        rig.sees(lambda found: values(found, "concert")["container_oom_events_total"] == 3)


def test_health_and_limits_follow_events() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert", details={"State": {"Health": {"Status": "healthy"}}})
        rig.sees(lambda found: values(found, "concert").get("container_health_state") == 1.0)
        details = rig.daemon.containers[IDENTITY].details
        details["State"] = {"Health": {"Status": "unhealthy"}}
        details["HostConfig"] = {"Memory": 700 * MIB, "CpuQuota": 25_000, "CpuPeriod": 50_000}
        rig.daemon.event("health_status: unhealthy", IDENTITY)
        found = rig.sees(lambda scraped: values(scraped, "concert").get("container_health_state") == 0.0)
        numbers = values(found, "concert")
        assert numbers["container_spec_memory_limit_bytes"] == 700 * MIB
        assert (numbers["container_spec_cpu_quota"], numbers["container_spec_cpu_period"]) == (25_000, 50_000)
        assert numbers["docker_stats_cpu_limit_percent"] == 100.0  # half a processor of half a processor


def test_a_renamed_container_goes_by_its_new_name() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon.containers[IDENTITY].entry["Names"] = ["/ticket"]
        rig.daemon.event("rename", IDENTITY)
        found = rig.sees_stats("ticket")
        assert not values(found, "concert")


def test_project_and_labels_choose_containers() -> None:
    with watched("shop", watch="yes", team="") as rig:
        rig.daemon.add(IDENTITY, "concert", Labels=COMPOSE | {"watch": "yes", "team": "a"})
        rig.daemon.add(OTHER, "other", Labels={"watch": "yes"})
        found = rig.sees_stats("concert")
        assert not values(found, "other")
        wanted = 'label":["watch=yes","team","com.docker.compose.project=shop"]'
        assert wanted in rig.daemon.requests[1].replace(" ", "").replace("+", "")
        events = next(request for request in rig.daemon.requests if "/events" in request)
        assert wanted in events.replace("+", "")


def test_a_daemon_without_containers_is_up_with_nothing_to_show() -> None:
    with watched() as rig:
        found = rig.look()
    assert (found.labels, found.finding) == ((), None)


def test_over_tcp_the_same() -> None:
    with docker(None) as daemon:
        daemon.add(IDENTITY, "concert")
        endpoint = DockerEndpoint(None, "localhost", daemon.port)
        rig = Rig(daemon, DockerSource(DockerSettings(endpoint, None, {}, 50_000), Resolver()))
        try:
            rig.sees_stats("concert")
        finally:
            rig.source.close()


def test_a_daemon_that_comes_back_is_watched_again() -> None:
    with socket_path() as path:
        source = source_at(path)
        try:
            with docker(path) as first:
                first.add(IDENTITY, "concert")
                Rig(first, source).sees_stats("concert")
            assert Rig(first, source).fails().kind in (ErrorKind.REFUSED, ErrorKind.GONE)
            path.unlink(missing_ok=True)
            with docker(path) as second:
                second.version = "1.48"
                second.add(IDENTITY, "concert")
                rig = Rig(second, source)
                until(lambda: rig.failed() is None or None)
                rig.sees_stats("concert")
        finally:
            source.close()


def test_f15_500_containers_are_read_by_two_threads_and_leave_none_behind() -> None:
    threads = ThreadsBegun()
    with watched() as rig:
        for number in range(500):
            rig.daemon.add(f"{number:064x}", f"shop-{number}")
        found = rig.sees(lambda scraped: len(with_stats(scraped)) == 500)
        assert threads.alive("docker-") == ("docker-streams", "docker-watch")
        assert len(found.labels) > 500 * 30
        files = len(list(Path("/proc/self/fd").iterdir()))
        rig.source.close()
        eventually(lambda: rig.daemon.open == 0)
        assert len(list(Path("/proc/self/fd").iterdir())) <= files - 500
    eventually(lambda: not threads.alive())


def test_a_closed_source_may_be_asked_again() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.source.close()
        rig.sees_stats("concert")


def test_more_containers_than_there_may_be_are_refused_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collector.docker.MAX_CONTAINERS", 1)
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "other")
        error = rig.failure()
    assert error.kind is ErrorKind.LIMIT
    assert error.text == "2 containers (at most 1): choose by compose_project or container_labels"


def test_an_old_list_is_renewed_without_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_watch, "LIST_EVERY_SECONDS", 0.0)
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon.add(OTHER, "silent")
        rig.sees_stats("concert", "silent")


def test_a_list_is_late_by_the_time_since_it_was_due_however_seldom_one_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docker_watch, "LIST_EVERY_SECONDS", 0.2)
    monkeypatch.setattr(docker_watch, "LIST_UNANSWERED_SECONDS", 0.4)
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        time.sleep(1.0)
        rig.daemon.silent.add("/containers/json")
        assert with_stats(rig.look()) == {"concert"}
        error = until(rig.failed)
    assert error.kind is ErrorKind.TIMEOUT
    assert "the list of its containers has not come for 0." in error.text


def test_looks_at_what_has_not_changed_share_one_view() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_whole("concert")
        link = rig.source._link
        assert link is not None
        before = link.watch.view(soon())
        assert link.watch.view(soon()) is before
        rig.daemon.event("oom", IDENTITY)
        rig.sees(lambda found: values(found, "concert")["container_oom_events_total"] == 1)
        assert link.watch.view(soon()) is not before


def test_the_shipped_rules_on_cpu_work_unchanged() -> None:
    """1 s of processor time every second is all of a quota of one processor."""
    target = TargetLabels(labels_of({"job": "containers", "instance": "localhost"}), LabelLimits(64, 4096))
    store = Store()
    with watched() as rig:
        rig.daemon.add(IDENTITY, "database")
        rig.sees_whole("database")
        for second in range(12):
            usage = cpu(second * SECOND, (4000 + 4 * second) * SECOND)
            rig.daemon.say(IDENTITY, line(v2_message(cpu_stats=usage)))
            found = rig.sees(
                lambda scraped, second=second: (  # type: ignore[misc] # bound now on purpose
                    values(scraped, "database")["container_cpu_usage_seconds_total"] == second
                )
            )
            labels = target.apply(found.labels).labels
            store.append(Batch("containers", NOW + second, labels, found.values))
    answer = store.query(shipped_rules()["DatabaseCpuHigh"], NOW + 11)
    assert isinstance(answer, Vector)
    (sample,) = answer.samples
    assert dict(sample.labels) == {"job": "containers", "instance": "localhost", "name": "database"}
    assert sample.value == pytest.approx(1.0)


def shipped_rules() -> dict[str, str]:
    document = read_yaml(ROOT / "alerts/rules/cpu.yaml").plain()
    assert isinstance(document, dict)
    groups: Any = document["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_the_urllib3_that_is_loaded_is_urllib3_itself() -> None:
    """niquests, which grafana-client brings along, would put a fork under the same name."""
    program = (
        "import sys; import collector.docker_client, collector.sources; import urllib3;"
        "print(urllib3.__version__.split('.')[0], urllib3.__name__, hasattr(urllib3, 'AsyncPoolManager'),"
        " 'grafana_client' in sys.modules, 'niquests' in sys.modules, 'urllib3_future' in sys.modules)"
    )
    assert run(program) == "2 urllib3 False False False False"


def test_whoever_watches_no_docker_does_not_load_its_sdk() -> None:
    program = (
        "import sys; import collector.sources; print('docker' in sys.modules, 'requests' in sys.modules)"
    )
    assert run(program) == "False False"


def run(program: str) -> str:
    environment = os.environ | {"URLLIB3_NO_OVERRIDE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_a_look_takes_what_is_there_and_does_not_wait_for_stats() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert", b"")
        found = rig.source.fetch(NOW, soon())
        assert state(found, "concert") == "running"
        assert with_stats(found) == set()
        assert found.finding is None
