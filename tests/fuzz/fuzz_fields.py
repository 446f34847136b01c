"""Where the numbers of an ELF file are, so that a mutation hits what means something. Layouts: System V gABI."""

from __future__ import annotations

import struct
from collections import defaultdict
from typing import NamedTuple

SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_NOTE, SHT_REL = 2, 4, 8, 7, 9
SHF_EXECINSTR = 4


class Field(NamedTuple):
    """A little-endian number: offset in the file, bytes."""

    off: int
    width: int


class _Class(NamedTuple):
    """Of an ELF class: widths of the fields of each header, and where the header has tables and their counts."""

    header: tuple[int, ...]
    program: tuple[int, ...]
    section: tuple[int, ...]
    symbol: tuple[int, ...]
    word: int


CLASSES = {
    2: _Class((16, 2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2), (4, 4, *[8] * 6), (4, 4, *[8] * 4, 4, 4, 8, 8),
              (4, 1, 1, 2, 8, 8), 8),
    1: _Class((16, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2), (4,) * 8, (4,) * 10, (4, 4, 4, 1, 1, 2), 4),
}  # fmt: skip


class Section(NamedTuple):
    """A section header as it stands."""

    header_off: int
    kind: int
    flags: int
    off: int
    len: int


class Shape(NamedTuple):
    """Fields by what they are; the section headers; bytes of one."""

    groups: dict[str, list[Field]]
    sections: list[Section]
    section_len: int


def shape_of(image: bytes) -> Shape:
    """The fields of a good ELF file."""
    kind = CLASSES[image[4]]
    groups: defaultdict[str, list[Field]] = defaultdict(list)
    groups["header"] = [Field(n, 1) for n in range(4, 8)] + _row(16, kind.header[1:])
    values = [_get(image, field) for field in _row(16, kind.header[1:])]
    programs_off, sections_off, programs, sections = values[4], values[5], values[9], values[11]
    for n in range(programs):
        groups["programs"] += _row(programs_off + n * sum(kind.program), kind.program)
    found = []
    for n in range(sections):
        row = _row(sections_off + n * sum(kind.section), kind.section)
        groups["sections"] += row
        numbers = [_get(image, field) for field in row]
        found.append(Section(row[0].off, numbers[1], numbers[2], numbers[4], numbers[5]))
    names = found[values[12]] if sections else None
    for section, row_off in ((one, one.header_off) for one in found):
        name = _name(image, names, _get(image, Field(row_off, 4))) if names else ""
        if section.kind != SHT_NOBITS and section.len:
            _contents(groups, image, section, name, kind)
    return Shape(dict(groups), found, sum(kind.section))


def _contents(groups: dict[str, list[Field]], image: bytes, section: Section, name: str, kind: _Class) -> None:
    ends = section.off + section.len
    if section.kind == SHT_NOTE:
        groups["notes"] += [Field(off, 4) for off in range(section.off, ends, 4)]
    elif name == ".afterburn.original":
        groups["kept"] += [Field(off, 1) for off in range(section.off, min(ends, section.off + 64))]
    elif name.startswith(".afterburn") and name != ".afterburn.str":
        group = "undo" if name.endswith("undo") else "tables"
        groups[group] += [Field(off, kind.word) for off in range(section.off, ends - kind.word + 1, kind.word)]
    elif section.kind in (SHT_RELA, SHT_REL):
        groups["relocations"] += [Field(off, kind.word) for off in range(section.off, ends, kind.word)]
    elif section.kind == SHT_SYMTAB:
        for off in range(section.off, ends, sum(kind.symbol)):
            groups["symbols"] += _row(off, kind.symbol)
    elif section.flags & SHF_EXECINSTR:
        # Of a reserve only the beginning and the end.
        groups["code"] += [Field(off, 1) for off in range(section.off, min(ends, section.off + 256))]
        groups["code"].append(Field(ends - 1, 1))
    else:
        groups["other"] += [Field(off, 1) for off in range(section.off, min(ends, section.off + 64))]


def _row(off: int, widths: tuple[int, ...]) -> list[Field]:
    row = []
    for width in widths:
        row.append(Field(off, width))
        off += width
    return row


def _get(image: bytes, field: Field) -> int:
    return int.from_bytes(image[field.off : field.off + field.width], "little")


def _name(image: bytes, names: Section, off: int) -> str:
    start = names.off + off
    return image[start : image.index(b"\0", start)].decode()


def note(owner: bytes, kind: int, descriptor: bytes) -> bytes:
    """One ELF note."""
    head = struct.pack("<III", len(owner), len(descriptor), kind)
    return head + owner + bytes(-len(owner) % 4) + descriptor + bytes(-len(descriptor) % 4)
