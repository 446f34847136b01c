"""The image's symbols, read only when something is printed or selected by name."""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import string_at
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from linker.image.read import Image, Section
    from linker.image.windows import Bytes

# Elf32_Sym and Elf64_Sym (gABI, Symbol Table), little-endian; and the positions of name, info, value and size in them.
LAYOUTS = {
    4: (struct.Struct("<IIIBBH"), (0, 3, 1, 2)),
    8: (struct.Struct("<IBBHQQ"), (0, 1, 4, 5)),
}
SECTION_AT = {4: 5, 8: 3}  # position of the section's index
STT_NOTYPE, STT_OBJECT, STT_FUNC = 0, 1, 2


class Span(NamedTuple):
    """The half-open range of a symbol, up to its size or to the next one."""

    start_va: int
    end_va: int
    name: str


def symbol_sections(image: Image) -> tuple[Section | None, Section | None]:
    """The symbol table and its names; LinkError when there are two, or the table is truncated."""
    table, names = image.section(".symtab"), image.section(".strtab")
    if table is not None and table.len % LAYOUTS[image.word_len][0].size:
        raise LinkError("symbol table is truncated", where=".symtab", found=f"{table.len} bytes")
    return table, names


class Symbols:
    """Functions and plain labels of `.symtab` by address and by name.

    functions  addresses that a symbol says are functions
    objects    half-open ranges that a symbol says are data, by address
    """

    def __init__(self, image: Image, memory: Bytes) -> None:
        self._by_va: list[tuple[int, int, int]] = []
        self._bases: list[int] = []
        self._names = b""
        self._starts: list[int] = []
        self.functions: frozenset[int] = frozenset()
        self.objects: list[tuple[int, int]] = []
        table, names = symbol_sections(image)
        if table is None or names is None:
            return
        self._names = bytes(memory[names.off : names.off + names.len])
        layout, (name_at, info_at, va_at, len_at) = LAYOUTS[image.word_len]
        data = bytes(memory[table.off : table.off + table.len])
        rows = [
            (row, row[info_at] & 15)
            for row in layout.iter_unpack(data)
            if row[info_at] & 15 in (STT_NOTYPE, STT_OBJECT, STT_FUNC) and row[name_at] < len(self._names)
        ]
        if image.is_object:  # values are offsets in sections, which have addresses here
            bases = {n: section.va for n, section in enumerate(image.sections) if section.va}
            self._bases = sorted(bases.values())
            at = SECTION_AT[image.word_len]
            found = [
                (bases[row[at]] + row[va_at], row[len_at], row[name_at], kind)
                for row, kind in rows
                if row[at] in bases and row[name_at]
            ]
        else:
            found = [(row[va_at], row[len_at], row[name_at], kind) for row, kind in rows if row[va_at]]
        self._by_va = sorted(row[:3] for row in found if row[3] != STT_OBJECT)
        self.functions = frozenset(row[0] for row in found if row[3] == STT_FUNC)
        self._starts = [va for va, _ in groupby(row[0] for row in self._by_va)]
        self.objects = sorted((row[0], row[0] + row[1]) for row in found if row[3] == STT_OBJECT and row[1])

    def starts(self, low_va: int, high_va: int) -> list[int]:
        """Where symbols start between two addresses, in order."""
        return self._starts[bisect_left(self._starts, low_va) : bisect_left(self._starts, high_va)]

    def at(self, va: int) -> str:
        """`name+0x12` of the last symbol at or below `va`; empty when there is none."""
        index = bisect_right(self._by_va, (va, 1 << 64, 0)) - 1
        if index < 0:
            return ""
        start_va, _, name_off = self._by_va[index]
        if self._bases and start_va < self._bases[bisect_right(self._bases, va) - 1]:
            return ""  # another section's
        name = string_at(self._names, name_off)
        return f"{name}+{va - start_va:#x}" if va > start_va else name

    def ranges(self, name: str) -> list[tuple[int, int]]:
        """Half-open address ranges of all symbols of that name; one without a size reaches to the next symbol."""
        wanted = os.fsencode(name) + b"\0"
        found = []
        for va, length, name_off in self._by_va:
            if self._names.startswith(wanted, name_off):
                index = bisect_right(self._starts, va)
                following = self._starts[index] if index < len(self._starts) else 1 << 64
                found.append((va, va + length if length else following))
        return found

    def spans(self, low_va: int, high_va: int) -> list[Span]:
        """Disjoint ranges of the symbols between two addresses, in order; where several start, the one `at` names."""
        found = []
        for va, next_va in pairwise([*self.starts(low_va, high_va), high_va]):
            _, length, name_off = self._by_va[bisect_left(self._by_va, (va + 1, 0, 0)) - 1]
            end_va = min(va + length, next_va) if length else next_va
            found.append(Span(va, end_va, string_at(self._names, name_off)))
        return found
