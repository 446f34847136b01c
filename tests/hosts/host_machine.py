"""Debian's Linux as the host, in QEMU without KVM: a processor of any model, whose programs are guests bound to LoL."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kexec_machine import debian_linux

if TYPE_CHECKING:
    from collections.abc import Mapping

INIT = Path(__file__).with_name("init.c")
MEMORY = "256M"
TIMEOUT_S = 300
# QEMU before 9.1 reads the stack of a process's IRET as the kernel would, which SMAP forbids; the module ends in one.
QUIRKS = "smap=off"
# The console is the guests': the kernel speaks only to say that it dies. On a busy machine it would doubt its timers.
APPEND = "console=ttyS0 loglevel=0 panic=-1 no_timer_check rcupdate.rcu_cpu_stall_suppress=1 nowatchdog"


class Ended(NamedTuple):
    """What a guest printed, the module's own words among it, and its exit status: 128 and more is a signal."""

    lines: list[str]
    status: int


def make_initramfs(guests: Mapping[str, Path], folder: Path) -> Path:
    """An initramfs that runs the guests in this order."""
    tree = folder / "tree"
    for name in ("proc", "dev"):
        (tree / name).mkdir(parents=True)
    for name, path in guests.items():
        (tree / name).symlink_to(path)
    names = ", ".join(f'"/{name}"' for name in guests)
    subprocess.run(["gcc", "-static", "-O1", f"-DGUESTS={names}", "-o", tree / "init", INIT], check=True)
    initramfs = folder / "initramfs"
    entries = b"\0".join(os.fsencode(path.relative_to(tree)) for path in [tree, *tree.rglob("*")])
    with initramfs.open("wb") as archive:
        command = ["cpio", "-0", "-o", "-L", "-H", "newc", "--quiet"]
        subprocess.run(command, cwd=tree, input=entries, stdout=archive, check=True)
    return initramfs


def run_on(cpu: str, guests: Mapping[str, Path], folder: Path) -> dict[str, Ended]:
    """Boot a host with this model of processor; how each guest ended. AssertionError if the host did not finish."""
    command: list[str | Path] = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", f"{cpu},{QUIRKS}"]
    command += ["-m", MEMORY, "-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", debian_linux(), "-initrd", make_initramfs(guests, folder)]
    command += ["-append", APPEND]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    console = done.stdout.decode(errors="replace").replace("\r\n", "\n")
    ended = {
        name: Ended(text.splitlines(), int(status))
        for name, text, status in re.findall(r"host: begin /(\S+)\n(.*?)host: end (\d+)\n", console, re.DOTALL)
    }
    assert list(ended) == list(guests), console[-3000:]
    return ended
