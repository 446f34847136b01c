"""Runs images as PV dom0 of Debian's Xen 4.17, in QEMU without acceleration."""

from __future__ import annotations

import gzip
import subprocess
import time
from pathlib import Path
from threading import Timer
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "x86_64" / "transcript.txt"
XEN = Path("/boot/xen-4.17-amd64.gz")  # package xen-hypervisor-4.17-amd64
# TCG's iretq in ring 3 reads the stack as the kernel would, so that SMAP, which Xen turns on, stops it.
CPU = "max,-smap"
XEN_OPTIONS = "console=com1 com1=115200 console_timestamps=boot"
MACHINE_MARK = "~ "
XEN_MARK = "(XEN)"
TIMEOUT_S = 300


class Run(NamedTuple):
    """What came over the serial line, a line an item with the second it came, and QEMU's exit status."""

    console: list[tuple[float, str]]
    status: int

    @property
    def lines(self) -> list[str]:
        """The guest's and the module's lines."""
        return [line for _, line in self.console if line and not line.startswith(XEN_MARK)]

    @property
    def xen_lines(self) -> list[str]:
        """Xen's own."""
        return [line for _, line in self.console if line.startswith(XEN_MARK)]

    def from_banner(self) -> list[str]:
        """The guest's lines: what boots in front of Xen leaves some as well."""
        lines = self.lines
        starts = [number for number, line in enumerate(lines) if "previrt fixture guest" in line]
        assert starts, f"no banner in {self.console[-20:]}"
        first = lines[starts[0]]
        return [first[first.index("previrt fixture guest") :], *lines[starts[0] + 1 :]]

    def xen_second_of(self, text: str) -> float:
        """When, by Xen's clock, Xen said this."""
        (line,) = [line for line in self.xen_lines if text in line]
        return float(line.split("[", 1)[1].split("]", 1)[0])


def run_on_xen(
    image: Path,
    append: str = "",
    *,
    folder: Path,
    dom0_mib: int = 64,
    initrd: Path | None = None,
    typed: tuple[str, str] = ("", ""),
    until: str = "",
    own_time: bool = False,
) -> Run:
    """Boot Xen with `image` as dom0 until the machine powers off, or until a line has `until`.

    `typed`: what the guest says when it listens, and what is then typed. `own_time`: the
    machine's clock runs with its instructions, whatever else the host does. Fails after TIMEOUT_S seconds.
    """
    kernel = folder / "xen"
    if not kernel.exists():
        kernel.write_bytes(gzip.decompress(XEN.read_bytes()))
    modules = f"{image} {append}" + (f",{initrd}" if initrd else "")
    command: list[str | Path] = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", CPU, "-m", "256"]
    command += ["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", kernel, "-initrd", modules, "-append", f"{XEN_OPTIONS} dom0_mem={dom0_mib}M"]
    if own_time:
        command += ["-icount", "shift=1,sleep=off"]
    console: list[tuple[float, str]] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as qemu:
        watchdog = Timer(TIMEOUT_S, qemu.kill)
        watchdog.start()
        assert qemu.stdin
        assert qemu.stdout
        for line in qemu.stdout:
            console.append((time.monotonic(), line.rstrip("\r\n")))
            if typed[0] and typed[0] in line:
                qemu.stdin.write(typed[1])
                qemu.stdin.flush()
            if until and until in line:
                qemu.kill()
        watchdog.cancel()
    return Run(console, qemu.returncode)
