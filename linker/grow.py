"""Bind an image that has no reserve: LIEF adds one as two segments, and the whole original is kept in the file.

    original    [ headers | guest's segments ... | sections ]
    grown       [ headers | guest's segments ... | sections | text part | data part | .afterburn.original ]

`.afterburn.original` (not allocated) is the mark that an image was grown, by structure: a header, then the original
compressed by zlib. Restoring and binding again start from it, so both are exact.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

from linker.check import offset_of
from linker.errors import LinkError
from linker.read_annotations import Reserve
from linker.read_image import Window, read_headers
from linker.sites.formats import BOUND_COUNTS, ORIGINAL, SECTION_ORIGINAL, LayoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lief

    from linker.read_image import Bytes, Image, Section
    from linker.sites.codec import Codec

PAGE_LEN = 4096
PART_LEN = 131072  # as the reserve that is linked in
STUB_LEN = 64  # allowed for each site beside that
LONGEST_ORIGINAL_LEN = 1 << 30


class Kept(NamedTuple):
    """What a grown image says: what it is bound to, whether its sites count, and its original."""

    target: str
    counts: bool
    original: bytes


def kept_original(image: Image, memory: Bytes) -> Kept | None:
    """What a grown image keeps; None for any other image. LinkError when it is damaged."""
    section = image.section(SECTION_ORIGINAL)
    if section is None:
        return None
    contents = bytes(memory[section.off : section.off + section.len])
    try:
        header = ORIGINAL.parse(contents)
        if header.length > LONGEST_ORIGINAL_LEN:
            raise LinkError("original image is too large", where=SECTION_ORIGINAL, found=f"{header.length} bytes")
        original = zlib.decompressobj().decompress(contents[ORIGINAL.sizeof() :], header.length + 1)
        target = str(header.target)
    except (LayoutError, UnicodeError, zlib.error) as error:
        raise LinkError(
            "kept original is damaged", where=SECTION_ORIGINAL, found=str(error), advice="link from the original image"
        ) from None
    if header.flags & ~BOUND_COUNTS:
        raise LinkError("kept original is damaged", where=SECTION_ORIGINAL, found=f"flags {header.flags:#x}")
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
    flags = BOUND_COUNTS if kept.counts else 0
    header = ORIGINAL.build({"target": kept.target, "length": len(original), "flags": flags})
    section.content = memoryview(header + zlib.compress(original))
    binary.add(section, loaded=False)
    config = lief.ELF.Builder.config_t()
    config.symtab = config.static_symtab = config.notes = False
    builder = lief.ELF.Builder(binary, config)
    builder.build()
    grown = bytearray(builder.get_build())
    _put_back_contents(original, grown)
    return bytes(grown), Reserve(text_va, part_len, data_va, part_len, entry_va)


def _put_back_contents(original: bytes, grown: bytearray) -> None:
    """Give sections that LIEF moved or rebuilt their own contents again; LinkError when a byte of the guest is lost."""
    before, after = read_headers(original), read_headers(grown)
    pairs = [(section, _twin(after.sections, section)) for section in before.sections if section.has_contents]
    for section, twin in pairs:
        grown[twin.off : twin.off + twin.len] = original[section.off : section.off + section.len]
    for section, twin in pairs:
        if grown[twin.off : twin.off + twin.len] != original[section.off : section.off + section.len]:
            raise _lost(f"section {section.name}")
    loads = [Window(load.va, load.len, load.off) for load in after.segments if load.type == "PT_LOAD"]
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
