"""The stack in containers, as far as it can be judged without a container engine."""

import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import jsonschema
import pytest

import configuration
import settings
from settings.schema import TargetKind
from tests.stack.compose_rig import COMPOSE, RAISED, ROOT, SECRETS, STACK, Json, read_compose, services

ONCE = {"prepare", "k6"}
MAY_HAVE_THE_SOCKET = {"docker_api"}
WITHOUT_READING_ROOTS = {"networks", "volumes", "configs", "secrets"}

every_service = pytest.mark.parametrize("name", sorted(services()))


def named(entries: list[object] | Json) -> list[str]:
    """What a service's list refers to, in its short and its long form."""
    return [str(each["source"]) if isinstance(each, dict) else str(each) for each in entries]


def mounts(service: Json) -> list[list[str]]:
    return [str(each).split(":") for each in service.get("volumes", [])]


@pytest.mark.parametrize("path", [COMPOSE, RAISED], ids=lambda path: path.name)
def test_the_file_is_what_the_compose_specification_allows(path: Path) -> None:
    schema = read_compose(ROOT / "tests/stack/compose_spec/compose_spec.json")
    document = read_compose(path)
    document.pop("name", None)
    problems = jsonschema.Draft7Validator(schema).iter_errors(document)
    assert [f"{'.'.join(map(str, problem.absolute_path))}: {problem.message}" for problem in problems] == []


def test_the_projects_name_is_one_that_compose_takes() -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", read_compose(COMPOSE)["name"])


@pytest.mark.parametrize("kind", sorted(WITHOUT_READING_ROOTS))
def test_everything_a_service_refers_to_exists_and_everything_there_is_used(kind: str) -> None:
    document = read_compose(COMPOSE)
    used = {
        name
        for service in document["services"].values()
        for name in (
            [mount[0] for mount in mounts(service) if not mount[0].startswith((".", "/"))]
            if kind == "volumes"
            else named(service.get(kind, []))
        )
    }
    assert used == set(document[kind])


@every_service
def test_what_a_service_waits_for_exists_and_can_become_so(name: str) -> None:
    all_services = services()
    service = all_services[name]
    for other, wait in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert wait["condition"] == wanted
        missing = set(all_services[other].get("profiles", [])) - set(service.get("profiles", []))
        assert missing == set(), f"{other} does not start with {name}"


def test_every_file_that_is_mounted_exists() -> None:
    document = read_compose(COMPOSE)
    files = [each["file"] for each in document["configs"].values()]
    files += [f"{each['file']}.example" for each in document["secrets"].values()]
    files += [
        mount[0] for one in document["services"].values() for mount in mounts(one) if mount[0][0] == "."
    ]
    assert [file for file in files if not (STACK / file).exists()] == []


@every_service
def test_a_service_says_how_it_is_or_ends_by_itself(name: str) -> None:
    service = services()[name]
    if name in ONCE:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


