"""Put an interface module into the reserve: the text part and the data part move, each by its own distance.

A module is a shared object with two PT_LOADs and its static relocations (docs/formats.md). Moving the parts apart
changes what its PC-relative references across the two must say, and where its absolute words point:

    lea flag(%rip), %rax     R_X86_64_PC32      field += (how far the data moved) - (how far the text moved)
    .quad handler            R_X86_64_RELATIVE  word = addend + (how far the part moved the addend is in)
    movl $handler, %eax      R_386_RELATIVE     the same; the addend is what the word holds
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING

from linker.errors import LinkError, naming
from linker.image.file import open_image
from linker.image.read import SHF_ALLOC, read_headers, read_notes, string_at
from linker.quick.tuples import NamedTuple
from linker.sites import formats
from linker.sites.reach import require_signed
from linker.table.read import parse_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from linker.image.read import Section
    from linker.sites.codec import Codec, Relocations
    from linker.sites.holes import Hole


class Layouts(NamedTuple):
    """ELF tables of one class (gABI). `relocation`: Elf64_Rela, or Elf32_Rel, whose addend is in the word itself."""

    symbol: struct.Struct
    symbol_fields: tuple[int, int, int]  # positions of name, section, value
    relocation_type: str
    relocation: struct.Struct
    symbol_shift: int  # r_info is symbol << this | type


LAYOUTS = {
    4: Layouts(struct.Struct("<IIIBBH"), (0, 5, 1), "SHT_REL", struct.Struct("<II"), 8),
    8: Layouts(struct.Struct("<IBBHQQ"), (0, 3, 4), "SHT_RELA", struct.Struct("<QQq"), 32),
}
SHN_UNDEF, SHN_LORESERVE = 0, 0xFF00
PF_X, PF_W = 1, 2


class Part(NamedTuple):
    """A segment of the module as linked, up to `end_va`; `contents` includes the bss."""

    va: int
    end_va: int
    contents: bytes


class Reference(NamedTuple):
    """A field at `va` that says how far `target_va` is."""

    va: int
    target_va: int
    hole: Hole


class Module(NamedTuple):
    """An interface module as read. `pointers`: address of a word -> the address it holds, both as linked."""

    name: str
    target: str
    machine: int
    abi: int
    text: Part
    data: Part
    exports: Mapping[str, int]
    crossing: tuple[Reference, ...]
    pointers: Mapping[int, int]
    word_len: int


class Placed(NamedTuple):
    """The module's two parts made for their addresses, and where its symbols are then."""

    text: bytearray
    data: bytearray
    symbols: Mapping[str, int]


def read_module(path: Path, codec: Codec) -> Module:
    """Read an interface module; LinkError when it is not one that can be placed."""
    with naming(path), open_image(path) as file:
        return _read(path.name, bytes(file.memory), codec.relocations)


def _read(name: str, contents: bytes, relocations: Relocations) -> Module:
    headers = read_headers(contents)
    loads = [segment for segment in headers.segments if segment.type == "PT_LOAD"]
    executable = [load for load in loads if load.flags & PF_X]
    writable = [load for load in loads if load.flags & PF_W]
    if len(loads) != 2 or len(executable) != 1 or len(writable) != 1:
        raise LinkError(
            "module has the wrong segments",
            found=f"{len(loads)} PT_LOAD, {len(executable)} executable, {len(writable)} writable",
            expected="two, one read+execute and one read+write",
        )
    text, data = (
        Part(
            load.va,
            load.va + max(load.len, load.memory_len),
            contents[load.off : load.off + load.len].ljust(load.memory_len, b"\0"),
        )
        for load in executable + writable
    )
    elf = _Contents(contents, headers.sections, LAYOUTS[headers.word_len])
    said = _module_note(elf)
    return Module(
        name=name,
        target=str(said.target),
        machine=said.machine,
        abi=said.module_abi,
        text=text,
        data=data,
        exports=_exports(elf),
        crossing=tuple(_crossing(elf, [text, data], relocations)),
        pointers=_pointers(elf, [text, data], relocations, headers.word_len),
        word_len=headers.word_len,
    )


class _Contents(NamedTuple):
    memory: bytes
    sections: Sequence[Section]
    layouts: Layouts

    def at(self, index: int) -> Section:
        if index >= len(self.sections):
            raise LinkError("no such section", found=str(index), expected=f"below {len(self.sections)}")
        return self.sections[index]

    def data(self, section: Section) -> bytes:
        return self.memory[section.off : section.off + section.len]

    def rows(self, section: Section, layout: struct.Struct) -> Iterator[tuple[int, ...]]:
        data = self.data(section)
        return layout.iter_unpack(data[: len(data) - len(data) % layout.size])

    def relocation_sections(self, *, dynamic: bool) -> Iterator[Section]:
        wanted = self.layouts.relocation_type
        return (s for s in self.sections if s.type == wanted and bool(s.flags & SHF_ALLOC) == dynamic)

    def relocations(self, section: Section) -> Iterator[tuple[int, int, int, int | None]]:
        """Address, type, symbol's index and addend, None where the word holds it."""
        shift = self.layouts.symbol_shift
        for va, info, *addend in self.rows(section, self.layouts.relocation):
            yield va, info & (1 << shift) - 1, info >> shift, addend[0] if addend else None

    def symbols(self, table: Section) -> Iterator[tuple[int, int, int]]:
        """Offset of the name, section and address of each symbol."""
        name, section, va = self.layouts.symbol_fields
        return ((row[name], row[section], row[va]) for row in self.rows(table, self.layouts.symbol))


