"""Phase 1: what an ELF image is made of. Facts only; the bytes stay where they are.

The file may be hostile, so every number is checked against the size of the file before it is used. The layouts are
pyelftools', as `linker/sites/layouts.py` keeps them; its `ELFFile` is not used, because it follows references before
they can be checked and imports DWARF.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.windows import Window, check_windows
from linker.quick.tuples import NamedTuple
from linker.sites.layouts import (
    ELF_HEADER,
    FILE_TYPES,
    PROGRAM_HEADER,
    SECTION_HEADER,
    SECTION_TYPES,
    SEGMENT_TYPES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linker.image.windows import Sliceable
    from linker.sites.layout import Layout, Parsed

IDENT_LEN, EI_CLASS, EI_DATA, ELFDATA2LSB = 16, 4, 5, 1
WORD_LEN = {1: 4, 2: 8}  # by EI_CLASS
PN_XNUM = 0xFFFF
SEGMENTS_MAX = 0xFFFF  # an image has a handful; more than 16 bits count is for core dumps
SHT_NULL, SHT_STRTAB, SHT_NOBITS = 0, 3, 8
SHF_ALLOC, SHF_EXECINSTR = 2, 4
# Whose notes are read, by the name in the file: ours, and what says where Xen enters a kernel.
OWNERS = {name.encode() + end: name for name in ("previrt", "Xen") for end in (b"", b"\0")}
OWNER_LENS = frozenset(map(len, OWNERS))
NOTE_HEADER = struct.Struct("<III")  # name size, descriptor size, type
FIRST_PSEUDO_VA, PSEUDO_ALIGN = 0x4F << 56, 1 << 20  # of an object's sections (linker/image/places.py)
LONGEST_SECTION_LEN = 1 << 40
LONGEST_NAME_LEN = 512  # shown of a name; as long as Linux lets symbols be
ENTRY_OFF = 24  # e_entry in the ELF header of either class
# In the order of the fields of Section, its name as an offset, and of Segment.
SECTION_FIELDS = "sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info".split()
SEGMENT_FIELDS = "p_type p_flags p_vaddr p_offset p_filesz p_memsz p_paddr".split()


class Section(NamedTuple):
    """A section header, its name looked up."""

    name: str
    type: str | int
    flags: int
    va: int
    off: int
    len: int
    link: int
    info: int

    @property
    def end_va(self) -> int:
        """The address behind the section."""
        return self.va + self.len

    @property
    def has_contents(self) -> bool:
        """Whether bytes of the file are the section's own; the table of section names is not the guest's."""
        return self.type not in ("SHT_NULL", "SHT_NOBITS") and self.name != ".shstrtab"

    @property
    def is_code(self) -> bool:
        """Whether it is mapped, executable and in the file."""
        return bool(self.flags & SHF_ALLOC and self.flags & SHF_EXECINSTR and self.type != "SHT_NOBITS")


class Segment(NamedTuple):
    """A program header. `len` bytes at `off` of the file, `memory_len` in memory."""

    type: str | int
    flags: int
    va: int
    off: int
    len: int
    memory_len: int
    pa: int


class Note(NamedTuple):
    """An ELF note. `va` is the descriptor's address, None where the note is not mapped."""

    owner: str
    type: int
    off: int
    va: int | None
    descriptor: bytes


class Image(NamedTuple):
    """What the linker knows about an image. `windows` are its file-backed PT_LOADs, by address; `loads` all of them.

    `is_relocatable`: ET_DYN, linked to run anywhere. `has_interpreter`: it names one (PT_INTERP).
    `is_object`: it is a relocatable object. Its allocated sections have pseudo addresses, and are the windows.
    """

    machine: int
    word_len: int
    entry_va: int
    sections: tuple[Section, ...]
    windows: tuple[Window, ...]
    loads: tuple[Segment, ...]
    notes: tuple[Note, ...]
    size: int
    is_object: bool = False
    is_relocatable: bool = False
    has_interpreter: bool = False

    def section(self, name: str) -> Section | None:
        """The section of that name; LinkError when there are two."""
        found = [section for section in self.sections if section.name == name]
        if len(found) > 1:
            raise LinkError(f"{len(found)} sections named {name}", expected="one", advice="link the guest again")
        return found[0] if found else None


class HeaderTable(NamedTuple):
    """A table of headers as the ELF header describes it."""

    what: str
    off: int
    entry_len: int
    entry_count: int


class Headers(NamedTuple):
    """The three kinds of headers of an ELF file; `headers_len`: bytes up to the end of the program headers."""

    machine: int
    word_len: int
    kind: str
    entry_va: int
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]
    headers_len: int


