"""Linux 6.1 in the low layout: where it is, that the one file boots unbound and bound, what the layout costs.

Xen has its test in tests/xen_x86_64; SMP and modules are in tests/judges."""

from __future__ import annotations

import subprocess
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile
from layout_cost import SYSTEM_CALLS, compare
from linux_kernel import Kernel, build

import previrt

if TYPE_CHECKING:
    from pathlib import Path

QEMU = ["qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"]
APPEND = "console=ttyS0 reboot=t panic=-1"
REACHED = "previrt: initramfs reached"
DIRECT_MAP_VA, WINDOW_VA = 0x6000_0000_0000, 0x7F00_0000_0000
ONE_PERCENT = 1.01
COMPARES = 20  # instructions: 2 a step of a search among 451


@pytest.fixture(scope="module")
def low() -> Kernel:
    return build("small", layout="low")


@pytest.fixture(scope="module")
def ordinary() -> Kernel:
    return build("small")


def boot(image: Path, initrd: Path, *options: str) -> str:
    """The console of the image in QEMU without KVM."""
    command = [*QEMU, *options, "-kernel", str(image), "-initrd", str(initrd), "-append", APPEND]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_of_it_is_below_what_a_process_cannot_have(low: Kernel) -> None:
    with low.vmlinux.open("rb") as file:
        elf = ELFFile(file)
        loads = [(segment["p_vaddr"], segment["p_memsz"]) for segment in elf.iter_segments("PT_LOAD")]
        assert not [section.name for section in elf.iter_sections() if section.name.startswith((".got", ".rela"))]
    assert len(loads) == 3
    assert all(DIRECT_MAP_VA < va < va + length < WINDOW_VA for va, length in loads)


def test_no_site_is_lost(low: Kernel, ordinary: Kernel) -> None:
    """The same source has the same sensitive instructions, but for a few that gcc inlines here and not there."""
    here, there = (Counter(kernel.classes(list(range(len(kernel.sites))))) for kernel in (low, ordinary))
    assert here.keys() == there.keys()
    assert (here - there).total() + (there - here).total() < 0.01 * there.total()


def test_one_file_boots_unbound_and_bound_to_bare(low: Kernel, tmp_path: Path) -> None:
    before = sha256(low.vmlinux.read_bytes()).digest()
    bound, back = tmp_path / "vmlinux.bare", tmp_path / "back"
    report = previrt.link(low.vmlinux, "bare", output=bound)
    assert report.bound == len(low.sites) > 2900
    previrt.restore(bound, output=back)
    for image in (low.vmlinux, bound):
        assert REACHED in boot(image, low.directory / "initramfs.cpio")
    assert sha256(low.vmlinux.read_bytes()).digest() == before == sha256(back.read_bytes()).digest()


def test_the_same_file_is_a_process(low: Kernel, tmp_path: Path) -> None:
    """Up to its first program. Then it restarts by a triple fault, at which LoL stops a guest."""
    bound, back = tmp_path / "vmlinux.lol", tmp_path / "back"
    report = previrt.link(low.vmlinux, "lol", output=bound)
    assert (report.bound, report.warnings) == (len(low.sites), ())
    command: list[str | Path] = [bound, "-m", "256M", "-i", low.directory / "initramfs.cpio", "--", *APPEND.split()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert REACHED in done.stdout, done.stdout + done.stderr
    assert "reboot: machine restart" in done.stdout
    assert "guest stopped: triple fault" in done.stderr
    previrt.restore(bound, output=back)
    assert back.read_bytes() == low.vmlinux.read_bytes()


def test_the_layout_costs_little(low: Kernel, ordinary: Kernel, tmp_path: Path) -> None:
    """Less than 1%, but for the way to a system call's function: a jump table in the ordinary kernel, compares in the
    low one, as in every kernel with mitigations. tests/judges compares two of those.
    """
    for name, (here, there) in compare(low, ordinary, tmp_path).items():
        assert here < ONE_PERCENT * there + COMPARES * SYSTEM_CALLS[name], name
