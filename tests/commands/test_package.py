"""A wheel has all that the packages are made of."""

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_file_of_a_package_is_in_the_wheel() -> None:
    """Python files of packages are; others when a pattern of package-data names them, below the nearest package."""
    packages = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    listed = subprocess.run(["git", "ls-files", *packages], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [PurePath(name) for name in listed.stdout.split("\n") if name]
    homes = {file.parent for file in files if file.name == "__init__.py"}
    left = []
    for file in files:
        if not (ROOT / file).exists():
            continue
        home = next((parent for parent in file.parents if parent in homes), None)
        inside = home is not None and file.relative_to(home).as_posix()
        # A folder without __init__.py counts as a package too (setuptools' find), so a bare name matches anywhere.
        named = any(fnmatch(str(inside), pattern) or fnmatch(file.name, pattern) for pattern in patterns)
        if home is None or not (file.suffix == ".py" or named):
            left.append(str(file))
    assert len(files) > 300
    assert left == []


def test_types_are_announced() -> None:
    assert (ROOT / "previrt" / "py.typed").exists()


def test_what_is_linux_s_says_so_and_is_in_no_package() -> None:
    patches = sorted((ROOT / "fixtures").rglob("*.patch"))
    assert len(patches) >= 3
    for patch in patches:
        assert patch.read_text().startswith("SPDX-License-Identifier: GPL-2.0-only\n"), patch
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "LICENSES" / "GPL-2.0-only.txt").read_text()
    packages = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
    command = ["git", "grep", "-lE", "SPDX-License-Identifier: (GPL|LGPL)", "--", *packages]
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")
    assert not [path for name in packages for path in (ROOT / name).rglob("*.patch")]
