"""Linux 6.1, both configurations: built through the afterburner, nothing missed, booted unbound and bound to bare."""

from __future__ import annotations

import bisect
import itertools
import struct
import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from linux_kernel import Kernel
from sweep import Found, sensitive_instructions

ROOT = Path(__file__).resolve().parents[2]
QEMU = [
    *("qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"),
    *("-append", "console=ttyS0 reboot=t panic=-1"),
]

# What is sensitive in iced-x86's eyes and yet no site, each with its reason. (section, symbol, mnemonic); None: any.
ALTERNATIVES = "copied over other code at boot, where a record would not follow it"
PVH_32_BIT = "32-bit code of the PVH entry, gone before any target's module runs"
XSS = "XSAVE's supervisor states: no class of ours; a target hides the CPUID bit, and Linux uses them only with it"
SVM = "AMD virtualization, not offered to a guest; Linux runs it only when CPUID says so"
EXEMPT: dict[tuple[str | None, str | None, str | None], str] = {
    (".altinstr_replacement", None, None): ALTERNATIVES,
    (".text", "pvh_start_xen", None): PVH_32_BIT,
    (None, None, "xsaves64"): XSS,
    (None, None, "xrstors64"): XSS,
    (".text", "cpu_emergency_disable_virtualization", "stgi"): SVM,
}


def boot(kernel: Kernel, image: Path) -> str:
    """The console of the image on QEMU without KVM."""
    command = [*QEMU, "-smp", "2", "-kernel", str(image), "-initrd", str(kernel.directory / "initramfs.cpio")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_sites_enough(kernel: Kernel) -> None:
    assert len(kernel.sites) >= 2900


def test_sites_do_not_overlap(kernel: Kernel) -> None:
    sites = kernel.sites
    assert all(end <= next_start for (_, end), (next_start, _) in itertools.pairwise(sites))


def test_no_sensitive_instruction_is_missed(kernel: Kernel) -> None:
    sites = kernel.sites
    missed: list[Found] = []
    used = set()
    seen = 0
    for found in sensitive_instructions(kernel.vmlinux):
        index = bisect.bisect_right(sites, (found.va, 1 << 64)) - 1
        if index >= 0 and sites[index][0] <= found.va and found.va + found.length <= sites[index][1]:
            seen += 1
            continue
        keys = [
            (section, symbol, mnemonic)
            for section in (found.section, None)
            for symbol in (found.symbol, None)
            for mnemonic in (found.text.split()[0], None)
        ]
        reasons = [key for key in keys if key in EXEMPT]
        if reasons:
            used.update(reasons)
        elif not found.is_filler:
            missed.append(found)
    assert not missed
    assert seen == len(sites), "a record names something that is no sensitive instruction"
    assert used == EXEMPT.keys(), "a reason is given for nothing"


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
