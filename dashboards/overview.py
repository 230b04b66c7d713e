"""The one dashboard we ship: the whole on-sale from the visitor to the machine, on one page."""

from dashboards.naming import Naming
from dashboards.panels import Colour, Dashboard, Link, Marks
from dashboards.rows_journey import GLANCE, POOL, QUEUE, SERVICE
from dashboards.rows_resources import CONTAINERS, DATABASE, HOST, REDIS
from dashboards.rows_showcall import ALERTS, SHOWCALL

ROWS = (GLANCE, ALERTS, QUEUE, SERVICE, POOL, DATABASE, REDIS, CONTAINERS, HOST, SHOWCALL)


def overview(naming: Naming, console: str, *, own_source: bool) -> Dashboard:
    """The dashboard of one stack.

    Args:
        naming: how its things are called.
        console: the address of Showcall's own pages.
        own_source: whether the data source is made by us too; else Grafana chooses one.
    """
    return Dashboard(
        uid=naming.dashboard,
        title=f"{naming.stack}: on-sale overview",
        description="Made by Showcall; changes made here are overwritten by its next push.",
        tags=("showcall", naming.stack_tag),
        data_source=(naming.data_source, naming.data_source_title) if own_source else None,
        rows=ROWS,
        marks=(
            Marks("Incidents", naming.incident_tags, Colour.RED),
            Marks("Actions", naming.action_tags, Colour.BLUE),
        ),
        links=(
            Link("Console", f"{console}/", "What Showcall sees and does now"),
            Link("Incidents", f"{console}/incidents", "Every incident with its timeline and evidence"),
        ),
    )
