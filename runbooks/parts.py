"""What the run loop's parts share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from database import Database
from runbooks.catalog_files import Catalog
from runbooks.facts import FactReader
from runbooks.lever import Lever, LeverReading, LeverValue
from runbooks.runbook import Runbook
from settings.schema import RunbookMode, RunbooksSettings

_STRICTNESS = (RunbookMode.AUTO, RunbookMode.ASK, RunbookMode.OBSERVE)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything around the decisions.

    Attributes:
        clock: Unix seconds, read only to stamp what a call to a lever took.
        new_id: a fresh request id.
        holder: this run loop's own id; runs are carried out by the loop that holds them.
    """

    database: Database
    settings: RunbooksSettings
    catalog: Catalog
    levers: Mapping[str, Lever]
    facts: FactReader
    clock: Callable[[], float]
    new_id: Callable[[], str]
    holder: str

    def mode(self, runbook: Runbook) -> RunbookMode:
        """The stricter of the configuration's mode and the runbook's own."""
        return stricter(self.settings.mode, runbook.mode)


def stricter(one: RunbookMode, other: RunbookMode) -> RunbookMode:
    """Of two modes the one that does less by itself."""
    return max(one, other, key=_STRICTNESS.index)


def baseline_of(lever: Lever, reading: LeverReading) -> LeverValue:
    """Where the lever belongs: as the target says, else as the configuration does."""
    return lever.settings.baseline if reading.baseline is None else reading.baseline
