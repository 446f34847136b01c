"""Linux 6.1, unbound on disk: bound in memory, booted by previrt-boot, rebooted from inside, bound again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from linux_kernel import Kernel, build

import previrt

ROOT = Path(__file__).resolve().parents[2]
MICROVM = ["-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-m", "256"]
APPEND = "console=ttyS0 reboot=t panic=-1"
REACHED = "previrt: initramfs reached"
LFENCE_RDTSC = bytes.fromhex("0faee80f31")  # what Linux's own alternatives put in the place of rdtsc_ordered()
TIMEOUT_S = 240


@pytest.fixture(scope="module")
def small() -> Kernel:
    return build("small")


def segments(image: Path) -> list[tuple[int, int, bytes]]:
    """Virtual address, physical address and contents of each loaded segment."""
    with image.open("rb") as file:
        loads = ELFFile(file).iter_segments("PT_LOAD")
        return [(segment["p_vaddr"], segment["p_paddr"], segment.data()) for segment in loads]


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_physical_memory_equals_a_loaded_bound_file(kernel: Kernel, target: str, tmp_path: Path) -> None:
    table = previrt.read_table(kernel.vmlinux)
    memory = bytearray(64 << 20)
    for _, pa, data in segments(kernel.vmlinux):
        memory[pa : pa + len(data)] = data
    report = previrt.link_buffer(memory, previrt.physical_map(table), target, table=table, anyway=target == "lol")
    bound = previrt.link(kernel.vmlinux, target, anyway=target == "lol", output=tmp_path / "bound")
    assert (report.bound, report.entry_va) == (bound.bound, bound.entry_va)
    for _, pa, data in segments(tmp_path / "bound"):
        assert memory[pa : pa + len(data)] == data


class Monitor:
    """A QMP monitor of the user's own, beside previrt-boot's."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r")
        self("qmp_capabilities")

    def __call__(self, name: str, **arguments: object) -> Any:
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        return next(said["return"] for said in map(json.loads, self._lines) if "return" in said)

    def status(self) -> str:
        return str(self("query-status")["status"])

    def stopped(self) -> str:
        """What became of it when told to stop: `paused` if it was running."""
        self("stop")
        return self.status()

    def memory(self, pa: int, length: int, path: Path) -> bytes:
        self("pmemsave", val=pa, size=length, filename=str(path))
        return path.read_bytes()


def bindings(report: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.read_text().splitlines()]


def test_it_boots_bound_in_memory_and_again_after_a_reboot(small: Kernel, tmp_path: Path) -> None:
    """Its init restarts the machine. What runs the second time is compared with the bound file, site by site; then the
    machine is stopped and reset, and its memory must be the bound file's to the last byte."""
    before = small.vmlinux.read_bytes()
    previrt.link(small.vmlinux, "bare", output=tmp_path / "bound")
    report, path = tmp_path / "report", tmp_path / "monitor"
    command = [sys.executable, "-m", "linker.commands.boot", "qemu", "--target", "bare", "--report", str(report), "--"]
    command += [*MICROVM, "-append", APPEND, "-kernel", str(small.vmlinux)]
    command += ["-initrd", str(small.directory / "initramfs.cpio"), "-qmp", f"unix:{path},server=on,wait=off"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as boot:
        watchdog = Timer(TIMEOUT_S, boot.kill)
        watchdog.start()
        try:
            assert boot.stdout is not None
            for _ in range(2):
                while REACHED not in (line := boot.stdout.readline()):
                    assert line, "QEMU ended"
            monitor = Monitor(path)
            while monitor.stopped() != "paused":  # it was standing still for the next reset
                time.sleep(0.05)
            text_va, text_pa, annotated = segments(small.vmlinux)[0]
            running = monitor.memory(text_pa, len(annotated), tmp_path / "dump")
            before_reset = len(bindings(report))
            monitor("system_reset")
            while len(bindings(report)) == before_reset:
                assert boot.poll() is None
                time.sleep(0.05)
            for _, pa, data in segments(tmp_path / "bound"):
                assert monitor.memory(pa, len(data), tmp_path / "dump") == data
            assert monitor.status() == "prelaunch", "stopped by the user: it stays so"
            monitor("quit")
            assert boot.wait() == 0
        finally:
            boot.kill()
            watchdog.cancel()
    assert small.vmlinux.read_bytes() == before
    assert [said["resets"] for said in bindings(report)[:3]] == [0, 1, 2]
    assert {said["bound"] for said in bindings(report)} == {len(small.sites)}

    bound = segments(tmp_path / "bound")[0][2]
    sites = [slice(start - text_va, end - text_va) for start, end in small.sites if start < text_va + len(annotated)]
    other = [running[site] for site in sites if running[site] != bound[site]]
    assert all(code.startswith(LFENCE_RDTSC) for code in other)
    assert len(other) < 20 < 2500 < sum(running[site] != annotated[site] for site in sites)


def test_it_takes_little_time(small: Kernel, tmp_path: Path) -> None:
    """50 ms is the aim from QEMU paused to patched and running; benchmarks/boot_speed.py measures it. Here other tests
    run beside, so the best of three boots counts, and ten times that."""
    report = tmp_path / "report"
    command = [
        sys.executable,
        "-m",
        "linker.commands.boot",
        "qemu",
        "--report",
        str(report),
        "--",
        *MICROVM,
        "-no-reboot",
    ]
    command += ["-append", APPEND, "-kernel", str(small.vmlinux), "-initrd", str(small.directory / "initramfs.cpio")]
    paused_ms = []
    for _ in range(3):
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=True)
        assert REACHED.encode() in done.stdout
        paused_ms += [said["paused_ms"] * 3000 / said["sites"] for said in bindings(report)]
    assert min(paused_ms) < 500