@every_service
def test_a_service_has_limits_and_logs_that_end(name: str) -> None:
    service = services()[name]
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[MG]", limits["memory"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@every_service
def test_a_service_is_nobody_special(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"(?!0+(:|$))(?!root)[a-z0-9]+(:.+)?", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices"} & set(service)


@every_service
def test_an_image_has_a_fixed_version(name: str) -> None:
    image = services()[name]["image"]
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", image), image


@every_service
def test_only_the_read_only_proxy_has_the_docker_socket(name: str) -> None:
    sockets = [mount for mount in mounts(services()[name]) if "docker.sock" in mount[0]]
    assert sockets == (
        [["/var/run/docker.sock", "/var/run/docker.sock", "ro"]] if name in MAY_HAVE_THE_SOCKET else []
    )


def test_the_proxy_lets_what_showcall_asks_through_and_nothing_that_changes_anything() -> None:
    command = services()["docker_api"]["command"]
    allowed = [
        option.removeprefix("-allow").split("=", 1) for option in command if option.startswith("-allow")
    ]
    methods = {parts[0]: parts[1] for parts in allowed if len(parts) == 2}
    assert set(methods) == {"GET", "from"}
    assert methods["from"] == "showcall"
    expression = re.compile(methods["GET"])
    asked = ["/_ping", "/version", "/v1.47/version", "/v1.47/events", "/v1.47/containers/json"]
    asked += ["/v1.47/containers/0123abcd/json", "/v1.50/containers/0123abcd/stats"]
    assert [path for path in asked if not expression.fullmatch(path)] == []
    refused = ["archive", "logs", "attach/ws", "start", "exec", "top"]
    refused = [f"/v1.47/containers/0123abcd/{word}" for word in refused]
    refused += [
        "/v1.47/secrets",
        "/v1.47/images/json",
        "/v1.47/exec/x/json",
        "/v1.47/containers/../json",
        "/info",
    ]
    assert [path for path in refused if expression.fullmatch(path)] == []
    assert services()["docker_api"]["networks"] == ["docker_api"]


def test_ports_are_published_on_this_machine_only_and_never_that_of_the_levers() -> None:
    published = {name: one["ports"] for name, one in services().items() if "ports" in one}
    assert set(published) == {"concert", "showcall", "prometheus", "grafana"}
    for name, ports in published.items():
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert "outside" in services()[name]["networks"]
    assert not any("18081" in port for port in published["concert"])


def test_networks_without_published_ports_lead_nowhere() -> None:
    networks = read_compose(COMPOSE)["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"outside"}
    unpublished = {name for name, one in services().items() if "ports" not in one}
    assert [name for name in unpublished if "outside" in services()[name]["networks"]] == []


def test_no_file_holds_a_secret() -> None:
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert str(value).removeprefix("/run/secrets/") in service["secrets"]
    texts = [path for path in (STACK / "compose").rglob("*") if path.is_file() and path.parent != SECRETS]
    for path in [COMPOSE, RAISED, *texts]:
        assert not re.search(
            r"(?i)password\"?[:=] *\"?[^\s/\"${]|://[^/\s:]+:[^/\s]+@", path.read_text("utf-8")
        ), path


def test_the_services_limits_are_those_of_the_published_report() -> None:
    limits = services()["concert"]["deploy"]["resources"]["limits"]
    assert limits == {"cpus": "1", "memory": "500M"}
    assert services(RAISED)["concert"]["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "1G"}


def test_git_and_image_builds_never_see_a_secret() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"stack/compose/secrets/*", "!stack/compose/secrets/*.example", "stack/.env", "stack/run/"} <= set(
        ignored
    )
    left_out = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in left_out
    assert {"/stack/run", "/stack/.env", "/stack/compose/secrets"} <= set(left_out)


def prepared(folder: Path, docker_socket: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(folder / "compose" / "prepare.sh")],
        capture_output=True,
        text=True,
        check=False,
        env={"DOCKER_SOCKET": str(docker_socket), "PATH": "/usr/bin:/bin"},
    )


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    """A stack folder as it is after a fresh clone."""
    secrets = tmp_path / "stack" / "compose" / "secrets"
    secrets.mkdir(parents=True)
    for example in SECRETS.glob("*.example"):
        shutil.copy(example, secrets)
    shutil.copy(STACK / "compose" / "prepare.sh", secrets.parent)
    return tmp_path / "stack"


def test_the_script_makes_random_secrets_once_and_says_whose_the_socket_is(stack_folder: Path) -> None:
    def made() -> dict[str, str]:
        found = (stack_folder / "compose" / "secrets").iterdir()
        return {path.name: path.read_text("utf-8") for path in found if not path.suffix}

    # Not under tmp_path: the name of a socket must be short.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        docker_socket = Path(folder) / "docker.sock"
        listener.bind(str(docker_socket))
        assert prepared(stack_folder, docker_socket).returncode == 0
        first = made()
        assert prepared(stack_folder, docker_socket).returncode == 0
        group = docker_socket.stat().st_gid
    assert set(first) == set(read_compose(COMPOSE)["secrets"])
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in first.values())
    assert len(set(first.values())) == len(first)
    assert made() == first
    assert (stack_folder / ".env").read_text("utf-8") == f"DOCKER_GID={group}\n"
    assert (stack_folder / "compose" / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_script_says_what_to_do_where_there_is_no_docker(stack_folder: Path) -> None:
    ended = prepared(stack_folder, stack_folder / "no.sock")
    assert ended.returncode == 1
    assert "no.sock is no socket: write DOCKER_GID=" in ended.stderr


def test_showcalls_configuration_passes_the_check() -> None:
    found = configuration.load(STACK / "compose" / "config.yaml")
    assert found.rules.groups
    assert found.catalog.runbooks


def test_showcall_looks_at_services_by_their_names_and_at_ports_they_have() -> None:
    loaded = settings.load(STACK / "compose" / "config.yaml")
    names = set(services())
    for target in loaded.collector.targets:
        if target.url is not None:
            assert re.split("[:/]+", target.url)[1] in names
        elif target.kind is not TargetKind.LOG:
            assert target.host in names
    log = next(target for target in loaded.collector.targets if target.kind is TargetKind.LOG)
    service = read_compose(STACK / "compose" / "service.json")
    assert str(log.file) == service["logFile"]
    folder = str(Path(service["logFile"]).parent)
    assert ["concert_log", folder] in mounts(services()["concert"])
    assert ["concert_log", folder, "ro"] in mounts(services()["showcall"])
    containers = next(target for target in loaded.collector.targets if target.kind is TargetKind.DOCKER)
    assert containers.compose_project == read_compose(COMPOSE)["name"]


def test_topology_and_levers_are_those_of_the_demo() -> None:
    here, demo = settings.load(STACK / "compose" / "config.yaml"), settings.load(ROOT / "config.yaml")
    moved = [
        lever.model_copy(update={"url": lever.url.replace("127.0.0.1", "concert")}) for lever in demo.levers
    ]
    assert list(here.levers) == moved
    assert here.topology == demo.topology


def test_containers_have_the_names_that_rules_and_topology_ask_for() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "alerts/rules").glob("*.yaml"))
    text += (STACK / "compose" / "config.yaml").read_text("utf-8")
    asked = set(re.findall(r'container_\w+\{name="(\w+)"', text))
    assert asked
    assert asked <= {service["container_name"] for service in services().values()}


