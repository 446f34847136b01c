"""The stand-in under a shim for `python3`: started once, remembered, never asked again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SENSITIVE = "cli\nhlt\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the stand-in is made of, nothing remembered, and a shim that notes each start."""
    for package in ("afterburner", "linker"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shim = tmp_path / "shims" / "python3"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho start >> "{tmp_path}/starts"\nexec "{os.path.realpath(sys.executable)}" "$@"\n')
    shim.chmod(0o755)
    (tmp_path / "a.s").write_text(SENSITIVE)
    return tmp_path


def assemble(tree: Path, **more: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PREVIRT_PYTHON"}
    environment |= {"PATH": f"{tree / 'shims'}:{os.environ['PATH']}", **more}
    command: list[str | Path] = [tree / "afterburner" / "bin" / "as", "-o", tree / "a.o", tree / "a.s"]
    subprocess.run(command, check=True, env=environment, cwd=tree)
    sections = subprocess.run(["readelf", "-SW", tree / "a.o"], check=True, capture_output=True, text=True).stdout
    assert ".afterburn" in sections


def starts(tree: Path) -> int:
    return len((tree / "starts").read_text().split()) if (tree / "starts").exists() else 0


def test_a_shim_is_started_once(tree: Path) -> None:
    for _ in range(3):
        assemble(tree)
    assert starts(tree) == 1


def test_print_dir_remembers(tree: Path) -> None:
    command = [sys.executable, "-m", "afterburner.cli", "--print-dir"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tree, env={"PYTHONPATH": str(tree)})
    assert done.stdout.strip() == str(tree / "afterburner" / "bin")
    assemble(tree)
    assert starts(tree) == 0


def test_an_interpreter_that_has_gone_is_looked_for_again(tree: Path) -> None:
    (tree / "afterburner" / "__pycache__").mkdir()
    (tree / "afterburner" / "__pycache__" / "python3").symlink_to(tree / "gone")
    for _ in range(2):
        assemble(tree)
    assert starts(tree) == 1


def test_a_directory_of_somebody_else(tree: Path) -> None:
    """Nothing can be remembered, all works."""
    cache = tree / "afterburner" / "__pycache__"
    cache.write_text("no directory")
    for _ in range(2):
        assemble(tree)
    assert starts(tree) == 2


def test_previrt_python_decides(tree: Path) -> None:
    assemble(tree)
    other = tree / "other"
    other.write_text((tree / "shims" / "python3").read_text().replace("starts", "others"))
    other.chmod(0o755)
    assemble(tree, PREVIRT_PYTHON=str(other))
    assert (tree / "others").exists()
