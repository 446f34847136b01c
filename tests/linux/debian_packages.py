"""Debian packages taken apart below .cache, not installed: what they would set up on a host is not wanted here."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def unpacked(name: str, linux: str, *packages: str) -> Path:
    """A root directory with these packages and the kernel that the package `linux` depends on; made once."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    root, stamp = folder / "root", folder / "stamp"
    key = " ".join((linux, *packages))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != key:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(root, ignore_errors=True)
            downloads = folder / "packages"
            shutil.rmtree(downloads, ignore_errors=True)
            downloads.mkdir()
            _download([linux], downloads)
            (meta,) = downloads.iterdir()
            depends = subprocess.run(["dpkg-deb", "-f", meta, "Depends"], check=True, capture_output=True, text=True)
            _download([*packages, depends.stdout.split()[0]], downloads)
            for package in downloads.iterdir():
                subprocess.run(["dpkg-deb", "-x", package, root], check=True)
            shutil.rmtree(downloads)
            stamp.write_text(key)
    return root


def _download(packages: list[str], folder: Path) -> None:
    command = ["apt-get", "download", "-qq", *packages]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
