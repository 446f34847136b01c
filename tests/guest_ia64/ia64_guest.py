"""Builds the ia64 fixture guest, runs it on the simulator, and reads its transcript."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "ia64" / "transcript.txt"
MACHINE_MARK = "~ "
TIMEOUT_S = 300


class Run(NamedTuple):
    """Lines of the console and the exit status."""

    lines: list[str]
    status: int

    @property
    def machine_lines(self) -> list[str]:
        """Those marked as the machine's own, without the mark."""
        return [line.removeprefix(MACHINE_MARK) for line in self.lines if line.startswith(MACHINE_MARK)]


def normalise(lines: list[str]) -> list[str]:
    """Lines without those that the guest marks as the machine's own."""
    return [line for line in lines if not line.startswith(MACHINE_MARK)]


def compare(found: list[str]) -> str:
    """Empty when the lines are the transcript, else what differs."""
    expected = TRANSCRIPT.read_text().splitlines()
    return "\n".join(difflib.unified_diff(expected, normalise(found), "transcript.txt", "found", lineterm=""))


def simulate(image: Path) -> Run:
    """Run an image on the bare simulator; fails after TIMEOUT_S seconds."""
    command: list[str | Path] = [sys.executable, "-m", "simulator", image]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert not done.stderr
    return Run(done.stdout.splitlines(), done.returncode)


def symbols_of(path: Path) -> dict[str, int]:
    """Values of all symbols by name."""
    with path.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def build(sources: Path, folder: Path, search_path: str, *variables: str) -> bytes:
    """The guest built from `sources` by the cross compiler on `search_path`, with objects and image in `folder`."""
    folder.mkdir()
    image = folder / "guest.elf"
    environment = os.environ | {
        "PATH": search_path,
        "PYTHONPATH": str(ROOT),
        "PREVIRT_PYTHON": sys.executable,
    }
    afterburner = f"PREVIRT_AS={sys.executable} -m afterburner.cli"
    command: list[str | Path] = ["make", "-s", "-C", sources, f"BUILD={folder}", f"GUEST={image}", afterburner]
    subprocess.run([*command, *variables], check=True, env=environment)
    return image.read_bytes()
