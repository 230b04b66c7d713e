"""Where the stack's files are, all under one run folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one run folder, given by its absolute path."""

    root: Path

    @property
    def state(self) -> Path:
        """Which process stands for which container."""
        return self.root / "stack.json"

    @property
    def launch(self) -> Path:
        """What the supervisor was told when it was started."""
        return self.root / "launch.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.root / "lock"

    @property
    def service_config(self) -> Path:
        """What the concert service reads; holds a password."""
        return self.root / "service.json"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.root / "logs"

    @property
    def valkey(self) -> Path:
        """Valkey's working folder."""
        return self.root / "valkey"

    @property
    def postgres(self) -> Path:
        """The folder of the database: passwords, and usually the data."""
        return self.root / "postgres"

    @property
    def elsewhere(self) -> Path:
        """Names the folder of the data, when it could not be under the run folder."""
        return self.postgres / "elsewhere"

    def log(self, name: str) -> Path:
        """The log of one part."""
        return self.logs / f"{name}.log"

    def password(self, role: str) -> Path:
        """The password file of one database role."""
        return self.postgres / f"{role}.password"
