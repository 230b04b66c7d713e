"""What a push would do: the things we want in Grafana against those that are there. Nothing is sent here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dashboards.difference import Difference, differences
from dashboards.grafana_json import Json
from dashboards.trouble import GrafanaError, Trouble


class Part(StrEnum):
    """The things that are pushed, in this order."""

    FOLDER = "folder"
    DATA_SOURCE = "data source"
    DASHBOARD = "dashboard"


class Verdict(StrEnum):
    """What is to be done with one of them."""

    SAME = "same"
    CREATE = "create"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What we want; ``data_source`` is None where people look after it themselves.

    ``secrets`` go with the data source; Grafana keeps them and never shows them again.
    """

    folder_uid: str
    folder_title: str
    data_source: Json | None
    dashboard: Json
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What is in Grafana; None where nothing is. ``dashboard`` holds ``dashboard`` and ``meta``."""

    folder: Json | None
    data_source: Json | None
    dashboard: Json | None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one thing.

    Attributes:
        note: about what is there and would be overwritten, e.g. who saved it last.
        request: what is sent; empty when nothing is.
    """

    part: Part
    uid: str
    title: str
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    note: str = ""
    request: Json | None = field(default=None, repr=False)


def plan(wanted: Wanted, found: Found) -> tuple[Step, ...]:
    """One step per thing.

    Raises:
        GrafanaError: something would have to be changed that Grafana keeps in files of its own.
    """
    steps = (_folder(wanted, found), _data_source(wanted, found), _dashboard(wanted, found))
    return tuple(step for step in steps if step is not None)


def differs(steps: tuple[Step, ...]) -> bool:
    """Whether a push would do anything."""
    return any(step.verdict is not Verdict.SAME for step in steps)


def _folder(wanted: Wanted, found: Found) -> Step:
    here: Json = {"title": wanted.folder_title}
    there = None if found.folder is None else {"title": found.folder.get("title")}
    return _step(Part.FOLDER, wanted.folder_uid, wanted.folder_title, there=there, here=here)


def _data_source(wanted: Wanted, found: Found) -> Step | None:
    here, there = wanted.data_source, found.data_source
    if here is None:
        return None
    ours = None if there is None else _ours_of(there, here)
    step = _step(Part.DATA_SOURCE, str(here["uid"]), str(here["name"]), there=ours, here=here)
    if there is None:
        return _with_request(step, {**here, **_secret(wanted)})
    missing = [name for name in wanted.secrets if name not in _mapping(there.get("secureJsonFields"))]
    if missing:
        lacking = tuple(Difference(f"secureJsonData.{name}", None, "a secret") for name in missing)
        step = replace(step, verdict=Verdict.CHANGE, differences=(*step.differences, *lacking))
    if step.verdict is not Verdict.SAME:
        _refuse_files(step, bool(there.get("readOnly")))
    return _with_request(step, {**_merged(there, here), **_secret(wanted)})


def _dashboard(wanted: Wanted, found: Found) -> Step:
    here, there = wanted.dashboard, found.dashboard
    uid, title = str(here["uid"]), str(here["title"])
    request: Json = {"folderUid": wanted.folder_uid, "message": "Pushed by Showcall", "overwrite": False}
    if there is None:
        created = _step(Part.DASHBOARD, uid, title, there=None, here=here)
        return _with_request(created, {"dashboard": {**here, "id": None}, **request})
    model, meta = _mapping(there.get("dashboard")), _mapping(there.get("meta"))
    step = _step(
        Part.DASHBOARD,
        uid,
        title,
        there={**model, "folder": meta.get("folderUid")},
        here={**here, "folder": wanted.folder_uid},
        note=_last_saved(meta),
    )
    if step.verdict is not Verdict.SAME:
        _refuse_files(step, bool(meta.get("provisioned")))
    # Without overwrite Grafana refuses what was planned on an older version: nobody's edit is lost unseen.
    saved: Json = {**here, "id": None, "version": model.get("version", meta.get("version"))}
    return _with_request(step, {"dashboard": saved, **request})


def _step(part: Part, uid: str, title: str, *, there: Json | None, here: Json, note: str = "") -> Step:
    if there is None:
        return Step(part, uid, title, Verdict.CREATE, request=here)
    found = tuple(differences(there, here))
    if not found:
        return Step(part, uid, title, Verdict.SAME)
    return Step(part, uid, title, Verdict.CHANGE, found, note, request=here)


def _with_request(step: Step, request: Json) -> Step:
    return step if step.verdict is Verdict.SAME else replace(step, request=request)


def _secret(wanted: Wanted) -> Json:
    return {"secureJsonData": dict(wanted.secrets)} if wanted.secrets else {}


def _ours_of(there: Json, here: Json) -> Json:
    """Those keys of a data source that we set; people may set others."""
    chosen: Json = {key: there[key] for key in here if key in there}
    options = _mapping(there.get("jsonData"))
    return chosen | {"jsonData": {key: options[key] for key in _mapping(here["jsonData"]) if key in options}}


def _merged(there: Json, here: Json) -> Json:
    options = {**_mapping(there.get("jsonData")), **_mapping(here["jsonData"])}
    return {**there, **here, "jsonData": options}


def _mapping(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}


def _last_saved(meta: Json) -> str:
    who, when = meta.get("updatedBy"), meta.get("updated")
    if not who:
        return ""
    return f"last saved by {who} at {when}; Grafana keeps that as version {meta.get('version')}"


def _refuse_files(step: Step, kept_in_files: bool) -> None:
    if kept_in_files:
        text = (
            f"the {step.part} {step.title!r} ({step.uid}) is provisioned from a file of Grafana's, which no "
            "push can change: remove it there, or change it there "
            f"({'; '.join(map(str, step.differences[:3]))})"
        )
        raise GrafanaError(Trouble.REJECTED, text)
