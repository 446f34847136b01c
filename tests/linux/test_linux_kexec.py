"""previrt-boot kexec in a running Linux: binds in memory, loads with kexec-tools, and the bound kernel runs."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path
from threading import Timer

import pytest
from elftools.elf.elffile import ELFFile
from kexec_machine import debian_linux, make_initramfs, previrt_boot
from linux_kernel import Kernel, build

import previrt

APPEND = "console=ttyS0 reboot=t panic=-1 from=kexec"
REACHED = "previrt: initramfs reached"
LFENCE_RDTSC = bytes.fromhex("0faee80f31")  # what Linux's own alternatives put in the place of rdtsc_ordered()
TIMEOUT_S = 400


@pytest.fixture(scope="module")
def small() -> Kernel:
    return build("small")


def test_a_kernel_unbound_on_disk_is_started_bound(small: Kernel, tmp_path: Path) -> None:
    """Debian's Linux runs previrt-boot kexec and kexec -e. The new kernel's purgatory has compared its hashes when its
    first line comes; the machine stands still when it restarts, and its memory is compared with the bound file."""
    initrd = small.directory / "initramfs.cpio"
    command = [*previrt_boot(), "kexec", "--verbose", "--append", APPEND, "--initrd", str(initrd), str(small.vmlinux)]
    monitor = tmp_path / "monitor"
    qemu: list[str | Path] = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-m", "768", "-nic", "none"]
    qemu += ["-display", "none", "-serial", "stdio", "-action", "reboot=shutdown,shutdown=pause"]
    qemu += ["-qmp", f"unix:{monitor},server=on,wait=off", "-kernel", debian_linux()]
    qemu += ["-initrd", make_initramfs(command, tmp_path), "-append", "console=ttyS0 quiet mitigations=off"]
    said: list[str] = []
    with subprocess.Popen(
        qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as machine:
        watchdog = Timer(TIMEOUT_S, machine.kill)
        watchdog.start()
        try:
            assert machine.stdout is not None
            while not said or "machine restart" not in said[-1]:
                said.append(machine.stdout.readline())
                assert said[-1], said
            (va, pa, annotated), *_ = segments(small.vmlinux)
            running = dump(monitor, pa, len(annotated), tmp_path / "dump")
        finally:
            machine.kill()
            watchdog.cancel()
    text = "".join(said)
    assert re.search(r"kexec -l --type=elf-x86_64 --args-linux '--append=.*' --initrd=\S+ /proc/self/fd/\d", text)
    order = ["load: status 0", "kexec_loaded: 1", "Linux version 6.1", f"Command line: {APPEND}", REACHED]
    assert sorted(order, key=text.index) == order

    previrt.link(small.vmlinux, "bare", output=tmp_path / "bound")
    bound = segments(tmp_path / "bound")[0][2]
    sites = [slice(start - va, end - va) for start, end in small.sites if start < va + len(annotated)]
    other = [running[site] for site in sites if running[site] != bound[site]]
    assert all(code.startswith(LFENCE_RDTSC) for code in other)
    assert len(other) < 20 < 2500 < sum(running[site] != annotated[site] for site in sites)


def segments(image: Path) -> list[tuple[int, int, bytes]]:
    """Virtual address, physical address and contents of each loaded segment."""
    with image.open("rb") as file:
        loads = ELFFile(file).iter_segments("PT_LOAD")
        return [(segment["p_vaddr"], segment["p_paddr"], segment.data()) for segment in loads]


def dump(monitor: Path, pa: int, length: int, path: Path) -> bytes:
    """Guest-physical memory; ends QEMU."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(monitor))
        lines = connection.makefile("r")
        for name, arguments in (
            ("qmp_capabilities", {}),
            ("pmemsave", {"val": pa, "size": length, "filename": str(path)}),
            ("quit", {}),
        ):
            connection.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
            while "return" not in json.loads(lines.readline()):
                pass
    return path.read_bytes()
