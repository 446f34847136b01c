"""Annotated ELF images in memory, good ones and broken ones: one argument a broken field.

    make_image([Site("fa")])                        a good version 1 image with one `cli`
    make_image([Site("fa")], header={"e_machine": 40})
    make_image([Site("fa")], sections={".afterburn": {"sh_size": 17}})
    make_image([Site("fa")], records=[(0x401008, 0x401000)])

The file is laid out so that an offset is the address minus BASE_VA.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

BASE_VA = 0x400000
TEXT_VA = 0x401000
EM_X86_64, EM_386 = 62, 3
PART_LEN = 0x8000
OWNER = b"previrt\0"


@dataclass(frozen=True)
class Site:
    """Hex of the instruction, bytes of the whole site, what `.afterburn.info` says; `padding` overrides the filler."""

    code: str
    room: int = 8
    class_number: int = 0
    flags: int = 0
    line: int = 0
    padding: bytes | None = None

    @property
    def content(self) -> bytes:
        code = bytes.fromhex(self.code)
        filler = b"\x90" * (self.room - len(code)) if self.padding is None else self.padding
        return filler + code if self.flags & 2 else code + filler


@dataclass(frozen=True)
class Word:
    """What differs between the two ELF classes."""

    elf_class: int
    header: str
    program: str
    section: str
    symbol: str
    code: str


WORDS = {
    64: Word(2, "<16sHHIQQQIHHHHHH", "<IIQQQQQQ", "<IIQQQQIIQQ", "<IBBHQQ", "Q"),
    32: Word(1, "<16sHHIIIIIHHHHHH", "<IIIIIIII", "<IIIIIIIIII", "<IIIBBH", "I"),
}
HEADER_FIELDS = (
    "e_ident e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize e_phentsize e_phnum e_shentsize "
    "e_shnum e_shstrndx"
).split()
PROGRAM_64 = "p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align".split()
PROGRAM_32 = "p_type p_offset p_vaddr p_paddr p_filesz p_memsz p_flags p_align".split()
SECTION_FIELDS = "sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info sh_addralign sh_entsize".split()


def note(kind: int, descriptor: bytes, owner: bytes = OWNER) -> bytes:
    """One ELF note."""
    padded = descriptor + bytes(-len(descriptor) % 4)
    return struct.pack("<III", len(owner), len(descriptor), kind) + owner + bytes(-len(owner) % 4) + padded


def annotation_note(machine: int, bits: int, version: int = 1, info_len: int = 16) -> bytes:
    return note(1, struct.pack("<HHHH24s", version, machine, 2 * bits // 8, info_len, b"elfwriter"))


@dataclass
class _Part:
    name: str
    kind: int
    flags: int
    content: bytes
    mapped: int = 0  # PF_ flags; 0: not mapped
    align: int = 1
    link: str = ""
    extra: dict[str, int] = field(default_factory=dict)


def site_addresses(sites: list[Site], gap: int = 1) -> list[tuple[int, int]]:
    """Where `make_image` puts the sites: behind each other with `gap` bytes (`ret`) between."""
    addresses, va = [], TEXT_VA
    for site in sites:
        addresses.append((va, va + len(site.content)))
        va += len(site.content) + gap
    return addresses


def make_image(
    sites: list[Site],
    *,
    bits: int = 64,
    version1: bool = True,
    reserve: bool = True,
    undo: bool = True,
    gap: int = 1,
    records: list[tuple[int, int]] | None = None,
    notes: bytes | None = None,
    header: dict[str, int | bytes] | None = None,
    programs: dict[int, dict[str, int]] | None = None,
    sections: dict[str, dict[str, int]] | None = None,
    contents: dict[str, bytes] | None = None,
    drop: tuple[str, ...] = (),
    entry_va: int = TEXT_VA,
    symbols: dict[str, tuple[int, int]] | None = None,
    tables: dict[str, bytes] | None = None,
    part_len: int = PART_LEN,
    machine: int | None = None,
    undo_len: int = 16,
    space_len: int = 64,
) -> bytes:
    """An image. `header`, `programs`, `sections` and `contents` override fields and bytes of a good one.

    `tables`: further sections that are not mapped, by name. `part_len`: of each part of the reserve. `machine`
    and `undo_len` are those of another architecture. `space_len`: of the SPACE note.
    """
    word = WORDS[bits]
    machine = machine or (EM_X86_64 if bits == 64 else EM_386)
    text = b"".join(site.content + b"\xc3" * gap for site in sites).ljust(64, b"\xc3")
    table = site_addresses(sites, gap) if records is None else records
    packed = b"".join(struct.pack("<2" + word.code, *record) for record in table)
    info = b"".join(struct.pack("<HHIII", s.class_number, s.flags, 0, s.line, 0) for s in sites)
    parts = [_Part(".text", 1, 6, text, 5, 4096), _Part(".data", 1, 3, b"data".ljust(64, b"\0"), 6, 4096)]
    if reserve:
        parts.append(_Part(".text.previrt_reserve", 1, 6, b"\xcc" * part_len, 5, 4096))
        parts.append(_Part(".data.previrt_reserve", 1, 3, bytes(part_len), 6, 4096))
    if version1 or notes is not None:
        parts.append(_Part(".note.afterburn", 7, 2, b"", 4, 4))
    parts.append(_Part(".afterburn", 1, 0, packed))
    if version1:
        parts.append(_Part(".afterburn.info", 1, 0, info))
        parts.append(_Part(".afterburn.str", 1, 0x30, b"guest.c\0"))
        if undo:
            parts.append(_Part(".afterburn.undo", 1, 0, bytes(undo_len * len(table))))
    parts += [_Part(name, 1, 0, content) for name, content in (tables or {}).items()]
    names = {"start": (TEXT_VA, 64)} if symbols is None else symbols
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    parts.append(_Part(".symtab", 2, 0, _symbols(word, names, strings), link=".strtab", align=8))
    parts.append(_Part(".strtab", 3, 0, strings))
    parts = [part for part in parts if part.name not in drop]
    shstrtab = b"\0" + b"".join(part.name.encode() + b"\0" for part in parts) + b".shstrtab\0"
    parts.append(_Part(".shstrtab", 3, 0, shstrtab))

    header_len, program_len = struct.calcsize(word.header), struct.calcsize(word.program)
    mapped = [part for part in parts if part.mapped]
    part_len = part_len if reserve else 0
    notes_len = len(_notes(machine, bits, {}, part_len, space_len, entry_va))
    offset, where = header_len + program_len * len(mapped), {}
    for part in parts:
        offset += -offset % part.align
        where[part.name] = offset
        offset += len(part.content) or (notes_len if part.name == ".note.afterburn" else 0)
    if version1 or notes is not None:
        made = _notes(machine, bits, where, part_len, space_len, entry_va) if notes is None else notes
        next(part for part in parts if part.name == ".note.afterburn").content = made
    for part in parts:
        part.content = (contents or {}).get(part.name, part.content)

    image = bytearray(offset)
    section_headers = [dict.fromkeys(SECTION_FIELDS, 0)]
    program_headers: list[dict[str, int]] = []
    for part in parts:
        at = where[part.name]
        image[at : at + len(part.content)] = part.content
        va = BASE_VA + at if part.mapped else 0
        section_headers.append(
            {
                "sh_name": shstrtab.index(b"\0" + part.name.encode() + b"\0") + 1,
                "sh_type": part.kind,
                "sh_flags": part.flags,
                "sh_addr": va,
                "sh_offset": at,
                "sh_size": len(part.content),
                "sh_link": 1 + [p.name for p in parts].index(part.link) if part.link else 0,
                "sh_info": 1 if part.link else 0,
                "sh_addralign": part.align,
                "sh_entsize": struct.calcsize(word.symbol) if part.link else 0,
            }
        )
        section_headers[-1].update((sections or {}).get(part.name, {}))
        if part.mapped:
            size = len(part.content)
            program_headers.append(
                {"p_type": 1, "p_flags": part.mapped, "p_offset": at, "p_vaddr": va, "p_paddr": va, "p_filesz": size}
                | {"p_memsz": size, "p_align": 4096}
                | (programs or {}).get(len(program_headers), {})
            )
    image += bytes(-len(image) % 8)
    values: dict[str, int | bytes] = {
        "e_ident": b"\x7fELF" + bytes([word.elf_class, 1, 1]),
        "e_type": 2,
        "e_machine": machine,
        "e_version": 1,
        "e_entry": entry_va,
        "e_phoff": header_len,
        "e_shoff": len(image),
        "e_flags": 0,
        "e_ehsize": header_len,
        "e_phentsize": program_len,
        "e_phnum": len(program_headers),
        "e_shentsize": struct.calcsize(word.section),
        "e_shnum": len(section_headers),
        "e_shstrndx": len(section_headers) - 1,
    }
    values.update(header or {})
    image += b"".join(struct.pack(word.section, *(h[name] for name in SECTION_FIELDS)) for h in section_headers)
    fields = PROGRAM_64 if bits == 64 else PROGRAM_32
    programs_packed = b"".join(struct.pack(word.program, *(h[name] for name in fields)) for h in program_headers)
    image[: header_len + len(programs_packed)] = (
        struct.pack(word.header, *(values[name] for name in HEADER_FIELDS)) + programs_packed
    )
    return bytes(image)


def _symbols(word: Word, names: dict[str, tuple[int, int]], strings: bytes) -> bytes:
    rows = [(0, 0, 0, 0, 0, 0)]
    for name, (va, size) in names.items():
        name_off = strings.index(b"\0" + name.encode() + b"\0") + 1
        info, section = 0x12, 1
        row = (name_off, info, 0, section, va, size) if word.elf_class == 2 else (name_off, va, size, info, 0, section)
        rows.append(row)
    return b"".join(struct.pack(word.symbol, *row) for row in rows)


def _notes(machine: int, bits: int, where: dict[str, int], part_len: int, space_len: int, entry_va: int) -> bytes:
    made = annotation_note(machine, bits) + note(2, bytes(40))
    if part_len:
        vas = [BASE_VA + where.get(f".{part}.previrt_reserve", 0) for part in ("text", "data")]
        made += note(3, struct.pack("<QQQQQ", vas[0], part_len, vas[1], part_len, entry_va)) + note(4, bytes(space_len))
    return made
