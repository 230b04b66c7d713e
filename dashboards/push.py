"""Our folder, data source and dashboard, put into Grafana; what is there as wanted is left alone."""

from collections.abc import Iterator, Sequence

from dashboards import access, naming
from dashboards.grafana import Grafana
from dashboards.grafana_json import Json, dashboard_json
from dashboards.naming import Naming
from dashboards.overview import overview
from dashboards.plan import Found, Part, Step, Verdict, Wanted
from settings.schema import Settings

LINES_AT_MOST = 60
_WILL = {Verdict.SAME: "as wanted", Verdict.CREATE: "to be created", Verdict.CHANGE: "to be changed"}
_DID = {Verdict.SAME: "left as it is", Verdict.CREATE: "created", Verdict.CHANGE: "changed"}


def wanted(settings: Settings) -> Wanted:
    """What the configuration wants in Grafana. Raises GrafanaError for a token that cannot be read."""
    names = Naming(settings.name)
    return Wanted(
        folder_uid=naming.FOLDER,
        folder_title=settings.grafana.folder,
        data_source=_data_source(settings, names),
        dashboard=dashboard(settings),
        secrets=_secrets(settings),
    )


def dashboard(settings: Settings) -> Json:
    """The overview as Grafana's JSON."""
    console = settings.web.public_url or f"http://{settings.web.host}:{settings.web.port}"
    own_source = settings.grafana.data_source_url is not None
    return dashboard_json(overview(Naming(settings.name), console, own_source=own_source))


def found(wanted: Wanted, grafana: Grafana) -> Found:
    """What is there. Raises GrafanaError."""
    source = wanted.data_source
    return Found(
        folder=grafana.folder(wanted.folder_uid),
        data_source=grafana.data_source(str(source["uid"])) if source else None,
        dashboard=grafana.dashboard(str(wanted.dashboard["uid"])),
    )


def carry_out(steps: Sequence[Step], grafana: Grafana) -> Iterator[Step]:
    """Do what is to be done, giving each step when it is done. Raises GrafanaError."""
    for step in steps:
        if step.request is not None:
            _carry_out(step, step.request, grafana)
        yield step


def _carry_out(step: Step, request: Json, grafana: Grafana) -> None:
    match step.part, step.verdict:
        case Part.FOLDER, Verdict.CREATE:
            grafana.create_folder(step.uid, step.title)
        case Part.FOLDER, _:
            grafana.rename_folder(step.uid, step.title)
        case Part.DATA_SOURCE, Verdict.CREATE:
            grafana.create_data_source(request)
        case Part.DATA_SOURCE, _:
            grafana.update_data_source(step.uid, request)
        case Part.DASHBOARD, _:
            grafana.save_dashboard(step.uid, request)


def lines(step: Step, *, done: bool) -> Iterator[str]:
    """What is told of a step: one line, and below it what differs."""
    verdict = (_DID if done else _WILL)[step.verdict]
    yield f"{step.part:<12} {step.title} ({step.uid}): {verdict}"
    if done:
        return
    if step.note:
        yield f"    {step.note}"
    shown = step.differences[:LINES_AT_MOST]
    yield from (f"    {difference}" for difference in shown)
    if len(step.differences) > len(shown):
        yield f"    … and {len(step.differences) - len(shown)} more"


def _data_source(settings: Settings, names: Naming) -> Json | None:
    url = settings.grafana.data_source_url
    if url is None:
        return None
    options: Json = {"httpMethod": "POST", "timeInterval": _pace(settings.collector.interval)}
    file = settings.grafana.data_source_token_file
    if file is not None:
        # The token is never shown again, so its file's time tells that it was replaced.
        options |= {"httpHeaderName1": "Authorization", "showcallTokenOf": access.file_time(file)}
    return {
        "uid": names.data_source,
        "name": names.data_source_title,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "jsonData": options,
    }


def _secrets(settings: Settings) -> dict[str, str]:
    file = settings.grafana.data_source_token_file
    if file is None or settings.grafana.data_source_url is None:
        return {}
    return {"httpHeaderValue1": f"Bearer {access.token_in(file, 'grafana.data_source_token_file')}"}


def _pace(seconds: float) -> str:
    """An interval as Grafana writes it."""
    return f"{seconds:g}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"