def read_image(memory: Sliceable) -> Image:
    """Read headers, sections and notes; LinkError says what is wrong with the file."""
    headers = read_headers(memory)
    if headers.kind == "ET_REL":
        return _object(headers, memory)
    if headers.kind not in ("ET_EXEC", "ET_DYN"):
        raise LinkError(
            "wrong kind of ELF file",
            found=headers.kind,
            expected="a linked image, ET_EXEC or ET_DYN, or an object, ET_REL",
        )
    return Image(
        machine=headers.machine,
        word_len=headers.word_len,
        entry_va=headers.entry_va,
        sections=headers.sections,
        windows=check_windows(
            [Window(load.va, load.len, load.off) for load in headers.segments if load.type == "PT_LOAD" and load.len]
        ),
        loads=tuple(load for load in headers.segments if load.type == "PT_LOAD"),
        notes=tuple(read_notes(memory, headers.sections)),
        size=len(memory),
        is_relocatable=headers.kind == "ET_DYN",
        has_interpreter=any(segment.type == "PT_INTERP" for segment in headers.segments),
    )


def _object(headers: Headers, memory: Sliceable) -> Image:
    """A relocatable object; nothing of it has an address, so each allocated section gets one of its own."""
    sections, va = [], FIRST_PSEUDO_VA
    for section in headers.sections:
        allocated = bool(section.flags & SHF_ALLOC)
        sections.append(section._replace(va=va if allocated else 0))
        if allocated:
            if section.len > LONGEST_SECTION_LEN:
                raise LinkError("section is too long", where=section.name, found=f"{section.len:#x} bytes")
            va += section.len + 2 * PSEUDO_ALIGN - 1 & -PSEUDO_ALIGN
    windows = [Window(s.va, s.len, s.off) for s in sections if s.flags & SHF_ALLOC and s.has_contents and s.len]
    return Image(
        machine=headers.machine,
        word_len=headers.word_len,
        entry_va=0,
        sections=tuple(sections),
        windows=check_windows(windows, "sections"),
        loads=(),
        notes=tuple(read_notes(memory, sections)),
        size=len(memory),
        is_object=True,
    )


def read_headers(memory: Sliceable) -> Headers:
    """Read an ELF file's headers; LinkError says which table, section or segment is not inside the file."""
    ident = bytes(memory[:IDENT_LEN])
    if ident[:4] != b"\x7fELF":
        raise LinkError("not an ELF file", found=f"magic {ident[:4].hex(' ')}", expected="7f 45 4c 46")
    if len(ident) < IDENT_LEN or ident[EI_CLASS] not in WORD_LEN:
        raise LinkError(
            "ELF class is unknown", found=ident[EI_CLASS : EI_CLASS + 1].hex() or "nothing", expected="1 or 2"
        )
    if ident[EI_DATA] != ELFDATA2LSB:
        raise LinkError("wrong byte order", found=f"data encoding {ident[EI_DATA]}", expected="1, little-endian")
    ei_class = ident[EI_CLASS]
    header = _parse(ELF_HEADER[ei_class], memory, 0, "ELF header")
    section_layout = SECTION_HEADER[ei_class]
    section_count, names_index, segment_count = header.e_shnum, header.e_shstrndx, header.e_phnum
    if header.e_shoff and not section_count:  # gABI: what 16 bits do not hold is in the first section header
        first = _parse(section_layout, memory, header.e_shoff, "first section header")
        section_count, names_index = first.sh_size, first.sh_link
        segment_count = first.sh_info if segment_count == PN_XNUM else segment_count
    if segment_count > SEGMENTS_MAX:
        raise LinkError("too many program headers", found=str(segment_count), expected=f"up to {SEGMENTS_MAX}")
    segment_table = HeaderTable("program header", header.e_phoff, header.e_phentsize, segment_count)
    section_table = HeaderTable("section header", header.e_shoff, header.e_shentsize, section_count)
    raw_segments = _rows(segment_table, PROGRAM_HEADER[ei_class], memory, SEGMENT_FIELDS)
    raw_sections = _rows(section_table, section_layout, memory, SECTION_FIELDS)
    return Headers(
        machine=header.e_machine,
        word_len=WORD_LEN[ei_class],
        kind=FILE_TYPES.get(header.e_type, str(header.e_type)),
        entry_va=header.e_entry,
        sections=_sections(list(raw_sections), section_count, names_index, memory),
        segments=_segments(raw_segments, len(memory)),
        headers_len=header.e_phoff + header.e_phentsize * segment_count,
    )


def _parse(layout: Layout, memory: Sliceable, offset: int, what: str) -> Parsed:
    length = layout.sizeof()
    _check_inside(what, offset, length, len(memory))
    return layout.parse(bytes(memory[offset : offset + length]))


