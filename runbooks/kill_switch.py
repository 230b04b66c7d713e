"""The kill switch: while it is on nothing new is begun and held levers are frozen, not let go."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """How the kill switch stands: since when, by whom (``showcall`` or ``user:<name>``) and why."""

    engaged: bool
    at: float = 0.0
    who: str = ""
    why: str = ""
