"""The tables that the linker writes about an image and interface modules of x86 read: layout only.

Both sides come from here: Python's `ROW` and `SITE`, and `src-x86_64/rows.h`, which `x86_64_headers.py` prints.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class RowField(NamedTuple):
    """A member of a C structure.

    elements  1 unless it is an array
    says      what a reader of the C header must know, may be empty
    """

    name: str
    c_type: str
    elements: int = 1
    says: str = ""

    @property
    def form(self) -> str:
        """Its letter of `struct`; an array is bytes."""
        return f"{self.elements}s" if self.elements > 1 else FORM_OF[self.c_type]


FORM_OF = {"u8": "B", "s8": "b", "u16": "H", "u32": "I", "s64": "q", "u64": "Q"}

# One distinct instruction: struct row.
ROW_FIELDS = (
    RowField("class_number", "u16"),
    RowField("length", "u8", says="of the original instruction"),
    RowField("width", "u8", says="operand size, bytes"),
    RowField("flags", "u8", says="ROW_*"),
    RowField("reg_count", "u8"),
    RowField("reg", "u8", 4, "Intel operand order"),
    RowField("base", "s8", says="-1: none"),
    RowField("index", "s8", says="-1: none"),
    RowField("scale", "u8"),
    RowField("segment", "u8", says="SEG_*"),
    RowField("address_bits", "u8"),
    RowField("carried", "u8", says="ROW_CARRIED in a kernel module, which brings its rows along; else 0"),
    RowField("displacement", "s64"),
    RowField("immediate", "s64"),
    RowField("text_va", "u64", says="NUL-terminated disassembly"),
    RowField("code", "u8", 16),
)
ROW_MEMORY, ROW_REPEAT, ROW_IMMEDIATE = 1, 2, 4
ROW_CARRIED = 0xA9
ROW_WORDS = {
    "ROW_MEMORY": ROW_MEMORY,
    "ROW_REPEAT": ROW_REPEAT,
    "ROW_IMMEDIATE": ROW_IMMEDIATE,
    "ROW_CARRIED": ROW_CARRIED,
}

# A site, sorted by address: struct site.
SITE_FIELDS = (
    RowField("start_off", "u32", says="from vcpu_sites_base_va, low part"),
    RowField("start_high", "u16", says="the rest: boot code may lie far below the kernel"),
    RowField("row", "u16"),
    RowField("length", "u8"),
    RowField("unused", "u8", 3),
)
SITE_SPAN_LEN = 1 << 48
SITE_ROWS = 1 << 16  # rows that `row` can name
SITE_MAX_LEN = 255  # the instruction is in front; what is behind this is padding


def pack_site(start_off: int, row: int, length: int) -> bytes:
    """A `struct site`."""
    return SITE.pack(start_off & 0xFFFFFFFF, start_off >> 32, row, length, b"")


def unpack_sites(table: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, row and length of each site of a table."""
    for low, high, row, length, _ in SITE.iter_unpack(table):
        yield low | high << 32, row, length


def _layout(fields: Iterable[RowField]) -> struct.Struct:
    return struct.Struct("<" + "".join(field.form for field in fields))


def _offsets(fields: Iterable[RowField]) -> Mapping[str, int]:
    """Field -> bytes from the start. C's own alignment gives the same: the header asserts it."""
    fields = tuple(fields)
    lengths = (struct.calcsize(f"<{field.form}") for field in fields)
    return dict(zip((field.name for field in fields), accumulate(lengths, initial=0), strict=False))


ROW, SITE = _layout(ROW_FIELDS), _layout(SITE_FIELDS)
ROW_OFFSETS, SITE_OFFSETS = _offsets(ROW_FIELDS), _offsets(SITE_FIELDS)