@pytest.mark.parametrize("file", ["service.json", "prepare.json"])
def test_the_services_files_refer_to_mounted_secrets_and_to_services(file: str) -> None:
    values = read_compose(STACK / "compose" / file)
    service = services()["concert" if file == "service.json" else "prepare"]
    for key, value in values.items():
        if key.endswith("PasswordFile"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    hosts = {
        values.get("valkeyHost", "redis"),
        *re.findall("@([a-z]+):", values.get("databaseUrl", "@database:")),
    }
    assert hosts <= set(services())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there")
def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    shutil.copy(STACK / "compose" / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "alerts" / "rules", tmp_path / "rules")
    asked = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")
def test_the_load_scripts_syntax_is_right(tmp_path: Path) -> None:
    # As a module by its name: node takes .js for the older kind.
    script = shutil.copy(STACK / "k6" / "pool_exhaustion.js", tmp_path / "pool_exhaustion.mjs")
    asked = subprocess.run(["node", "--check", script], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr


def test_the_load_script_walks_the_drills_journey() -> None:
    script = (STACK / "k6" / "pool_exhaustion.js").read_text("utf-8")
    for path in (
        "/queue/token/issue",
        "/queue/token/query",
        "/date`",
        "http.del(`${BASE}/api/v1/user/queue/token`",
    ):
        assert path in script
    assert "const QUERIES = 5;" in script
    assert "'http_req_duration{name:date}': ['p(95)<2500']" in script
