"""Linux 6.1, both configurations: built through the afterburner, nothing missed, booted unbound and bound to bare."""

from __future__ import annotations

import bisect
import itertools
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from linux_kernel import Kernel
from objdump_judge import sensitive_by_objdump

from linker.bind.uncovered import look_at
from linker.coverage.judge import BY_ALTERNATIVES, SELF_TRAPPING
from linker.coverage.look import DATA_IN_CODE, Coverage
from linker.sites.x86_64.classes import NAME_OF

ROOT = Path(__file__).resolve().parents[2]
QEMU = [
    *("qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"),
    *("-append", "console=ttyS0 reboot=t panic=-1"),
]

# What is uncovered, by symbol and mnemonic, each with its reason. Not every configuration has all of it.
SVM = "AMD virtualization, not offered to a guest; Linux runs it only when CPUID says so"
UNCOVERED = {
    ("cpu_emergency_disable_virtualization", "stgi"): SVM,
}
EXEMPT = {
    BY_ALTERNATIVES,
    SELF_TRAPPING,  # filler against straight-line speculation: its records would only list it
    "in the mode that PVH enters in, before a target's module runs",
}


LONGEST_LEN = 15  # of an x86 instruction


def boot(kernel: Kernel, image: Path) -> str:
    """The console of the image on QEMU without KVM."""
    command = [*QEMU, "-smp", "2", "-kernel", str(image), "-initrd", str(kernel.directory / "initramfs.cpio")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def coverage(kernel: Kernel) -> Coverage:
    return look_at(kernel.vmlinux).coverage


def test_there_are_sites_enough(kernel: Kernel) -> None:
    assert len(kernel.sites) >= 2900


def test_sites_do_not_overlap(kernel: Kernel) -> None:
    sites = kernel.sites
    assert all(end <= next_start for (_, end), (next_start, _) in itertools.pairwise(sites))


def test_what_is_uncovered_has_a_reason(coverage: Coverage) -> None:
    assert {(row.symbol.split("+")[0], row.instruction.split()[0]) for row in coverage.uncovered} == UNCOVERED.keys()
    assert coverage.reasons.keys() == EXEMPT
    assert {row.why for row in coverage.passed if row.name.startswith(".text")} <= {DATA_IN_CODE}


def test_objdump_sees_the_same(kernel: Kernel, coverage: Coverage) -> None:
    """What is sensitive in its words, and in no site, is what the product found; a site holds one instruction."""
    sites, starts = kernel.sites, [start for start, _ in kernel.sites]
    outside, inside = {}, Counter[int]()
    for va, text in sensitive_by_objdump(kernel.vmlinux, "x86_64").items():
        index = bisect.bisect_right(starts, va) - 1
        if index >= 0 and va < sites[index][1]:
            inside[index] += 1
        else:
            outside[va] = text
    found = {row.va: str(row) for row in (*coverage.uncovered, *coverage.exempt)}
    # objdump reads the 32-bit code of the entry as 64-bit code, and goes on elsewhere behind what is none.
    early = [row.va for row in coverage.exempt if "PVH" in row.why]
    for ours in (outside, found):
        for va in [va for va in ours if min(early) <= va <= max(early) + LONGEST_LEN]:
            del ours[va]
    assert {hex(va): outside[va] for va in outside.keys() - found.keys()} == {}
    assert {hex(va): found[va] for va in found.keys() - outside.keys()} == {}
    others = [index for index in range(len(sites)) if index not in inside]
    assert {NAME_OF[class_number] for class_number in kernel.classes(others)} <= {"ud2", "int3"}
    assert set(inside.values()) == {1}


def test_what_alternatives_write_is_named_by_its_place(coverage: Coverage) -> None:
    written = {(row.class_name, row.remark) for row in coverage.exempt if row.why == BY_ALTERNATIVES}
    assert {("rdtsc", "over read_tsc"), ("rdtscp", "over read_tsc")} <= written
    assert all(remark for _, remark in written)
    assert coverage.over_sites.keys() == {"alternatives"}


def test_it_boots_unbound(kernel: Kernel) -> None:
    assert "previrt: initramfs reached" in boot(kernel, kernel.vmlinux)


def test_it_boots_bound_to_bare(kernel: Kernel, tmp_path: Path) -> None:
    image = tmp_path / "vmlinux.bare"
    link = [sys.executable, "-m", "linker.commands.link", str(kernel.vmlinux), "--target", "bare", "-o", str(image)]
    subprocess.run(link, cwd=ROOT, check=True, capture_output=True)
    assert image.read_bytes() != kernel.vmlinux.read_bytes()
    assert "previrt: initramfs reached" in boot(kernel, image)


def test_it_boots_with_sites_that_count(kernel: Kernel, tmp_path: Path) -> None:
    """On both processors: the second one starts without a stack."""
    image = tmp_path / "vmlinux.bare"
    link = [
        sys.executable,
        "-m",
        "linker.commands.link",
        str(kernel.vmlinux),
        "--target",
        "bare",
        "--count",
        "-o",
        str(image),
    ]
    said = subprocess.run(link, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "sites count their runs" in said
    assert "previrt: initramfs reached" in boot(kernel, image)


def test_the_reserve_is_in_memory_that_stays(kernel: Kernel) -> None:
    """Between _text and _etext, and between _sdata and _edata: what lies elsewhere may be freed after boot."""
    with kernel.vmlinux.open("rb") as file:
        elf = ELFFile(file)
        notes = elf.get_section_by_name(".notes")
        symbols = elf.get_section_by_name(".symtab")
        assert notes is not None
        assert isinstance(symbols, SymbolTableSection)
        header = struct.pack("<III8s", 8, 40, 3, b"previrt")  # docs/formats.md: RESERVE
        reserve = notes.data().partition(header)[2][:40]
        text_va, text_len, data_va, data_len, entry_va = struct.unpack("<5Q", reserve)
        names = {"_text", "_etext", "_sdata", "_edata", "startup_64"}
        at = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols() if symbol.name in names}
    assert at["_text"] <= text_va < text_va + text_len <= at["_etext"]
    assert at["_sdata"] <= data_va < data_va + data_len <= at["_edata"]
    assert entry_va == at["startup_64"]


def test_objtool_has_nothing_to_say(kernel: Kernel) -> None:
    log = (kernel.directory / "log").read_text()
    assert "warning: objtool" not in log
    assert "orphan section" not in log
    assert ("CONFIG_UNWINDER_ORC=y" in (kernel.directory / ".config").read_text()) == (kernel.name == "full")
