"""A kernel image small enough for a test, and a loader of modules written from Linux's (arch/x86/kernel/module.c)."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import Relocation, RelocationSection
from elftools.elf.sections import SymbolTableSection
from ko_objects import ROOT, STAND_IN

KERNEL_VA = 0xFFFFFFFF81000000
MODULE_VA = 0xFFFFFFFFC0000000
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"
XEN_MODULE = ROOT / "linker" / "hypervisors" / "xen" / "xen-x86_64.so"
# Exports two symbols as EXPORT_SYMBOL does, and one that is not where the kernel is, as per-CPU variables are.
KERNEL = """
        .text
        .globl _start, startup_64, _printk, not_exported
_start:
startup_64:
        cli
        hlt
not_exported:
_printk: ret
        .globl current_task
        .set current_task, 0x40
        .section .rodata
__ksymtab__printk: .quad _printk
__ksymtab_current_task: .quad 0
        .section .note.GNU-stack, "", @progbits
"""


def build_kernel(folder: Path) -> Path:
    """An annotated image with a reserve."""
    source, path = folder / "kernel.s", folder / "vmlinux"
    source.write_text(KERNEL)
    flags = [
        "-nostdlib",
        "-static",
        "-no-pie",
        f"-Wl,-Ttext={KERNEL_VA:#x}",
        "-Wl,-z,max-page-size=4096",
        "-Wl,--build-id=none",
    ]
    subprocess.run(["gcc", f"-B{STAND_IN}", *flags, source, RESERVE, "-o", path], check=True)
    return path


def symbols_of(path: Path, table: str = ".symtab") -> dict[str, int]:
    """Values by name."""
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(table)
        assert isinstance(section, SymbolTableSection)
        return {symbol.name: symbol["st_value"] for symbol in section.iter_symbols()}


SHF_ALLOC = 2


def entries_of(kernel: Path) -> dict[str, int]:
    """Where Xen's interface module is in a bound kernel: its own addresses count from its parts."""
    with XEN_MODULE.open("rb") as file:
        loads = [segment for segment in ELFFile(file).iter_segments() if segment["p_type"] == "PT_LOAD"]
        text_va, data_va = (load["p_vaddr"] for load in sorted(loads, key=lambda load: load["p_flags"] & 2))
    with kernel.open("rb") as file:
        # What objects bring is in a section of the same name that is not loaded.
        (notes,) = (
            section
            for section in ELFFile(file).iter_sections()
            if section.name == ".note.afterburn" and section["sh_flags"] & SHF_ALLOC
        )
        reserve = notes.data().index(struct.pack("<III", 8, 40, 3) + b"previrt\0") + 20
        text_reserve_va, _, data_reserve_va = struct.unpack_from("<QQQ", notes.data(), reserve)
    return {
        name: va - data_va + data_reserve_va if va >= data_va else va - text_va + text_reserve_va
        for name, va in symbols_of(XEN_MODULE, ".dynsym").items()
    }


class Loaded(NamedTuple):
    """A module in memory: contents and addresses of its sections by name, addresses of its symbols."""

    contents: dict[str, bytes]
    bases: dict[str, int]
    symbols: dict[str, int]


def load(path: Path, kernel_symbols: dict[str, int], base_va: int = MODULE_VA) -> Loaded:
    """Lay out the allocated sections, resolve, relocate; what Linux refuses fails."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        bases, memory, va = {}, {}, base_va
        for number, section in enumerate(elf.iter_sections()):
            if section["sh_flags"] & 2:
                bases[number], memory[number] = va, bytearray(section.data().ljust(section["sh_size"], b"\0"))
                va += section["sh_size"] + 0xFFF & ~0xFFF
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        values = []
        for symbol in table.iter_symbols():
            index = symbol["st_shndx"]
            if index == "SHN_UNDEF":
                values.append(kernel_symbols[symbol.name] if symbol.name else 0)
            else:
                values.append(symbol["st_value"] + bases.get(index, 0))
        for section in elf.iter_sections():
            if isinstance(section, RelocationSection) and section["sh_info"] in bases:
                for one in section.iter_relocations():
                    place = memory[section["sh_info"]]
                    relocate(place, bases[section["sh_info"]], one, values[one["r_info_sym"]] + one["r_addend"])
        names = {number: elf.get_section(number).name for number in bases}
        return Loaded(
            {names[number]: bytes(data) for number, data in memory.items()},
            {names[number]: base for number, base in bases.items()},
            {symbol.name: value for symbol, value in zip(table.iter_symbols(), values, strict=True)},
        )


def relocate(memory: bytearray, base: int, one: Relocation, value: int) -> None:
    """apply_relocate_add: the field must be zero and the value must fit."""
    off, kind = one["r_offset"], one["r_info_type"]
    if kind == 0:
        return
    layout = {1: "<Q", 2: "<i", 4: "<i", 10: "<I", 11: "<i"}[kind]
    length = struct.calcsize(layout)
    assert not any(memory[off : off + length]), "Invalid relocation target, existing value is nonzero"
    if kind in (2, 4):
        value -= base + off
    value %= 1 << 64
    if layout == "<i" and value >> 63:
        value -= 1 << 64
    struct.pack_into(layout, memory, off, value)
