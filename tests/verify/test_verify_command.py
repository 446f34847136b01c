"""The command: arguments, exit status, tables and JSON, what it says without an emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bound_guests import annotated, bound_guest

import previrt

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*arguments: str | Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{path}:{ROOT}" if path else str(ROOT)}
    command = [sys.executable, "-m", "linker.commands.verify", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_proven_image() -> None:
    done = run(bound_guest("x86_64", "lol"), "--original", annotated("x86_64"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].endswith("bound to lol, x86_64: proven")
    assert [line.split() for line in lines if line.startswith("cli ")] == [["cli", "inline", "40", "1", "1"]]
    sites = len(previrt.read_table(annotated("x86_64")).annotations.starts_va)
    assert f"{sites} of {sites} sites proven" in lines
    assert any(line.endswith("runs in the emulator") for line in lines)


def test_json_of_an_image_that_is_not_proven(tmp_path: Path) -> None:
    contents = bytearray(bound_guest("x86_64", "bare").read_bytes())
    contents[24] ^= 4
    (tmp_path / "wrong").write_bytes(contents)
    done = run(tmp_path / "wrong", "--json", "--no-run", "--original", annotated("x86_64"))
    said = json.loads(done.stdout)
    assert (done.returncode, said["proven"], said["target"]) == (1, False, "bare")
    # The entry of an image bound to bare is its original's; the saved one contradicts it.
    assert {failure["part"] for failure in said["failures"]} >= {"entry address"}
    assert "failures; the first is" in done.stderr
    quiet = run(tmp_path / "wrong", "-q", "--no-run")
    assert (quiet.returncode, quiet.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "IMAGE"),
        (["--frobnicate", "x"], 2, "unrecognized"),
        (["/nonexistent"], 1, "cannot open"),
        ([annotated("x86_64")], 1, "image is not bound"),
        ([ROOT / "README.md"], 1, "not an ELF file"),
        ([bound_guest("x86_64", "bare"), "--no-run", "--original", "/nonexistent"], 1, "cannot open"),
    ],
)
def test_mistakes(arguments: list[str | Path], status: int, said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_without_the_emulator_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "unicorn.py").write_text("raise ImportError('No module named unicorn')\n")
    done = run(bound_guest("x86_64", "bare"), path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "unicorn, is not there" in done.stderr and "--no-run" in done.stderr
    left_out = run(bound_guest("x86_64", "bare"), "--no-run", path=str(tmp_path))
    assert (left_out.returncode, left_out.stderr) == (0, "")
    assert "nothing was run: --no-run" in left_out.stdout


def test_help_is_quick() -> None:
    code = "import sys; sys.argv = ['x', '--help']\ntry:\n"
    code += " import linker.commands.verify; linker.commands.verify.main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('unicorn', 'iced_x86', 'elftools', 'structlog') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == "[]"
    assert run("--version").stdout.startswith("previrt-verify (previrt) ")
