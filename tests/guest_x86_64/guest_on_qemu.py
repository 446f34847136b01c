"""Runs a kernel image in QEMU and reads the fixture guest's transcript."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path
from threading import Timer
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "x86_64" / "transcript.txt"
BANNER = "previrt fixture guest"
MACHINE_MARK = "~ "
TIMEOUT_S = 120


class Run(NamedTuple):
    """What came over the serial line from the banner on, one item a line, and QEMU's exit status."""

    lines: list[str]
    status: int

    @property
    def transcript(self) -> list[str]:
        """The lines that are the same on every machine."""
        return normalise(self.lines)

    @property
    def machine_lines(self) -> list[str]:
        """The others, without their mark."""
        return [line.removeprefix(MACHINE_MARK) for line in self.lines if line.startswith(MACHINE_MARK)]


def symbols_of(elf: ELFFile) -> dict[str, int]:
    """Values of all symbols by name."""
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def from_banner(console: str) -> list[str]:
    """Lines from the banner on; firmware may have left the cursor somewhere in the banner's line."""
    at = console.find(BANNER)
    assert at >= 0, f"no banner in {console!r}"
    return console[at:].splitlines()


def normalise(lines: list[str]) -> list[str]:
    """Lines without those the guest marks as the machine's own."""
    return [line for line in lines if not line.startswith(MACHINE_MARK)]


def compare(expected: list[str], found: list[str]) -> str:
    """Empty when the transcripts are equal, else what differs."""
    return "\n".join(difflib.unified_diff(normalise(expected), normalise(found), "expected", "found", lineterm=""))


def run_qemu(
    elf: Path,
    append: str = "",
    *,
    cpu: str = "max",
    memory_mib: int = 64,
    initrd: Path | None = None,
    typed: tuple[str, str] = ("", ""),
) -> Run:
    """Boot `elf` on a bare QEMU PC without acceleration until it powers off; fails after TIMEOUT_S seconds.

    `typed`: what the guest says when it listens, and what is then typed.
    """
    command: list[str | Path] = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", cpu, "-m", str(memory_mib)]
    command += ["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", elf, "-append", append]
    if initrd:
        command += ["-initrd", initrd]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
    ) as qemu:
        watchdog = Timer(TIMEOUT_S, qemu.kill)
        watchdog.start()
        assert qemu.stdin
        assert qemu.stdout
        console = ""
        for line in qemu.stdout:
            console += line
            if typed[0] and typed[0] in line:
                qemu.stdin.write(typed[1])
                qemu.stdin.flush()
        watchdog.cancel()
    return Run(from_banner(console), qemu.returncode)
