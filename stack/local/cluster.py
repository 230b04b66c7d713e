"""The folder of PostgreSQL's data: where it is, whose it is, and making it."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stack.local.account import Account, can_enter, postgres_account
from stack.local.child import ChildSpec, environment, spawn
from stack.local.errors import Fault, StackError
from stack.local.layout import Layout
from stack.local.private_files import password_in
from stack.local.wheels import postgres_install

SUPERUSER = "postgres"
_ELSEWHERE_PREFIX = "showcall-postgres-"
_INITDB_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL data folder and the programs that run it.

    Attributes:
        data: the data folder.
        programs: the folder with ``postgres`` and ``initdb``.
        account: the account that owns the data and runs the programs; None for ours.
    """

    data: Path
    programs: Path
    account: Account | None

    @property
    def marker(self) -> Path:
        """Written when the data folder is whole; says which version of PostgreSQL made it."""
        return self.data.with_name("cluster.version")


def locate(layout: Layout) -> Cluster:
    """Find where the data and the programs can be.

    Usually the data are in the run folder and the programs in the Python package. When we are root,
    PostgreSQL runs under another account; what that account cannot reach, e.g. below ``/root``, goes to a
    folder of its own under ``/var/tmp``, which the run folder remembers.
    """
    layout.postgres.mkdir(parents=True, exist_ok=True)
    account = postgres_account()
    install = postgres_install()
    if account is None:
        return Cluster(layout.postgres / "cluster", install / "bin", None)
    data_home = layout.postgres if can_enter(layout.postgres, account) else _elsewhere(layout)
    if not can_enter(install / "bin", account):
        install = _copied(install, _elsewhere(layout))
    return Cluster(data_home / "cluster", install / "bin", account)


def _elsewhere(layout: Layout) -> Path:
    known = remembered(layout)
    if known is not None and known.is_dir():
        return known
    base = Path("/var/tmp")  # noqa: S108  (mkdtemp makes a folder that nobody else can have made)
    home = Path(tempfile.mkdtemp(prefix=_ELSEWHERE_PREFIX, dir=base if os.access(base, os.W_OK) else None))
    home.chmod(0o711)
    layout.elsewhere.write_text(f"{home}\n", encoding="utf-8")
    return home


def remembered(layout: Layout) -> Path | None:
    """The folder outside the run folder that holds data or programs; None when there is none."""
    if not layout.elsewhere.exists():
        return None
    home = Path(layout.elsewhere.read_text(encoding="utf-8").strip())
    return home if home.name.startswith(_ELSEWHERE_PREFIX) else None


def _copied(install: Path, home: Path) -> Path:
    for part in ("bin", "lib", "share"):
        shutil.copytree(install / part, home / "install" / part, dirs_exist_ok=True)
    return home / "install"


def is_whole(cluster: Cluster, layout: Layout) -> bool:
    """Whether there is a data folder that this PostgreSQL can use and whose password we know.

    Raises:
        StackError: the data folder belongs to another account.
    """
    if not cluster.marker.exists() or not layout.password(SUPERUSER).exists() or not cluster.data.exists():
        return False
    _require_owner(cluster)
    return cluster.marker.read_text(encoding="utf-8") == _version(cluster)


def _require_owner(cluster: Cluster) -> None:
    wanted = cluster.account.uid if cluster.account else os.geteuid()
    owner = cluster.data.stat().st_uid
    if owner != wanted:
        advice = "Start the stack as the user who made it, or remove that folder."
        fault = Fault(str(cluster.data), f"belongs to uid {owner}", f"uid {wanted}", advice)
        raise StackError(fault)


def _version(cluster: Cluster) -> str:
    argv = [str(cluster.programs / "postgres"), "--version"]
    return subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/").stdout


def initialise(cluster: Cluster, layout: Layout) -> None:
    """Make a new data folder; what was there is removed.

    Raises:
        StackError: ``initdb`` failed; the text has the end of its log.
    """
    cluster.marker.unlink(missing_ok=True)
    shutil.rmtree(cluster.data, ignore_errors=True)
    cluster.data.mkdir(mode=0o700)
    _give(cluster.data, cluster.account)
    handover = cluster.data.with_name("initial.password")
    try:
        _hand_over_password(handover, layout, cluster.account)
        _run_initdb(cluster, layout, handover)
    finally:
        handover.unlink(missing_ok=True)
    cluster.marker.write_text(_version(cluster), encoding="utf-8")


def _hand_over_password(handover: Path, layout: Layout, account: Account | None) -> None:
    """A copy of the superuser's password that the other account may read, for as long as initdb runs."""
    handover.unlink(missing_ok=True)
    handover.touch(mode=0o600)
    handover.write_text(password_in(layout.password(SUPERUSER)), encoding="utf-8")
    _give(handover, account)


def _run_initdb(cluster: Cluster, layout: Layout, password_file: Path) -> None:
    options = ["--username", SUPERUSER, "--pwfile", str(password_file), "--auth", "scram-sha-256"]
    options += ["--encoding", "UTF8", "--locale", "C", "--no-sync"]
    log = layout.log("database")
    initdb = [str(cluster.programs / "initdb"), "-D", str(cluster.data), *options]
    process = spawn(ChildSpec(initdb, log, Path("/"), environment(LC_ALL="C"), account=cluster.account))
    try:
        code = process.wait(timeout=_INITDB_SECONDS)
    finally:
        process.kill()
    if code != 0:
        found = f"initdb ended with exit code {code}"
        raise StackError(Fault("database", found, "a new data folder", f"Its log: {log}"))


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)
