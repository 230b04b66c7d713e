"""Grafana's HTTP API, by grafana-client: the only file that knows that library.

It is imported when the first call is made, never before: it brings an HTTP library of its own (and a fork of
urllib3) that nothing else here should load.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias
from urllib.parse import quote, urlsplit

from dashboards import trouble
from dashboards.access import Access
from dashboards.grafana_json import Json
from dashboards.trouble import Asked, GrafanaError, Trouble

FOUND_AT_MOST = 500

Api: TypeAlias = Any
"""The library's client, which has no types."""


class Grafana(Protocol):
    """What we need of a Grafana. Every member raises GrafanaError; what is not there is None."""

    def folder(self, uid: str) -> Json | None:
        """The folder."""
        ...

    def create_folder(self, uid: str, title: str) -> None:
        """A new one."""
        ...

    def rename_folder(self, uid: str, title: str) -> None:
        """Another title for one that is there."""
        ...

    def data_source(self, uid: str) -> Json | None:
        """The data source, without its secrets."""
        ...

    def create_data_source(self, model: Json) -> None:
        """A new one."""
        ...

    def update_data_source(self, uid: str, model: Json) -> None:
        """Other settings for one that is there."""
        ...

    def dashboard(self, uid: str) -> Json | None:
        """The dashboard (``dashboard``) and what Grafana says of it (``meta``)."""
        ...

    def save_dashboard(self, uid: str, request: Json) -> None:
        """Create or overwrite."""
        ...

    def annotations(self, tags: Sequence[str], at: int) -> Sequence[Json]:
        """Those that carry all of the tags and cover a moment (milliseconds)."""
        ...

    def add_annotation(self, annotation: Json) -> int:
        """A new one; its id."""
        ...

    def edit_annotation(self, number: int, annotation: Json) -> bool:
        """Replace one; False when it is not there any more."""
        ...


