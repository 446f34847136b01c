"""Bind an image that has no reserve: LIEF adds one as two segments, and the whole original is kept in the file.

    original    [ headers | guest's segments ... | sections ]
    grown       [ headers | guest's segments ... | sections | text part | data part | .afterburn.original ]

`.afterburn.original` (not allocated) is the mark that an image was grown, by structure: a header, then the original
compressed by zlib. Restoring and binding again start from it, so both are exact.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import read_headers
from linker.image.windows import Window, offset_of
from linker.quick.tuples import NamedTuple
from linker.sites.formats import BOUND_COUNTS, ORIGINAL, SECTION_ORIGINAL, LayoutError
from linker.table.read import Reserve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lief

    from linker.image.read import Image, Section
    from linker.image.windows import Bytes
    from linker.sites.codec import Codec

PAGE_LEN = 4096
PART_LEN = 131072
STUB_LEN = 64  # allowed for each site beside that


class Kept(NamedTuple):
    """What a grown image says: what it is bound to, whether its sites count, and its original."""

    target: str
    counts: bool
    original: bytes


def build_kept(kept: Kept) -> bytes:
    """The contents of `.afterburn.original`."""
    flags = BOUND_COUNTS if kept.counts else 0
    header = ORIGINAL.build({"target": kept.target, "length": len(kept.original), "flags": flags})
    return bytes(header) + zlib.compress(kept.original)


def kept_original(image: Image, memory: Bytes) -> Kept | None:
    """What a grown image keeps; None for any other image. LinkError when it is damaged."""
    section = image.section(SECTION_ORIGINAL)
    if section is None:
        return None
    contents = bytes(memory[section.off : section.off + section.len])
    try:
        header = ORIGINAL.parse(contents)
        if header.length > len(memory):  # growing adds to it
            raise LinkError(
                "kept original is larger than the image that was made of it",
                where=SECTION_ORIGINAL,
                found=f"{header.length} bytes",
                expected=f"up to {len(memory)}",
                advice="link from the original image",
            )
        original = zlib.decompressobj().decompress(contents[ORIGINAL.sizeof() :], header.length + 1)
        target = str(header.target)
    except (LayoutError, UnicodeError, zlib.error) as error:
        raise LinkError(
            "kept original is damaged", where=SECTION_ORIGINAL, found=str(error), advice="link from the original image"
        ) from None
    if header.flags & ~BOUND_COUNTS:
        raise LinkError("kept original is damaged", where=SECTION_ORIGINAL, found=f"flags {header.flags:#x}")
    if not original:
        raise LinkError(
            "kept original is empty", where=SECTION_ORIGINAL, expected="an image", advice="link from the original image"
        )
    if len(original) != header.length:
        raise LinkError(
            "kept original is damaged",
            where=SECTION_ORIGINAL,
            found=f"{len(original)} bytes or more",
            expected=str(header.length),
            advice="link from the original image",
        )
    return Kept(target, bool(header.flags & BOUND_COUNTS), original)


def grow(kept: Kept, record_count: int, entry_va: int, codec: Codec) -> tuple[bytes, Reserve]:
    """The image with an empty reserve behind it, and where that is. LinkError when LIEF cannot write it."""
    import lief  # half a second; only needed here

    _require_inside(kept.original)
    part_len = PART_LEN + record_count * STUB_LEN
    part_len += -part_len % PAGE_LEN
    lief.logging.disable()
    original = kept.original
    binary = lief.ELF.parse(original)
    if not isinstance(binary, lief.ELF.Binary):
        raise LinkError("LIEF cannot read the image", advice="build the guest with the reserve object")
    text_va = _add_part(binary, lief.ELF.Segment.FLAGS.X, codec.trap_fill(part_len))
    data_va = _add_part(binary, lief.ELF.Segment.FLAGS.W, bytes(part_len))
    section = lief.ELF.Section(SECTION_ORIGINAL, lief.ELF.Section.TYPE.PROGBITS)
    section.content = memoryview(build_kept(kept))
    binary.add(section, loaded=False)
    config = lief.ELF.Builder.config_t()
    config.symtab = config.static_symtab = config.notes = False
    builder = lief.ELF.Builder(binary, config)
    builder.build()
    grown = bytearray(builder.get_build())
    _put_back_headers(original, grown, {text_va, data_va})
    _put_back_contents(original, grown)
    return bytes(grown), Reserve(text_va, part_len, data_va, part_len, entry_va)


def _require_inside(original: bytes) -> None:
    """Everything that headers describe must be in the file: LIEF makes room for what they say, gigabytes if need be."""
    headers = read_headers(original)
    parts = [(f"segment {n}", one.off, one.len) for n, one in enumerate(headers.segments)]
    parts += [
        (f"section {n}", one.off, 0 if one.type == "SHT_NOBITS" else one.len) for n, one in enumerate(headers.sections)
    ]
    for name, off, length in parts:
        if off + length > len(original):
            raise LinkError(
                f"{name} is not in the file, so the image cannot grow",
                found=f"an end at {off + length:#x}",
                expected=f"up to {len(original):#x}",
                advice="the file is damaged; link the guest again",
            )


# Of Elf32 and Elf64 (gABI): where e_phoff, e_shoff and sh_addr are, and the lengths of a program and a section header.
HEADER_FIELDS = {4: (28, 32, 12, 32, 40), 8: (32, 40, 16, 56, 64)}
PT_NULL = 0


def _put_back_headers(original: bytes, grown: bytearray, added_va: set[int]) -> None:
    """Undo what LIEF does to headers beside adding some.

    It moves the addresses of sections behind the place where it puts its new program headers (a .bss, an empty .data),
    though the segments stay; and it has those headers loaded, in memory that the guest may use.
    """
    before, after = read_headers(original), read_headers(grown)
    word_len = after.word_len
    segments_at, sections_at, va_at, segment_len, section_len = HEADER_FIELDS[word_len]
    segments_off, sections_off = (
        int.from_bytes(grown[at : at + word_len], "little") for at in (segments_at, sections_at)
    )
    for number, (section, twin) in enumerate(zip(before.sections, after.sections, strict=False)):
        if (section.name, section.type, section.len) == (twin.name, twin.type, twin.len):
            at = sections_off + number * section_len + va_at
            grown[at : at + word_len] = section.va.to_bytes(word_len, "little")
    known_va = added_va | {segment.va for segment in before.segments if segment.type == "PT_LOAD"}
    for number, segment in enumerate(after.segments):
        if segment.type == "PT_LOAD" and segment.va not in known_va:
            at = segments_off + number * segment_len
            grown[at : at + 4] = PT_NULL.to_bytes(4, "little")


def _put_back_contents(original: bytes, grown: bytearray) -> None:
    """Give sections that LIEF moved or rebuilt their own contents again; LinkError when a byte of the guest is lost."""
    before, after = read_headers(original), read_headers(grown)
    pairs = [(section, _twin(after.sections, section)) for section in before.sections if section.has_contents]
    for section, twin in pairs:
        grown[twin.off : twin.off + twin.len] = original[section.off : section.off + section.len]
    for section, twin in pairs:
        if grown[twin.off : twin.off + twin.len] != original[section.off : section.off + section.len]:
            raise _lost(f"section {section.name}")
    loads = sorted(Window(load.va, load.len, load.off) for load in after.segments if load.type == "PT_LOAD")
    for load in (load for load in before.segments if load.type == "PT_LOAD"):
        off = offset_of(loads, load.va, load.len)
        skipped_len = before.headers_len if load.off == 0 else 0  # the headers themselves do change
        if (
            off is None
            or grown[off + skipped_len : off + load.len] != original[load.off + skipped_len :][: load.len - skipped_len]
        ):
            raise _lost(f"segment at {load.va:#x}")


def _twin(sections: Sequence[Section], section: Section) -> Section:
    for twin in sections:
        if (twin.name, twin.va, twin.len, twin.type) == (section.name, section.va, section.len, section.type):
            return twin
    raise _lost(f"section {section.name}")


def _lost(what: str) -> LinkError:
    return LinkError(f"{what} would not survive growing the image", advice="build the guest with the reserve object")


def _add_part(binary: lief.ELF.Binary, use: lief.ELF.Segment.FLAGS, contents: bytes) -> int:
    import lief

    segment = lief.ELF.Segment()
    segment.type = lief.ELF.Segment.TYPE.LOAD
    segment.flags = lief.ELF.Segment.FLAGS.R | use
    segment.alignment = PAGE_LEN
    segment.content = memoryview(contents)
    added = binary.add(segment)
    if added is None:
        raise LinkError("LIEF cannot add a segment", advice="build the guest with the reserve object")
    return added.virtual_address
