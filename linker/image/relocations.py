"""Relocations of an object as facts: what each changes, and what it is about. Hostile ones are LinkErrors.

    .rela.text   offset 0x13   R_X86_64_PC32   symbol 7 (`tables`)   addend -4

Layouts: System V gABI, "Relocation" and "Symbol Table".
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import SHF_ALLOC, string_at
from linker.image.symbols import LAYOUTS, SECTION_AT
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.image.read import Image, Section
    from linker.image.windows import Bytes
    from linker.sites.codec import ObjectRelocations

# (type, bytes of a word) -> entry, and the bits of r_info that are the relocation's own.
ENTRIES = {
    ("SHT_RELA", 8): (struct.Struct("<QQq"), 32),
    ("SHT_RELA", 4): (struct.Struct("<IIi"), 8),
    ("SHT_REL", 8): (struct.Struct("<QQ"), 32),
    ("SHT_REL", 4): (struct.Struct("<II"), 8),
}
SHN_UNDEF, SHN_LORESERVE, SHN_ABS = 0, 0xFF00, 0xFFF1
STT_SECTION = 3


class Symbol(NamedTuple):
    """A symbol; `value` is an offset in the section with that index. A section's own symbol has the section's name."""

    name: str
    section: int
    value: int
    type: int
    binding: int


class Relocation(NamedTuple):
    """Entry `number` of section `table`; it changes what stands at `off` of another. `addend` None: in the bytes.

    `table_index`: of that section, because several may have its name.
    """

    table: str
    table_index: int
    number: int
    off: int
    type: int
    symbol: int
    addend: int | None

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.table} entry {self.number}"


class SiteRelocation(NamedTuple):
    """A relocation of `len` bytes, `off` bytes into its site, and the name of its symbol."""

    relocation: Relocation
    off: int
    len: int
    symbol: str

    def text(self, distance: int = 0) -> str:
        """Symbol and addend; `distance` from the field to where a PC-relative operand counts from."""
        addend = (self.relocation.addend or 0) + distance
        return f"{self.symbol}{addend:+#x}" if addend else self.symbol


class Relocatable:
    """The relocations and symbols of an object in `memory`."""

    def __init__(self, image: Image, memory: Bytes, types: ObjectRelocations) -> None:
        self.image = image
        self.types = types
        self._memory = memory

    def sections_about(self, index: int) -> list[tuple[int, Section]]:
        """The relocation sections that change the section with this index, and their own indexes."""
        return self._sections_about.get(index, [])

    @cached_property
    def _sections_about(self) -> dict[int, list[tuple[int, Section]]]:
        """All relocation sections by what they change; LinkError when they share bytes: each would be read again."""
        found: dict[int, list[tuple[int, Section]]] = {}
        left_len = self.image.size
        for number, section in enumerate(self.image.sections):
            if section.type in ("SHT_REL", "SHT_RELA"):
                left_len -= section.len
                found.setdefault(section.info, []).append((number, section))
        if left_len < 0:
            raise LinkError("relocation sections share bytes", expected="relocations that are no longer than the file")
        return found

    def index_of(self, section: Section) -> int:
        """The number of a section; of several that are alike in everything the first."""
        return self._numbers[section]

    @cached_property
    def _numbers(self) -> dict[Section, int]:
        last = len(self.image.sections) - 1
        return {section: last - n for n, section in enumerate(reversed(self.image.sections))}

    def about(self, index: int) -> Iterator[Relocation]:
        """All relocations that change the section with this index."""
        for table_index, section in self.sections_about(index):
            if self._symbol_table != (section.link, self.image.sections[section.link : section.link + 1]):
                raise LinkError(
                    "relocations use another symbol table",
                    where=section.name,
                    found=f"section {section.link}",
                    expected=f"section {self._symbol_table[0]}, .symtab",
                )
            layout, type_bits = ENTRIES[str(section.type), self.image.word_len]
            data = bytes(self._memory[section.off : section.off + section.len])
            if len(data) % layout.size:
                raise LinkError(
                    "relocations are truncated",
                    where=section.name,
                    found=f"{len(data)} bytes",
                    expected=f"a multiple of {layout.size}",
                )
            for number, (off, info, *addend) in enumerate(layout.iter_unpack(data)):
                kind, symbol = info & (1 << type_bits) - 1, info >> type_bits
                known = addend[0] if addend else None
                yield Relocation(section.name, table_index, number, off, kind, symbol, known)

    def symbol(self, relocation: Relocation) -> Symbol:
        """What a relocation is about; LinkError when there is no such symbol."""
        if relocation.symbol >= len(self.symbols):
            raise LinkError(
                "relocation names no symbol",
                where=relocation.where,
                found=f"symbol {relocation.symbol}",
                expected=f"below {len(self.symbols)}",
            )
        return self.symbols[relocation.symbol]

    def defined(self, relocation: Relocation) -> tuple[Section, Symbol]:
        """The same for one that must be about a section of the object itself, and the section."""
        symbol = self.symbol(relocation)
        if symbol.section == SHN_UNDEF or symbol.section >= min(SHN_LORESERVE, len(self.image.sections)):
            special = {SHN_UNDEF: "undefined", SHN_ABS: "absolute"}.get(symbol.section, f"in section {symbol.section}")
            raise LinkError(
                "relocation is about nothing in the object",
                where=relocation.where,
                found=f"symbol {relocation.symbol} '{symbol.name}', {special}",
                expected="a symbol of one of its sections",
            )
        return self.image.sections[symbol.section], symbol

    @property
    def symbol_table_index(self) -> int:
        """The index of the symbol table's section."""
        return self._symbol_table[0]

    @cached_property
    def _symbol_table(self) -> tuple[int, tuple[Section, ...]]:
        tables = [(n, (s,)) for n, s in enumerate(self.image.sections) if s.type == "SHT_SYMTAB"]
        if len(tables) != 1:
            raise LinkError("wrong number of symbol tables", found=str(len(tables)), expected="one")
        return tables[0]

    @cached_property
    def symbols(self) -> Sequence[Symbol]:
        """The symbol table."""
        (table,) = self._symbol_table[1]
        layout, (name_at, info_at, value_at, _) = LAYOUTS[self.image.word_len]
        sections = self.image.sections
        if table.len % layout.size:
            raise LinkError("symbol table is truncated", where=table.name, found=f"{table.len} bytes")
        if table.link >= len(sections) or sections[table.link].type != "SHT_STRTAB":
            raise LinkError("symbol table has no names", where=table.name, found=f"section {table.link}")
        strings = sections[table.link]
        names = bytes(self._memory[strings.off : strings.off + strings.len])
        symbols = []
        for row in layout.iter_unpack(bytes(self._memory[table.off : table.off + table.len])):
            index, kind = row[SECTION_AT[self.image.word_len]], row[info_at] & 15
            name = string_at(names, row[name_at]) if row[name_at] < len(names) else ""
            if kind == STT_SECTION and index < len(sections):
                name = sections[index].name
            symbols.append(Symbol(name, index, row[value_at], kind, row[info_at] >> 4))
        return symbols

    def words(self, section: Section, contents: Sequence[int], word_len: int, wanted: int) -> dict[int, int]:
        """Word number -> address, for words of a section that relocations of type `wanted` fill; a NONE gives 0.

        `contents` are the words as the file has them: where a relocation has no addend, its addend.
        """
        found: dict[int, int] = {}
        signed = 1 << 8 * word_len - 1
        for relocation in self.about(self.index_of(section)):
            number, rest = divmod(relocation.off, word_len)
            if rest or number >= len(contents):
                raise LinkError(
                    f"relocation is not about a word of {section.name}",
                    where=relocation.where,
                    found=f"offset {relocation.off:#x}",
                    expected=f"a multiple of {word_len} below {len(contents) * word_len:#x}",
                )
            if number in found:
                raise LinkError(
                    "two relocations of one word", where=relocation.where, found=f"{section.name}+{relocation.off:#x}"
                )
            if relocation.type == self.types.none:
                found[number] = 0
                continue
            if relocation.type != wanted:
                raise LinkError(
                    "relocation has the wrong type",
                    where=relocation.where,
                    found=self.types.name(relocation.type),
                    expected=self.types.name(wanted),
                )
            about, symbol = self.defined(relocation)
            addend = relocation.addend
            if addend is None:
                addend = (contents[number] + signed) % (2 * signed) - signed
            off = symbol.value + addend
            if not 0 <= off <= about.len:
                raise LinkError(
                    "relocation leads out of its section",
                    where=relocation.where,
                    found=f"{about.name}{off:+#x}",
                    expected=f"up to {about.len:#x}",
                )
            found[number] = about.va + off if about.flags & SHF_ALLOC else off
        return found
