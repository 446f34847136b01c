"""What a kernel costs in instructions, by QEMU's count: the same on a busy machine. layout_cost.c is its init."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linux_kernel import Kernel

SOURCE = Path(__file__).with_suffix(".c")
COUNTED = ("boot", "call", "fork", "pipe", "fault")
# Of a row, as layout_cost.c says: 100 getppid; fork, exit and wait; 10 rounds of two writes and two reads.
SYSTEM_CALLS = {"boot": 0, "call": 100, "fork": 3, "pipe": 40, "fault": 0}


def make_initramfs(folder: Path, build: Path) -> Path:
    """An initramfs with the first process; `build` is where Linux was built."""
    init, listing, initramfs = folder / "init", folder / "list", folder / "initramfs.cpio"
    subprocess.run(["gcc", "-O1", "-static", "-o", init, SOURCE], check=True)
    listing.write_text(f"dir /dev 755 0 0\nnod /dev/console 600 0 0 c 5 1\nfile /init {init} 755 0 0\n")
    with initramfs.open("wb") as file:
        subprocess.run([build / "usr" / "gen_init_cpio", "-t", "0", listing], check=True, stdout=file)
    return initramfs


def counts(kernel: Kernel, initramfs: Path) -> dict[str, int]:
    """Instructions that a boot and some services take."""
    command = ["qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"]
    command += ["-icount", "shift=0,sleep=off", "-append", "console=ttyS0 reboot=t panic=-1"]
    command += ["-kernel", str(kernel.vmlinux), "-initrd", str(initramfs)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=True)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("count ")]
    counted = {name: int(number) for _, name, number in rows}
    assert tuple(counted) == COUNTED, done.stdout
    return counted


def compare(low: Kernel, ordinary: Kernel, folder: Path) -> dict[str, tuple[int, int]]:
    """Row -> its count in the low layout and in the ordinary one; printed too."""
    initramfs = make_initramfs(folder, low.directory)
    here, there = counts(low, initramfs), counts(ordinary, initramfs)
    for name in COUNTED:
        print(
            f"{name}: {there[name]} in the ordinary layout, {here[name]} in the low one: {here[name] / there[name]:.4f}"
        )
    return {name: (here[name], there[name]) for name in COUNTED}
