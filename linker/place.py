"""Put an interface module into the reserve: the text part and the data part move, each by its own distance.

A module is a shared object with two PT_LOADs and its static relocations (docs/formats.md). Moving the parts apart
changes what its PC-relative references across the two must say, and where its absolute words point:

    lea flag(%rip), %rax     R_X86_64_PC32      field += (how far the data moved) - (how far the text moved)
    .quad handler            R_X86_64_RELATIVE  word = addend + (how far the part moved the addend is in)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from elftools.elf.elffile import ELFFile

from linker.errors import LinkError
from linker.reach import require_signed
from linker.read_image import read_notes, read_section_header
from linker.sites import formats

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linker.sites.codec import Codec, Relocations

RELA = struct.Struct("<QQq")
SYMBOL = struct.Struct("<IBBHQQ")
SHF_ALLOC = 2
SHN_UNDEF, SHN_LORESERVE = 0, 0xFF00
PF_X, PF_W = 1, 2


class Part(NamedTuple):
    """A segment of the module as linked; `contents` includes the bss."""

    va: int
    contents: bytes

    @property
    def end_va(self) -> int:
        """The address behind the part."""
        return self.va + len(self.contents)


class Reference(NamedTuple):
    """A field at `va` that says how far `target_va` is; `layout` is its struct format."""

    va: int
    target_va: int
    layout: str


class Module(NamedTuple):
    """An interface module as read. `pointers`: address of a 64-bit word -> the address it holds, both as linked."""

    name: str
    target: str
    machine: int
    abi: int
    text: Part
    data: Part
    exports: Mapping[str, int]
    crossing: tuple[Reference, ...]
    pointers: Mapping[int, int]


class Placed(NamedTuple):
    """The module's two parts made for their addresses, and where its symbols are then."""

    text: bytearray
    data: bytearray
    symbols: Mapping[str, int]


def read_module(path: Path, codec: Codec) -> Module:
    """Read an interface module; LinkError when it is not one that can be placed."""
    try:
        with path.open("rb") as stream:
            return _read(path.name, ELFFile(stream), codec.relocations)
    except LinkError as error:
        error.file = error.file or str(path)
        raise
    except FileNotFoundError:
        raise LinkError("interface module is missing", where=str(path), advice="install previrt again") from None
    except Exception as error:
        raise LinkError("cannot read the interface module", where=str(path), found=str(error)) from error


def _read(name: str, elf: ELFFile, relocations: Relocations) -> Module:
    loads = [segment for segment in elf.iter_segments("PT_LOAD")]
    executable = [load for load in loads if load["p_flags"] & PF_X]
    writable = [load for load in loads if load["p_flags"] & PF_W]
    if len(loads) != 2 or len(executable) != 1 or len(writable) != 1:
        raise LinkError(
            "module has the wrong segments",
            found=f"{len(loads)} PT_LOAD, {len(executable)} executable, {len(writable)} writable",
            expected="two, one read+execute and one read+write",
        )
    parts = [Part(load["p_vaddr"], load.data().ljust(load["p_memsz"], b"\0")) for load in executable + writable]
    said = _module_note(elf)
    return Module(
        name=name,
        target=str(said.target),
        machine=said.machine,
        abi=said.module_abi,
        text=parts[0],
        data=parts[1],
        exports=_exports(elf),
        crossing=tuple(_crossing(elf, parts, relocations)),
        pointers=_pointers(elf, relocations),
    )


def _module_note(elf: ELFFile) -> formats.Parsed:
    for section in (read_section_header(elf, number) for number in range(elf.num_sections())):
        for note in read_notes(elf.stream, section) if section.type == "SHT_NOTE" else ():
            if (note.owner, note.type) == (formats.NOTE_OWNER, formats.NT_MODULE):
                return formats.NOTE_MODULE.parse(note.descriptor)
    raise LinkError("no MODULE note", expected="one in .note.previrt.module")


def _exports(elf: ELFFile) -> dict[str, int]:
    table, names = _section(elf, ".dynsym").data(), _section(elf, ".dynstr").data()
    exports = {}
    for name_off, _, _, section, va, _ in SYMBOL.iter_unpack(table[SYMBOL.size :]):
        name = names[name_off : names.index(b"\0", name_off)].decode()
        if section == SHN_UNDEF:
            raise LinkError(f"undefined symbol '{name}'", expected="a module that is complete")
        exports[name] = va
    return exports