def _module_note(elf: _Contents) -> formats.Parsed:
    for note in read_notes(elf.memory, elf.sections):
        if (note.owner, note.type) == (formats.NOTE_OWNER, formats.NT_MODULE):
            return parse_descriptor(formats.NOTE_MODULE, note.descriptor, "MODULE")
    raise LinkError("no MODULE note", expected="one in .note.previrt.module")


def _exports(elf: _Contents) -> dict[str, int]:
    exports = {}
    for table in (section for section in elf.sections if section.type == "SHT_DYNSYM"):
        names = elf.data(elf.at(table.link))
        for name_off, section, va in islice(elf.symbols(table), 1, None):
            name = string_at(names, name_off)
            if section == SHN_UNDEF:
                raise LinkError(f"undefined symbol '{name}'", expected="a module that is complete")
            exports[name] = va
    return exports


def _crossing(elf: _Contents, parts: list[Part], relocations: Relocations) -> Iterator[Reference]:
    """References from one part to the other, out of the static relocations."""
    tables: dict[int, list[tuple[int, ...]]] = {}
    section_field = elf.layouts.symbol_fields[1]
    for section in elf.relocation_sections(dynamic=False):
        patched = elf.at(section.info)
        if not patched.flags & SHF_ALLOC:
            continue
        if section.link not in tables:
            tables[section.link] = list(elf.rows(elf.at(section.link), elf.layouts.symbol))
        symbols = tables[section.link]
        for va, kind, index, _ in elf.relocations(section):
            if kind in relocations.unmoved:
                continue
            where = f"{patched.name} at {va:#x}"
            if kind not in relocations.pc_relative and kind not in relocations.gp_relative:
                raise LinkError(
                    "module has a relocation that cannot be moved",
                    where=where,
                    found=f"type {kind}",
                    expected=" or ".join(name for name, _ in relocations.pc_relative.values()),
                    advice="build it position-independent with hidden visibility",
                )
            symbol_section = symbols[index][section_field]
            if symbol_section == SHN_UNDEF or symbol_section >= SHN_LORESERVE:
                raise LinkError("module refers to no section of its own", where=where, expected="a defined symbol")
            target_va = elf.at(symbol_section).va
            if kind in relocations.gp_relative:
                if _part_of(parts, target_va) is parts[0]:
                    raise LinkError(
                        f"module reaches its text from the global pointer ({relocations.gp_relative[kind]})",
                        where=where,
                        expected="data, which move with the global pointer",
                        advice="take the address from ip, @pcrel",
                    )
                continue
            _, hole = relocations.pc_relative[kind]
            place_va = va - va % hole.place_align
            if _part_of(parts, place_va) is not _part_of(parts, target_va):
                yield Reference(place_va, target_va, hole)


def _pointers(elf: _Contents, parts: list[Part], relocations: Relocations, word_len: int) -> dict[int, int]:
    pointers = {}
    relative, relative_name = relocations.relative
    for section in elf.relocation_sections(dynamic=True):
        for va, kind, _, addend in elf.relocations(section):
            if kind != relative:
                raise LinkError(
                    "module has a dynamic relocation that is not relative",
                    where=f"{va:#x}",
                    found=f"type {kind}",
                    expected=f"{relative} ({relative_name})",
                )
            part = _part_of(parts, va)
            held = int.from_bytes(part.contents[va - part.va : va - part.va + word_len], "little")
            pointers[va] = held if addend is None else addend
    return pointers


def _part_of(parts: list[Part], va: int) -> Part:
    text, data = parts
    low, high = (text, data) if text.va <= data.va else (data, text)
    if high.va <= va <= high.end_va:
        return high
    if low.va <= va <= low.end_va:
        return low
    raise LinkError("module address is in no part", where=f"{va:#x}")


def place(module: Module, text_va: int, data_va: int) -> Placed:
    """The module for these addresses; LinkError when a reference across the parts does not reach."""
    parts = [module.text, module.data]
    distances = (text_va - module.text.va, data_va - module.data.va)
    if any(distance % 4096 for distance in distances):
        raise LinkError("the reserve is not page-aligned", found=f"{text_va:#x}, {data_va:#x}", where=module.name)
    text, data = (bytearray(part.contents) for part in parts)
    low, high = sorted(parts, key=lambda part: part.va)
    low_va, high_va, ends_va = low.va, high.va, (low.end_va, high.end_va)
    # By whether an address is in the higher part.
    part_vas, contents = (low_va, high_va), (text, data) if low is module.text else (data, text)
    moves = distances if low is module.text else distances[::-1]

    def part_of(va: int) -> bool:
        is_high = va >= high_va
        if not low_va <= va <= ends_va[is_high]:
            raise LinkError("module address is in no part", where=f"{va:#x}")
        return is_high

    for reference in module.crossing:
        origin = part_of(reference.va)
        code, field_off, hole = contents[origin], reference.va - part_vas[origin], reference.hole
        (value,) = hole.get(code, field_off, len(code), 1)
        value += moves[part_of(reference.target_va)] - moves[origin]
        require_signed(value, hole.value_bits, f"{module.name} at {reference.va:#x}", "the module's other part")
        hole.put(code, field_off, len(code), [value])
    word_len, mask = module.word_len, (1 << 8 * module.word_len) - 1
    for va, address in module.pointers.items():
        origin = part_of(va)
        off = va - part_vas[origin]
        contents[origin][off : off + word_len] = (address + moves[part_of(address)] & mask).to_bytes(word_len, "little")
    symbols = {name: va + moves[part_of(va)] for name, va in module.exports.items()}
    return Placed(text, data, symbols)