class GrafanaHttp:
    """A Grafana over HTTP. Used by one thread; ``with`` closes its connections."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._api: Api = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go; the next call makes new ones."""
        if self._api is not None:
            self._api.client.s.close()
            self._api = None

    def folder(self, uid: str) -> Json | None:
        """As in ``Grafana``."""
        asked = Asked(f"read the folder {uid}", "folders:read")
        return self._object_or_none(asked, lambda api: api.folder.get_folder(uid))

    def create_folder(self, uid: str, title: str) -> None:
        """As in ``Grafana``."""
        asked = Asked(f"create the folder {title!r}", "folders:create (role Editor)", write=True)
        self._object(asked, lambda api: api.folder.create_folder(title, uid=uid))

    def rename_folder(self, uid: str, title: str) -> None:
        """As in ``Grafana``."""
        asked = Asked(f"rename the folder {uid} to {title!r}", "folders:write (role Editor)", write=True)
        self._object(asked, lambda api: api.folder.update_folder(uid, title=title, overwrite=True))

    def data_source(self, uid: str) -> Json | None:
        """As in ``Grafana``."""
        asked = Asked(f"read the data source {uid}", "datasources:read (role Admin)")
        return self._object_or_none(asked, lambda api: api.datasource.get_datasource_by_uid(uid))

    def create_data_source(self, model: Json) -> None:
        """As in ``Grafana``."""
        asked = Asked(
            f"create the data source {model['name']!r}", "datasources:create (role Admin)", write=True
        )
        self._object(asked, lambda api: api.datasource.create_datasource(model))

    def update_data_source(self, uid: str, model: Json) -> None:
        """As in ``Grafana``."""
        asked = Asked(f"change the data source {uid}", "datasources:write (role Admin)", write=True)
        self._object(asked, lambda api: api.datasource.update_datasource_by_uid(uid, model))

    def dashboard(self, uid: str) -> Json | None:
        """As in ``Grafana``."""
        asked = Asked(f"read the dashboard {uid}", "dashboards:read")
        return self._object_or_none(asked, lambda api: api.dashboard.get_dashboard(uid))

    def save_dashboard(self, uid: str, request: Json) -> None:
        """As in ``Grafana``."""
        permission = "dashboards:create and dashboards:write in its folder (role Editor)"
        asked = Asked(f"save the dashboard {uid}", permission, write=True)
        self._object(asked, lambda api: api.dashboard.update_dashboard(request))

    def annotations(self, tags: Sequence[str], at: int) -> Sequence[Json]:
        """As in ``Grafana``."""
        asked = Asked("look for annotations", "annotations:read")
        quoted = [quote(tag, safe="") for tag in tags]
        found = self._ask(
            asked,
            lambda api: api.annotations.find_annotations(
                time_from=at - 1, time_to=at + 1, tags=quoted, ann_type="annotation", limit=FOUND_AT_MOST
            ),
        )
        if not isinstance(found, list):
            raise trouble.not_grafana(asked, self._access.url, "something else than a list")
        return [each for each in found if isinstance(each, dict)]

    def add_annotation(self, annotation: Json) -> int:
        """As in ``Grafana``."""
        asked = Asked("add an annotation", "annotations:create (role Editor)", write=True)
        made = self._object(asked, lambda api: api.client.POST("/annotations", json=annotation))
        number = made.get("id")
        if not isinstance(number, int):
            raise trouble.not_grafana(asked, self._access.url, "an answer without an id")
        return number

    def edit_annotation(self, number: int, annotation: Json) -> bool:
        """As in ``Grafana``."""
        asked = Asked(f"edit the annotation {number}", "annotations:write (role Editor)", write=True)
        path = f"/annotations/{number}"
        return self._object_or_none(asked, lambda api: api.client.PUT(path, json=annotation)) is not None

    def _object_or_none(self, asked: Asked, call: Callable[[Api], object]) -> Json | None:
        try:
            return self._object(asked, call)
        except GrafanaError as error:
            if error.trouble is Trouble.NOT_FOUND:
                return None
            raise

    def _object(self, asked: Asked, call: Callable[[Api], object]) -> Json:
        answer = self._ask(asked, call)
        if isinstance(answer, dict):
            return answer
        raise trouble.not_grafana(asked, self._access.url, f"{str(answer)[:40]!r}")

    def _ask(self, asked: Asked, call: Callable[[Api], object]) -> object:
        from grafana_client.client import GrafanaException, GrafanaTimeoutError  # noqa: PLC0415 - see above
        from niquests import exceptions as http  # noqa: PLC0415

        where = self._access.url
        try:
            return call(self._opened())
        except GrafanaTimeoutError as error:
            early = isinstance(error.__cause__, http.ConnectTimeout)
            failed = trouble.not_connected if early else trouble.lost
            raise failed(asked, where, f"none within {self._access.timeout:g} s") from None
        except GrafanaException as error:
            raise self._refused(asked, error) from None
        except http.TooManyRedirects:
            raise trouble.not_grafana(asked, where, "a redirect to another address") from None
        except http.InvalidJSONError:
            raise trouble.not_grafana(asked, where, "something else") from None
        except http.SSLError as error:
            raise trouble.tls_failed(asked, where, self._safe(cause(error))) from None
        except http.RequestException as error:
            failed = trouble.not_connected if never_sent(error) else trouble.lost
            raise failed(asked, where, self._safe(cause(error))) from None
        except OSError as error:
            raise trouble.tls_failed(asked, where, self._safe(str(error))) from None

    def _refused(self, asked: Asked, error: Any) -> GrafanaError:
        said = error.response.get("message", "") if isinstance(error.response, dict) else ""
        if error.status_code == 404 and not said:
            return trouble.not_grafana(asked, self._access.url, "404 without Grafana's message")
        return trouble.refused(asked, self._access.url, error.status_code, self._safe(str(said)))

    def _safe(self, text: str) -> str:
        return text.replace(self._access.token, "…")

    def _opened(self) -> Api:
        if self._api is None:
            self._api = opened(self._access)
        return self._api


def opened(access: Access) -> Api:
    """The library's client; nothing goes out yet."""
    from grafana_client.api import GrafanaApi  # noqa: PLC0415 - see above

    parts = urlsplit(access.url)
    prefix = parts.path.strip("/")
    host = parts.hostname or ""
    api = GrafanaApi(
        auth=access.token,
        host=f"[{host}]" if ":" in host else host,
        port=parts.port,
        url_path_prefix=f"{prefix}/" if prefix else "",
        protocol=parts.scheme,
        verify=str(access.ca_file) if access.ca_file else True,
        timeout=access.timeout,
        user_agent="showcall",
    )
    # A redirect means a wrong address: following it would turn a write into a read.
    api.client.s.max_redirects = 0
    return api


def never_sent(error: Exception) -> bool:
    """Whether no connection was made at all, so that nothing can have been done."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return type(inner).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


def cause(error: BaseException) -> str:
    """The innermost reason's own text, without names of classes and addresses of objects."""
    inner: object = error
    while isinstance(inner, BaseException):
        below = getattr(inner, "reason", None)
        if not isinstance(below, BaseException):
            below = inner.args[0] if inner.args and isinstance(inner.args[0], BaseException) else None
        if below is None:
            break
        inner = below
    text = str(inner)
    return text.rpartition("object at 0x")[2].partition(": ")[2] or text
