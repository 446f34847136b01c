"""The ia32 fixture guest: where it is, its lines, and how it runs on QEMU."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "i386" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "i386" / "transcript.txt"
BANNER = "previrt fixture guest, ia32"
MACHINE_MARK = "~ "
TIMEOUT_S = 180


class Run(NamedTuple):
    """What came over the serial line from the banner on, one item a line, and the exit status."""

    lines: list[str]
    status: int


def from_banner(console: str) -> list[str]:
    """Lines from the banner on; firmware may have left the cursor somewhere in the banner's line."""
    at = console.find(BANNER)
    assert at >= 0, f"no banner in {console!r}"
    return console[at:].splitlines()


def machine_lines(lines: list[str]) -> list[str]:
    """Those the guest marks as the machine's own, without the mark."""
    return [line.removeprefix(MACHINE_MARK) for line in lines if line.startswith(MACHINE_MARK)]


def compare(lines: list[str]) -> str:
    """Empty when the lines, without the machine's own, are the transcript; else what differs."""
    expected = TRANSCRIPT.read_text().splitlines()
    found = [line for line in lines if not line.startswith(MACHINE_MARK)]
    return "\n".join(difflib.unified_diff(expected, found, "transcript.txt", "found", lineterm=""))


def run_qemu(elf: Path, append: str = "", *, cpu: str = "max") -> Run:
    """Boot `elf` on a bare QEMU PC without acceleration until it powers off; fails after TIMEOUT_S seconds."""
    command: list[str | Path] = ["qemu-system-i386", "-M", "pc", "-accel", "tcg", "-cpu", cpu, "-m", "64"]
    command += ["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", elf, "-append", append]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    return Run(from_banner(done.stdout.decode(errors="replace")), done.returncode)
