"""A report as one HTML page: its own styles and drawings inside, no script, nothing from anywhere else."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.document import Chart, Report
from reports.svg_chart import letter_rows, svg, time_scale

TEMPLATES = Path(__file__).parent / "templates"


def page(report: Report) -> str:
    """The whole page. Every word of the report is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(drawing=_drawing, letter_space=_letter_space)
    environment.filters.update(utc=utc)
    return environment.get_template("report.html").render(report=report)


def utc(at: float) -> str:
    """Unix seconds as people in different places read them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _drawing(chart: Chart) -> Markup:
    return Markup(svg(chart))  # noqa: S704 - every text in the drawing was escaped when it was drawn


def _letter_space(chart: Chart) -> int:
    """How many rows of letters stand above the chart."""
    return max(letter_rows(chart.marks, time_scale(chart.since, chart.until)), default=-1) + 1
