"""Manual pages: one for every command, as `--help` says it now, and without a warning from those who read roff."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "man"
COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_pages_are_what_help_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, KEPT / "make_pages.py", tmp_path], check=True)
    assert {path.stem for path in tmp_path.iterdir()} >= set(COMMANDS)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in KEPT.glob("*.1")}
    old = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    assert not old, f"docs/man is behind --help: {', '.join(old)}; run `make man` and commit what it writes"


def test_readers_of_roff_have_nothing_to_say() -> None:
    pages = sorted(KEPT.glob("*.1"))
    assert pages
    for page in pages:
        for command in (
            ("man", "--warnings=w", "--local-file", page),
            ("groff", "-man", "-ww", "-z", page),
            ("mandoc", "-T", "lint", "-W", "warning", page),
        ):
            environment = {**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            said = done.stderr + (done.stdout if command[0] == "mandoc" else "")
            assert [line for line in said.splitlines() if "missing date" not in line] == [], command


def test_pages_have_what_a_reader_looks_for() -> None:
    for command in COMMANDS:
        command_page = (KEPT / f"{command}.1").read_text()
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", '"SEE ALSO"'):
            assert f"\n.SH {section}\n" in command_page, (command, section)
        assert f"\n{command} \\- " in command_page
        assert "\\fB\\-\\-version\\fR" in command_page
