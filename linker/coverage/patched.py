"""Code that a guest writes over its own at run time, by the tables that say where. Linux's on x86, as data.

alternatives   an entry says: these bytes of `.altinstr_replacement` go over that place if the CPU has a feature
               (struct alt_instr, arch/x86/include/asm/alternative.h)
jump labels    a jump or a no-operation, as a key is true or false (struct jump_entry, include/linux/jump_label.h)
static calls   a call of what is called just now (struct static_call_site, include/linux/static_call_types.h)

Only alternatives can bring sensitive instructions along; all three can write over a site.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING

from linker.coverage.areas import merged
from linker.image.windows import offset_of
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.image.read import Image
    from linker.image.symbols import Symbols
    from linker.image.windows import Bytes, Window

REPLACEMENTS = ".altinstr_replacement"
JUMP_LEN, SHORT_LEN = 5, 2
SHORT = (b"\xeb", b"\x66\x90")  # `jmp rel8`, and the no-operation in its place; the long one is 0f 1f 44 00 00


class PatchLayout(NamedTuple):
    """An entry: its struct, and the positions of the fields.

    place        distance from the field to the code that is written over
    length       of that code; None: a near jump or call, or a short jump where the code is one
    replacement  distance from the field to the bytes that are written, None where there are none; then their length
    """

    entry: struct.Struct
    place: int = 0
    length: int | None = None
    replacement: int | None = None
    replacement_len: int | None = None


class PatchTable(NamedTuple):
    """Where a table is (a section's name, or the symbols around it), and how its entries may look, newest first."""

    writer: str
    section: str
    symbols: tuple[str, str]
    layouts: tuple[PatchLayout, ...]


def _alternative(fields: str, length: int) -> PatchLayout:
    return PatchLayout(struct.Struct(fields), 0, length, 1, length + 1)


TABLES = (
    PatchTable(
        "alternatives",
        ".altinstructions",
        ("__alt_instructions", "__alt_instructions_end"),
        # Linux 6.4 and later; 4.18 to 5.15 have a byte for padding behind the lengths; 5.16 to 6.3
        (_alternative("<iiIBB", 3), _alternative("<iiHBBB", 3), _alternative("<iiHBB", 3)),
    ),
    PatchTable(
        "jump labels",
        "__jump_table",
        ("__start___jump_table", "__stop___jump_table"),
        (PatchLayout(struct.Struct("<iiq")),),
    ),
    PatchTable(
        "static calls",
        ".static_call_sites",
        ("__start_static_call_sites", "__stop_static_call_sites"),
        (PatchLayout(struct.Struct("<ii")),),
    ),
)


class KernelPatch(NamedTuple):
    """One place: [va, end_va) is written over by `writer` with the bytes [with_va, with_end_va), if it says so."""

    writer: str
    va: int
    end_va: int
    with_va: int = 0
    with_end_va: int = 0


def patches(image: Image, memory: Bytes, symbols: Symbols) -> list[KernelPatch]:
    """All places of a linked image that are written over. An object's tables are relocations: none are read."""
    found: list[KernelPatch] = []
    if image.is_object:
        return found
    code = merged((s.va, s.end_va) for s in image.sections if s.is_code)
    for table in TABLES:
        start_va, length = _where(image, symbols, table)
        contents = _contents(image.windows, memory, start_va, length)
        for layout in table.layouts:
            read = [_sized(one, image.windows, memory) for one in _read(table, layout, start_va, contents)]
            if read and all(_is_in(code, patch) for patch in read):
                found += read
                break
    return found


def _where(image: Image, symbols: Symbols, table: PatchTable) -> tuple[int, int]:
    section = next((s for s in image.sections if s.name == table.section), None)
    if section is not None:
        return section.va, section.len
    start, stop = (symbols.ranges(name) for name in table.symbols)
    return (start[0][0], max(0, stop[0][0] - start[0][0])) if start and stop else (0, 0)


def _contents(windows: tuple[Window, ...], memory: Bytes, va: int, length: int) -> bytes:
    index = bisect_right(windows, (va, 1 << 64, 0)) - 1
    off = offset_of(windows[index : index + 1], va, length) if index >= 0 else None
    return b"" if off is None else bytes(memory[off : off + length])


def _read(table: PatchTable, layout: PatchLayout, start_va: int, contents: bytes) -> Iterator[KernelPatch]:
    """The entries; none when they are of another length."""
    if len(contents) % layout.entry.size:
        return
    for number, fields in enumerate(layout.entry.iter_unpack(contents)):
        at = start_va + number * layout.entry.size
        va = at + 4 * layout.place + fields[layout.place]
        length = 0 if layout.length is None else fields[layout.length]
        with_va = with_len = 0
        if layout.replacement is not None and layout.replacement_len is not None:
            with_va, with_len = at + 4 * layout.replacement + fields[layout.replacement], fields[layout.replacement_len]
        yield KernelPatch(table.writer, va, va + length, with_va, with_va + with_len)


def _sized(patch: KernelPatch, windows: tuple[Window, ...], memory: Bytes) -> KernelPatch:
    """A jump or call with its length, which is that of what stands there (arch_jump_entry_size of Linux)."""
    if patch.end_va > patch.va or patch.with_va:
        return patch
    is_short = _contents(windows, memory, patch.va, SHORT_LEN).startswith(SHORT)
    return patch._replace(end_va=patch.va + (SHORT_LEN if is_short else JUMP_LEN))


def _is_in(code: Sequence[tuple[int, int]], patch: KernelPatch) -> bool:
    """Whether place and bytes are code, and the bytes fit: else the table is read by the wrong layout."""
    if patch.with_end_va - patch.with_va > patch.end_va - patch.va:
        return False
    for start, end in ((patch.va, patch.end_va), (patch.with_va, patch.with_end_va)):
        index = bisect_right(code, (start, 1 << 64)) - 1
        if end > start and (index < 0 or end > code[index][1]):
            return False
    return True
