"""Objects made by the assemblers, and what pyelftools and objdump say of them, never our own tables."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "afterburner" / "bin"

X86_64 = """
        .text
        ret
f:      cli
        mov %cr3, %rax
        sti
        lgdt tables(%rip)
        sidt tables+10
        verw own(%rip)
        ret
own:    .word 0x10
        .section .init.text, "ax"
g:      rdmsr
        cpuid
        .data
tables: .zero 32
"""
# The original's way: by hand, 32-bit words, the addend in place.
I386 = """
        .text
        ret
f:
1:      cli; .skip 7, 0x90
2:      lgdt tables+4; .skip 5, 0x90
3:      ret
        .section .init.text, "ax"
g:
4:      rdmsr; .skip 6, 0x90
5:
        .section .afterburn
        .balign 4
        .long 1b, 2b, 2b, 3b, 4b, 5b
        .data
tables: .zero 32
"""
IA64 = """
        .text
        .proc f#
f:      ssm psr.i
        mov r8=cr.iva
        br.ret.sptk.many rp
        .endp f#
        .section .init.text, "ax"
        .proc g#
g:      mov r8=cpuid[r9]
        .endp g#
"""


class Entry(NamedTuple):
    """A relocation: its section, offset, type, symbol (a section's name for its own), addend; its place in the file."""

    section: str
    off: int
    type: int
    symbol: str
    addend: int
    at: int


def assemble(folder: Path, arch: str, source: str, name: str = "object.o") -> Path:
    """An annotated object."""
    text, path = folder / f"{name}.s", folder / name
    text.write_text(source)
    if arch == "i386":
        command: list[str | Path] = ["gcc", "-m32", "-c", text, "-o", path]
    elif arch == "ia64":
        command = [STAND_IN / "ia64-linux-gnu" / "as", text, "-o", path]
    else:
        command = ["gcc", f"-B{STAND_IN}", "-c", text, "-o", path]
    environment = {**os.environ, "PREVIRT_TARGET": "ia64-linux-gnu"} if arch == "ia64" else None
    subprocess.run(command, check=True, env=environment)
    return path


def relocations(path: Path) -> list[Entry]:
    """All relocations of an object."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        found = []
        for section in elf.iter_sections():
            if not isinstance(section, RelocationSection):
                continue
            symbols = elf.get_section_by_name(".symtab")
            assert isinstance(symbols, SymbolTableSection)
            about = elf.get_section(section["sh_info"])
            for number, one in enumerate(section.iter_relocations()):
                symbol = symbols.get_symbol(one["r_info_sym"])
                name = symbol.name
                if symbol["st_info"]["type"] == "STT_SECTION":
                    name = elf.get_section(symbol["st_shndx"]).name
                at = section["sh_offset"] + number * section["sh_entsize"]
                addend = one["r_addend"] if section.is_RELA() else 0
                found.append(Entry(about.name, one["r_offset"], one["r_info_type"], name, addend, at))
        return found


def contents(path: Path) -> dict[str, bytes]:
    """The sections by name."""
    with path.open("rb") as file:
        return {section.name: section.data() for section in ELFFile(file).iter_sections()}


def put(path: Path, at: int, layout: str, *values: int) -> None:
    """Damage a file: numbers at an offset."""
    damaged = bytearray(path.read_bytes())
    struct.pack_into(layout, damaged, at, *values)
    path.write_bytes(damaged)


def disassembled(path: Path, tool: str = "objdump") -> list[str]:
    """What objdump reads: instructions, and relocations behind them."""
    out = subprocess.run([tool, "-drw", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    return [" ".join(line.split()) for line in out.splitlines()[1:] if line.strip()]