def _rows(table: HeaderTable, layout: Layout, memory: Sliceable, fields: Sequence[str]) -> Iterator[tuple[int, ...]]:
    what, off, entry_len, count = table
    if count and entry_len != layout.sizeof():
        raise LinkError(f"{what} has the wrong size", found=f"{entry_len} bytes", expected=str(layout.sizeof()))
    _check_inside(f"{what} table", off, entry_len * count, len(memory))
    return layout.rows(bytes(memory[off : off + entry_len * count]), fields)


def _segments(rows: Iterable[tuple[int, ...]], size: int) -> tuple[Segment, ...]:
    segments = tuple(Segment(SEGMENT_TYPES.get(kind, kind), *rest) for kind, *rest in rows)
    for number, segment in enumerate(segments):
        if segment.type == "PT_LOAD":
            _check_inside(f"segment {number}", segment.off, segment.len, size)
    return segments


def _sections(rows: Sequence[tuple[int, ...]], count: int, names_index: int, memory: Sliceable) -> tuple[Section, ...]:
    if count and names_index >= count:
        raise LinkError("no section name table", found=f"index {names_index}", expected=f"below {count}")
    size = len(memory)
    names = _section_names(rows, names_index, memory)
    sections = []
    known: dict[int, str] = {}
    for number, (name_off, kind, flags, va, off, length, link, info) in enumerate(rows):
        if off + length > size and kind not in (SHT_NOBITS, SHT_NULL):
            _check_inside(f"section {number}", off, length, size)
        name = known.get(name_off)
        if name is None:
            name = known[name_off] = string_at(names, name_off)
        sections.append(Section(name, SECTION_TYPES.get(kind, kind), flags, va, off, length, link, info))
    return tuple(sections)


def _section_names(rows: Sequence[tuple[int, ...]], index: int, memory: Sliceable) -> bytes:
    """The string table of the sections' names; empty where there is none."""
    if not rows or rows[index][1] != SHT_STRTAB:
        return b""
    off, length = rows[index][4:6]
    _check_inside(f"section {index}", off, length, len(memory))
    return bytes(memory[off : off + length])


def string_at(table: bytes, offset: int) -> str:
    """The string at `offset` of a string table; empty behind its end.

    Only the beginning of one that is longer than `LONGEST_NAME_LEN`: a file may have as many names of its own length as
    it has bytes, because each can start a byte behind the one before.
    """
    end = table.find(b"\0", offset, offset + LONGEST_NAME_LEN + 1)
    if end < 0 and offset + LONGEST_NAME_LEN < len(table):
        return table[offset : offset + LONGEST_NAME_LEN].decode("utf-8", "replace") + "..."
    return table[offset : end if end >= 0 else None].decode("utf-8", "replace")


def _check_inside(what: str, offset: int, length: int, size: int) -> None:
    if offset + length > size:
        raise LinkError(
            f"{what} is cut off",
            found=f"a file of {size} bytes",
            expected=f"at least {offset + length}",
            advice="the file is truncated or damaged; copy it again",
        )


def read_notes(memory: Sliceable, sections: Iterable[Section]) -> Iterator[Note]:
    """The notes of `OWNERS` in all note sections: a name and a descriptor, each padded to 4 bytes (gABI, Note Section).

    LinkError for a note that is cut off, and for sections that share bytes: each would be read again.
    """
    left_len = len(memory)
    for section in sections:
        if section.type != "SHT_NOTE":
            continue
        left_len -= section.len
        if left_len < 0:
            raise LinkError(
                "note sections share bytes", where=section.name, expected="notes that are no longer than the file"
            )
        yield from _notes_of(section, bytes(memory[section.off : section.off + section.len]))


def _notes_of(section: Section, contents: bytes) -> Iterator[Note]:
    at, end, header_len = 0, len(contents), NOTE_HEADER.size
    while at + header_len <= end:
        name_len, descriptor_len, kind = NOTE_HEADER.unpack_from(contents, at)
        name_at = at + header_len
        descriptor_at = name_at + (name_len + 3 & ~3)
        if descriptor_at + descriptor_len > end:
            raise LinkError("note is cut off", where=f"{section.name} at offset {at:#x}")
        owner = OWNERS.get(contents[name_at : name_at + name_len]) if name_len in OWNER_LENS else None
        if owner is not None:
            yield Note(
                owner=owner,
                type=kind,
                off=section.off + descriptor_at,
                va=section.va + descriptor_at if section.flags & SHF_ALLOC else None,
                descriptor=contents[descriptor_at : descriptor_at + descriptor_len],
            )
        at = descriptor_at + (descriptor_len + 3 & ~3)
