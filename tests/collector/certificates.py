"""Certificates of every kind, made by the openssl program."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """A server's certificate and key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates into a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        made = cls(folder)
        _openssl(
            folder,
            "req",
            "-x509",
            *KEY,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=ca",
            "-days",
            "9",
        )
        return made

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def site(self, name: str, alternative: str, days: int = 5) -> ServerFiles:
        subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}")
        _openssl(self.folder, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", *subject)
        signed = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-days", str(days), "-copy_extensions", "copy")
        _openssl(self.folder, "x509", "-req", *signed, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        return ServerFiles(self.folder / f"{name}.pem", self.folder / f"{name}.key")

    def self_signed(self, alternative: str) -> ServerFiles:
        subject = ("-subj", "/CN=self", "-addext", f"subjectAltName={alternative}", "-days", "5")
        _openssl(self.folder, "req", "-x509", *KEY, "-keyout", "self.key", "-out", "self.pem", *subject)
        return ServerFiles(self.folder / "self.pem", self.folder / "self.key")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
