"""How the things that Showcall makes in Grafana are called. Several Showcalls can share one Grafana."""

import hashlib
import re
from dataclasses import dataclass

UID_LENGTH = 40
FOLDER = "showcall"
"""Uid of the folder: one for all stacks."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one stack's things; ``stack`` is the ``name`` in the configuration."""

    stack: str

    @property
    def dashboard(self) -> str:
        """Uid of the overview."""
        return self._uid("overview")

    @property
    def data_source(self) -> str:
        """Uid of the data source."""
        return self._uid("metrics")

    @property
    def data_source_title(self) -> str:
        """What people choose it by."""
        return f"Showcall {self.stack}"

    @property
    def stack_tag(self) -> str:
        """On everything of this stack."""
        return f"stack:{self.stack}"

    @property
    def incident_tags(self) -> tuple[str, ...]:
        """On every annotation of an incident."""
        return ("showcall", self.stack_tag, "incident")

    @property
    def action_tags(self) -> tuple[str, ...]:
        """On every annotation of an action."""
        return ("showcall", self.stack_tag, "action")

    def _uid(self, what: str) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.stack.lower()).strip("-")
        room = UID_LENGTH - len(f"showcall--{what}")
        if slug != self.stack or len(slug) > room:
            # Two names must not become one uid because of what Grafana does not take in it.
            digest = hashlib.sha256(self.stack.encode()).hexdigest()[:6]
            slug = f"{slug[: room - 7]}-{digest}".strip("-")
        return f"showcall-{slug}-{what}"
