"""A relocatable object with other or more sections: contents are appended, headers written anew, all else stays.

before   [ ELF header | contents ................ | section headers ]
after    [ ELF header | contents ................ | section headers, unused | new contents | section headers ]
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.image.read import Image

SHT = {"SHT_PROGBITS": 1, "SHT_RELA": 4}
SHN_LORESERVE = 0xFF00
CONTENTS_ALIGN = 16


class NewSection(NamedTuple):
    """A section to add, as its header says it."""

    name: str
    type: str
    flags: int
    contents: bytes
    link: int = 0
    info: int = 0
    align: int = 1
    entry_len: int = 0


class _Layout(NamedTuple):
    """Where the ELF header has the table's place and size, and the section header; bytes a word."""

    table_off_at: int
    count_at: int
    names_at: int
    word: str
    header: struct.Struct


# name, type, flags, address, offset, size, link, info, alignment, entry size (gABI, Sections)
LAYOUTS = {
    8: _Layout(40, 60, 62, "<Q", struct.Struct("<IIQQQQIIQQ")),
    4: _Layout(32, 48, 50, "<I", struct.Struct("<10I")),
}
OFFSET, SIZE = 4, 5


def extend(contents: bytes, image: Image, replaced: Mapping[int, bytes], added: Sequence[NewSection]) -> bytes:
    """The object with the sections of `replaced` (by index) having other contents, and `added` behind the others."""
    layout = LAYOUTS[image.word_len]
    (table_off,) = struct.unpack_from(layout.word, contents, layout.table_off_at)
    (names_index,) = struct.unpack_from("<H", contents, layout.names_at)
    count = len(image.sections)
    if count + len(added) >= SHN_LORESERVE:
        raise LinkError("object has too many sections", found=str(count), expected=f"below {SHN_LORESERVE}")
    size = layout.header.size
    headers = [list(layout.header.unpack_from(contents, table_off + n * size)) for n in range(count)]
    if names_index >= count:
        raise LinkError("object has no section names", found=f"index {names_index}", expected=f"below {count}")
    names = image.sections[names_index]
    strings = bytearray(terminated(replaced.get(names_index, contents[names.off : names.off + names.len])))
    out = bytearray(contents)
    for section in added:
        name_off = len(strings)
        strings += section.name.encode() + b"\0"
        off = _append(out, section.contents)
        header = [name_off, SHT[section.type], section.flags, 0, off, len(section.contents)]
        headers.append([*header, section.link, section.info, section.align, section.entry_len])
    for index, data in {**replaced, names_index: bytes(strings)}.items():
        headers[index][OFFSET], headers[index][SIZE] = _append(out, data), len(data)
    new_table_off = _append(out, b"".join(layout.header.pack(*header) for header in headers))
    struct.pack_into(layout.word, out, layout.table_off_at, new_table_off)
    struct.pack_into("<H", out, layout.count_at, len(headers))
    return bytes(out)


def terminated(strings: bytes) -> bytes:
    """A string table that more can be put behind."""
    return strings if strings.endswith(b"\0") else strings + b"\0"


def _append(out: bytearray, data: bytes) -> int:
    out += bytes(-len(out) % CONTENTS_ALIGN)
    off = len(out)
    out += data
    return off