def _section(elf: ELFFile, name: str) -> formats.Parsed:
    section = elf.get_section_by_name(name)
    if section is None:
        raise LinkError(f"no section {name}")
    return section


def _crossing(elf: ELFFile, parts: list[Part], relocations: Relocations) -> list[Reference]:
    """References from one part to the other, out of the static relocations."""
    found = []
    for section in elf.iter_sections("SHT_RELA"):
        if section["sh_flags"] & SHF_ALLOC:
            continue
        patched = elf.get_section(section["sh_info"])
        if not patched["sh_flags"] & SHF_ALLOC:
            continue
        symbols = list(SYMBOL.iter_unpack(elf.get_section(section["sh_link"]).data()))
        for va, info, _ in RELA.iter_unpack(section.data()):
            kind, symbol = info & 0xFFFFFFFF, symbols[info >> 32]
            if kind in relocations.unmoved:
                continue
            where = f"{patched.name} at {va:#x}"
            if kind not in relocations.pc_relative:
                raise LinkError(
                    "module has a relocation that cannot be moved",
                    where=where,
                    found=f"type {kind}",
                    expected=" or ".join(name for name, _ in relocations.pc_relative.values()),
                    advice="build it position-independent with hidden visibility",
                )
            if symbol[3] == SHN_UNDEF or symbol[3] >= SHN_LORESERVE:
                raise LinkError("module refers to no section of its own", where=where, expected="a defined symbol")
            target_va = elf.get_section(symbol[3])["sh_addr"]
            if _part_of(parts, va) is not _part_of(parts, target_va):
                found.append(Reference(va, target_va, relocations.pc_relative[kind][1]))
    return found


def _pointers(elf: ELFFile, relocations: Relocations) -> dict[int, int]:
    pointers = {}
    relative, relative_name = relocations.relative
    for section in elf.iter_sections("SHT_RELA"):
        if section["sh_flags"] & SHF_ALLOC:
            for va, info, addend in RELA.iter_unpack(section.data()):
                if info & 0xFFFFFFFF != relative:
                    raise LinkError(
                        "module has a dynamic relocation that is not relative",
                        where=f"{va:#x}",
                        found=f"type {info & 0xFFFFFFFF}",
                        expected=f"{relative} ({relative_name})",
                    )
                pointers[va] = addend
    return pointers


def _part_of(parts: list[Part], va: int) -> Part:
    for part in parts:
        if part.va <= va < part.end_va:
            return part
    for part in parts:
        if va == part.end_va:
            return part
    raise LinkError("module address is in no part", where=f"{va:#x}")


def place(module: Module, text_va: int, data_va: int) -> Placed:
    """The module for these addresses; LinkError when a reference across the parts does not reach."""
    parts = [module.text, module.data]
    moved = {module.text: text_va - module.text.va, module.data: data_va - module.data.va}
    placed = {part: bytearray(part.contents) for part in parts}
    if any(distance % 4096 for distance in moved.values()):
        raise LinkError("the reserve is not page-aligned", found=f"{text_va:#x}, {data_va:#x}", where=module.name)

    for reference in module.crossing:
        origin, target = _part_of(parts, reference.va), _part_of(parts, reference.target_va)
        field_off = reference.va - origin.va
        (value,) = struct.unpack_from(reference.layout, placed[origin], field_off)
        value += moved[target] - moved[origin]
        field_bits = struct.calcsize(reference.layout) * 8
        require_signed(value, field_bits, f"{module.name} at {reference.va:#x}", "the module's other part")
        struct.pack_into(reference.layout, placed[origin], field_off, value)
    for va, address in module.pointers.items():
        part = _part_of(parts, va)
        value = address + moved[_part_of(parts, address)]
        placed[part][va - part.va : va - part.va + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
    symbols = {name: va + moved[_part_of(parts, va)] for name, va in module.exports.items()}
    return Placed(placed[module.text], placed[module.data], symbols)
