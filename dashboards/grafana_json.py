"""A dashboard as Grafana's JSON (schema 42), without anything that a push or a save would change."""

from collections.abc import Iterator, Mapping, Sequence

from alerts.timeline import JsonValue
from dashboards.panels import Dashboard, Draw, Kind, Link, Marks, Panel, Query, Row, Step, Unit

Json = dict[str, JsonValue]

SCHEMA_VERSION = 42
COLUMNS = 24
DATA_SOURCE_VARIABLE = "datasource"
INTERVAL_VARIABLE = "interval"
INTERVALS = ("1s", "5s", "10s", "30s", "1m", "5m")
DEFAULT_INTERVAL = "5s"

_PROMETHEUS: Json = {"type": "prometheus", "uid": f"${{{DATA_SOURCE_VARIABLE}}}"}
_GRAFANA_ITSELF: Json = {"type": "grafana", "uid": "-- Grafana --"}


def dashboard_json(dashboard: Dashboard) -> Json:
    """The whole."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": list(dashboard.tags),
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-15m", "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "refresh": "5s",
        "fiscalYearStartMonth": 0,
        "schemaVersion": SCHEMA_VERSION,
        "templating": {"list": [_data_source_variable(dashboard), _interval_variable()]},
        "annotations": {"list": [_built_in_marks(), *map(_marks, dashboard.marks)]},
        "links": [_link(link) for link in dashboard.links],
        "panels": list(_panels(dashboard.rows)),
    }


def _data_source_variable(dashboard: Dashboard) -> Json:
    current: Json = {}
    if dashboard.data_source is not None:
        uid, name = dashboard.data_source
        current = {"text": name, "value": uid, "selected": False}
    return {
        "type": "datasource",
        "name": DATA_SOURCE_VARIABLE,
        "label": "Data source",
        "query": "prometheus",
        "current": current,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "regex": "",
        "options": [],
        "skipUrlSync": False,
    }


def _interval_variable() -> Json:
    """The least distance between points; ``$__rate_interval`` grows with it."""
    return {
        "type": "interval",
        "name": INTERVAL_VARIABLE,
        "label": "Resolution",
        "description": "The least time between two points; rates are taken over a little more.",
        "query": ",".join(INTERVALS),
        "current": {"text": DEFAULT_INTERVAL, "value": DEFAULT_INTERVAL, "selected": True},
        "options": [
            {"text": each, "value": each, "selected": each == DEFAULT_INTERVAL} for each in INTERVALS
        ],
        "auto": False,
        "auto_count": 30,
        "auto_min": "10s",
        "hide": 0,
        "refresh": 2,
        "skipUrlSync": False,
    }


def _built_in_marks() -> Json:
    return {
        "builtIn": 1,
        "datasource": _GRAFANA_ITSELF,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _marks(marks: Marks) -> Json:
    return {
        "datasource": _GRAFANA_ITSELF,
        "enable": True,
        "hide": False,
        "iconColor": marks.colour.value,
        "name": marks.name,
        "target": {"type": "tags", "tags": list(marks.tags), "matchAny": False, "limit": 100},
    }


def _link(link: Link) -> Json:
    return {
        "title": link.title,
        "type": "link",
        "icon": "external link",
        "tooltip": link.tooltip,
        "url": link.url,
        "tags": [],
        "asDropdown": False,
        "targetBlank": True,
        "includeVars": False,
        "keepTime": False,
    }


def _panels(rows: Sequence[Row]) -> Iterator[Json]:
    """Ids count by row, so that a new panel in one row leaves those of the others alone."""
    y = 0
    for number, row in enumerate(rows, start=1):
        yield {
            "type": "row",
            "id": number * 100,
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        x = 0
        for place, panel in enumerate(row.panels, start=1):
            if x + panel.width > COLUMNS:
                x, y = 0, y + row.height
            yield _panel(panel, number * 100 + place, {"h": row.height, "w": panel.width, "x": x, "y": y})
            x += panel.width
        y += row.height


def _panel(panel: Panel, number: int, place: Json) -> Json:
    refs = [chr(ord("A") + index) for index in range(len(panel.queries))]
    return {
        "type": panel.kind.value,
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "datasource": _PROMETHEUS,
        "gridPos": place,
        "interval": f"${INTERVAL_VARIABLE}",
        "targets": [
            _target(query, ref, instant=panel.kind is Kind.NUMBER)
            for query, ref in zip(panel.queries, refs, strict=True)
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": _overrides(panel.queries, refs)},
        "options": _options(panel),
    }


def _target(query: Query, ref: str, *, instant: bool) -> Json:
    return {
        "refId": ref,
        "datasource": _PROMETHEUS,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": instant,
        "range": not instant,
    }


def _field(panel: Panel) -> Json:
    field: Json = {
        "unit": panel.unit.value,
        "color": {"mode": "palette-classic" if panel.kind is Kind.GRAPH else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "mappings": _mappings(panel),
    }
    if panel.kind is Kind.GRAPH:
        field |= {"custom": _graph_style(panel)}
    elif panel.kind is Kind.STATES:
        field |= {"custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": False}}
    if panel.kind is not Kind.STATES and panel.unit is not Unit.BYTES_PER_SECOND:
        field |= {"min": 0}
    named: Mapping[str, JsonValue] = {"max": panel.maximum, "decimals": panel.decimals}
    return field | {name: value for name, value in named.items() if value is not None}


def _steps(panel: Panel) -> list[JsonValue]:
    base = Step(0.0, panel.base)
    return [
        {"color": step.colour.value, "value": None if step is base else step.value}
        for step in (base, *panel.steps)
    ]


def _mappings(panel: Panel) -> list[JsonValue]:
    if not panel.states:
        return []
    options: Json = {
        str(value): {"text": state.text, "color": state.colour.value, "index": index}
        for index, (value, state) in enumerate(sorted(panel.states.items()))
    }
    return [{"type": "value", "options": options}]


def _graph_style(panel: Panel) -> Json:
    scale: Json = {"type": "log", "log": 10} if panel.logarithmic else {"type": "linear"}
    return {
        "drawStyle": "bars" if panel.draw is Draw.BARS else "line",
        "lineInterpolation": "stepAfter" if panel.draw is Draw.STEPS else "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if panel.draw is Draw.BARS else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.draw is Draw.BARS else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        "scaleDistribution": scale,
        "axisPlacement": "auto",
    }


def _overrides(queries: Sequence[Query], refs: Sequence[str]) -> list[JsonValue]:
    dashed: list[JsonValue] = [
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
        {"id": "custom.fillOpacity", "value": 0},
    ]
    return [
        {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": dashed}
        for query, ref in zip(queries, refs, strict=True)
        if query.bound
    ]


def _options(panel: Panel) -> Json:
    match panel.kind:
        case Kind.GRAPH:
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case Kind.NUMBER:
            return {
                "graphMode": "none",
                "colorMode": "value",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "value",
                "wideLayout": True,
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            }
        case Kind.STATES:
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
                "mergeValues": True,
                "showValue": "auto",
                "alignValue": "left",
                "rowHeight": 0.9,
            }
