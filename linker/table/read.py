"""Phase 2: the annotation table and the project's notes, version 1 and the original L4Ka format (docs/formats.md).

Records become parallel lists in address order. The layouts stand in `linker.sites.formats`; here whole sections are
read as arrays of machine words, because a table may have a million records.
"""

from __future__ import annotations

import sys
from array import array
from itertools import compress
from operator import or_
from types import MappingProxyType
from typing import TYPE_CHECKING

from linker.errors import LinkError, naming
from linker.image.file import peek
from linker.image.read import read_image
from linker.image.relocations import Relocatable
from linker.quick.tuples import NamedTuple
from linker.registry import codec_for
from linker.sites import formats, l4ka
from linker.table.object_records import record_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableSequence, Sequence
    from pathlib import Path

    from linker.image.read import Image, Note, Section
    from linker.image.relocations import SiteRelocation
    from linker.image.windows import Bytes, Sliceable
    from linker.sites.codec import Codec

WORD_CODE = {4: "I", 8: "Q"}
TABLE_PREFIX = ".afterburn"  # every section of the original's and ours that is named so holds a table


class Reserve(NamedTuple):
    """Room for an interface module in the guest's own segments; `entry_va`: the guest's 64-bit entry, 0 if unknown."""

    text_va: int
    text_len: int
    data_va: int
    data_len: int
    entry_va: int


class Space(NamedTuple):
    """Where a target's notes go: the SPACE note, from its header on, and the notes it was divided into.

    `va`: the same place, None where the note is not mapped.
    """

    off: int
    va: int | None
    contents: bytes

    @property
    def len(self) -> int:
        """Bytes of all of it."""
        return len(self.contents)


class Bound(NamedTuple):
    """What the BOUND note says; `target` is empty for an image that is not bound."""

    target: str
    module_abi: int
    saved_entry_va: int
    site_count: int
    counts: bool = False  # its sites count their runs
    keeps_hooks: bool = False  # what its hooks' words held is at the end of the reserve's data part


class SubTable(NamedTuple):
    """A sub-section of the original format; in `Annotations.numbers` its records go on from `first_number`."""

    name: str
    class_number: int
    first_number: int
    record_count: int


class HookRecord(NamedTuple):
    """A record of `.afterburn.imports` or `.afterburn.exports`: a number of `linker.sites.l4ka` and a place."""

    is_import: bool
    number: int
    kind: int
    va: int


class Annotations(NamedTuple):
    """The table in address order, the records of sub-sections among those of `.afterburn`.

    starts_va, ends_va   the sites, half-open
    numbers              the record number of each, as messages name it
    kinds                class | flags << 16 | scratch << 32 of each, or MEMORY_KIND | class; None where nothing is said
    record_count         records in `.afterburn`, dropped ones included
    dropped              records of code the guest's linker threw away, or folded into other code that is the same
    undo                 the contents of `.afterburn.undo`; None without one
    undo_pieces          where they stand: offset and length of each piece
    bound, bound_note    None for the original format, which has no notes
    left_tables          sections named like tables whose kind is not known: named, never bound
    space                None where there is no SPACE note
    sub_tables           the original's sub-sections for memory operations
    relocated            in an object: sites by index, and the relocations that change their instructions
    imports, exports     the original's hooks
    """

    starts_va: Sequence[int]
    ends_va: Sequence[int]
    numbers: Sequence[int]
    kinds: Sequence[int] | None
    record_count: int
    dropped: int
    undo: bytes | None
    undo_pieces: tuple[tuple[int, int], ...]
    bound: Bound | None
    bound_note: Note | None
    reserve: Reserve | None
    left_tables: tuple[str, ...]
    space: Space | None
    sub_tables: tuple[SubTable, ...] = ()
    relocated: Mapping[int, tuple[SiteRelocation, ...]] = MappingProxyType({})
    imports: tuple[HookRecord, ...] = ()
    exports: tuple[HookRecord, ...] = ()


# In an entry of `kinds`: the class comes from the name of the record's section. `.afterburn.info` has no bit for it.
MEMORY_KIND = 1 << 64
KIND_WITHOUT_SCRATCH = MEMORY_KIND | 0xFFFFFFFF


def words(data: bytes, word_len: int) -> array[int]:
    """Little-endian words of 4 or 8 bytes."""
    read = array(WORD_CODE[word_len])
    read.frombytes(data)
    if sys.byteorder == "big":
        read.byteswap()
    return read


class Marks(NamedTuple):
    """What of `Annotations` a link may change; see the fields of the same names there."""

    bound_note: Note | None
    bound: Bound | None
    reserve: Reserve | None
    space: Space | None
    undo: bytes | None
    undo_pieces: tuple[tuple[int, int], ...]


def read_marks(image: Image, memory: Bytes, codec: Codec) -> Marks:
    """Read the notes and the room to undo; LinkError where they contradict each other or the image."""
    found = _notes_by_type(image)
    bound_note, reserve = _read_notes(found, image, codec)
    undo = pieces_of(image, formats.SECTION_UNDO)
    return Marks(
        bound_note=bound_note,
        bound=None if bound_note is None else parse_bound(bound_note.descriptor),
        reserve=reserve,
        space=_read_space(memory, found.get(formats.NT_SPACE)),
        undo=b"".join([_contents(memory, piece) for piece in undo]) if undo else None,
        undo_pieces=tuple((piece.off, piece.len) for piece in undo),
    )


def with_marks(annotations: Annotations, marks: Marks) -> Annotations:
    """The same table with what a link may change read anew."""
    return annotations._replace(**marks._asdict())


def tables_read(image: Image) -> list[Section]:
    """The sections that `read_annotations` reads beside the marks: nothing may write there."""
    return [s for s in image.sections if s.name.startswith(TABLE_PREFIX) and s.name != formats.SECTION_UNDO]


def read_annotations(image: Image, memory: Bytes, codec: Codec) -> Annotations:
    """Read table, info, undo room and notes; LinkError where they contradict each other or the image."""
    tables = pieces_of(image, formats.SECTION_RECORDS)
    if not tables:
        raise LinkError(
            "no annotation table",
            expected=f"a section {formats.SECTION_RECORDS}",
            advice="build the guest through previrt-as",
        )
    marks = read_marks(image, memory, codec)
    record_len = 2 * codec.word_len
    counts = [_count(table, record_len) for table in tables]
    count = sum(counts)
    relocatable = Relocatable(image, memory, codec.object_relocations) if image.is_object else None
    pairs = _joined([_pairs(memory, table, codec, relocatable) for table in tables])
    starts, ends = pairs[0::2], pairs[1::2]
    infos = _parallel(image, formats.SECTION_INFO, counts, formats.INFO.sizeof())
    kinds: MutableSequence[int] | None = _read_kinds(memory, infos)
    _parallel(image, formats.SECTION_UNDO, counts, codec.undo_len)
    sub_tables = tuple(_sub_tables(image, count, record_len))
    if sub_tables:
        kinds = list(kinds) if kinds is not None else [0] * count
        for sub_table in sub_tables:
            more = _pairs(memory, _section(image, sub_table.name), codec, relocatable)
            starts, ends = starts + more[0::2], ends + more[1::2]
            kinds += [MEMORY_KIND | sub_table.class_number] * sub_table.record_count

    numbers: Sequence[int] = range(len(starts))
    if 0 in starts:
        live = list(map(or_, starts, ends))
        numbers = list(compress(numbers, live))
    starts_list, ends_list = [starts[n] for n in numbers], [ends[n] for n in numbers]
    if any(map(int.__ge__, starts_list, starts_list[1:])):
        numbers = sorted(numbers, key=starts.__getitem__)
        numbers = _each_once(numbers, starts, ends, kinds)
        starts_list, ends_list = [starts[n] for n in numbers], [ends[n] for n in numbers]
    known = {*formats.SECTIONS, *(sub_table.name for sub_table in sub_tables)}
    if not image.is_object:  # hooks are the kernel's, not a module's
        known |= {l4ka.SECTION_IMPORTS, l4ka.SECTION_EXPORTS}
    return Annotations(
        starts_va=starts_list,
        ends_va=ends_list,
        numbers=numbers,
        kinds=None if kinds is None else [kinds[n] for n in numbers],
        record_count=count,
        dropped=len(starts) - len(numbers),
        undo=marks.undo,
        undo_pieces=marks.undo_pieces,
        bound=marks.bound,
        bound_note=marks.bound_note,
        reserve=marks.reserve,
        left_tables=tuple(
            section.name
            for section in image.sections
            if section.name.startswith(TABLE_PREFIX) and section.name not in known and section.len
        ),
        space=marks.space,
        sub_tables=sub_tables,
        imports=_read_hooks(image, memory, l4ka.SECTION_IMPORTS, codec),
        exports=_read_hooks(image, memory, l4ka.SECTION_EXPORTS, codec),
    )


def _each_once(
    numbers: Sequence[int], starts: Sequence[int], ends: Sequence[int], kinds: MutableSequence[int] | None
) -> list[int]:
    """The first of records that say the same of one site: a linker that folds identical functions leaves one each.

    `numbers` is sorted by start. Registers are free at the site if all of its records say so.
    """
    once: list[int] = []
    for n in numbers:
        same = once and (starts[n], ends[n]) == (starts[once[-1]], ends[once[-1]])
        if same and kinds is not None:
            first, other = kinds[once[-1]], kinds[n]
            same = not (first ^ other) & KIND_WITHOUT_SCRATCH
            if same and first != other:
                kinds[once[-1]] = first & other
        if not same:
            once.append(n)
    return once


def pieces_of(image: Image, name: str) -> list[Section]:
    """The sections of a table: one in an image; in an object one for each section of code, as assemblers leave it."""
    if image.is_object:
        pieces = [section for section in image.sections if section.name == name]
        if sum(piece.len for piece in pieces) > image.size:
            raise LinkError(f"sections named {name} share bytes", expected="tables that are no longer than the file")
        return pieces
    section = image.section(name)
    return [] if section is None else [section]


def _parallel(image: Image, name: str, counts: Sequence[int], entry_len: int) -> list[Section] | None:
    """The pieces of a table that has an entry for each record; None where there is no such table."""
    pieces = pieces_of(image, name)
    if not pieces:
        return None
    if len(pieces) != len(counts):
        raise LinkError(
            f"{len(pieces)} sections named {name}", expected=str(len(counts)), advice="assemble the object again"
        )
    for piece, count in zip(pieces, counts, strict=True):
        if piece.len != count * entry_len:
            _disagree(name, piece.len, count, entry_len)
    return pieces


def _joined(parts: Sequence[array[int]]) -> array[int]:
    whole = parts[0]
    for part in parts[1:]:
        whole += part
    return whole


def _pairs(memory: Bytes, table: Section, codec: Codec, relocatable: Relocatable | None) -> array[int]:
    """The addresses in a table, two a record. Those of an object are relocations."""
    pairs = words(_contents(memory, table), codec.word_len)
    return pairs if relocatable is None else record_words(relocatable, table, pairs, codec.word_len)


def _read_hooks(image: Image, memory: Bytes, name: str, codec: Codec) -> tuple[HookRecord, ...]:
    section = image.section(name)
    if section is None or image.is_object:
        return ()
    count = _count(section, 2 * codec.word_len)
    if count > l4ka.HOOKS_MAX:
        raise LinkError("too many hooks", where=name, found=str(count), expected=f"up to {l4ka.HOOKS_MAX}")
    pairs = words(_contents(memory, section), codec.word_len)
    is_import = name == l4ka.SECTION_IMPORTS
    return tuple(HookRecord(is_import, n, pairs[2 * n], pairs[2 * n + 1]) for n in range(count))


def _sub_tables(image: Image, first_number: int, record_len: int) -> Iterator[SubTable]:
    """Each sub-section once, in the order of the class table."""
    for class_number, name in l4ka.MEMORY_NAME_OF.items():
        section = image.section(f"{formats.SECTION_RECORDS}.{name}")
        if section is not None:
            count = _count(section, record_len)
            yield SubTable(section.name, class_number, first_number, count)
            first_number += count


def _section(image: Image, name: str) -> Section:
    section = image.section(name)
    if section is None:
        raise LinkError(f"no section {name}")
    return section


class BoundTo(NamedTuple):
    """What an image is bound to: ELF machine number, target (empty: to nothing), whether its sites count."""

    machine: int
    target: str
    counts: bool


def read_bound_to(path: Path) -> BoundTo:
    """What the image in a file is bound to. LinkError when it is no annotated image."""
    with naming(path), peek(path) as contents:
        image = read_image(contents)
        original = image.section(formats.SECTION_ORIGINAL)
        if original is not None:
            header = _contents(contents, original)[: formats.ORIGINAL.sizeof()]
            said = parse_descriptor(formats.ORIGINAL, header, formats.SECTION_ORIGINAL)
            return BoundTo(image.machine, str(said.target), bool(said.flags & formats.BOUND_COUNTS))
        bound_note, _ = _read_notes(_notes_by_type(image), image, codec_for(image.machine))
        bound = None if bound_note is None else parse_bound(bound_note.descriptor)
    return BoundTo(image.machine, "", False) if bound is None else BoundTo(image.machine, bound.target, bound.counts)


def parse_bound(descriptor: bytes) -> Bound:
    """A BOUND note's descriptor."""
    read = parse_descriptor(formats.NOTE_BOUND, descriptor, "BOUND")
    counts, keeps_hooks = (bool(read.flags & flag) for flag in (formats.BOUND_COUNTS, formats.BOUND_KEEPS_HOOKS))
    return Bound(str(read.target), read.module_abi, read.saved_entry_va, read.site_count, counts, keeps_hooks)


def build_bound(bound: Bound) -> bytes:
    """The descriptor that says `bound`."""
    fields = bound._asdict()
    flags = formats.BOUND_COUNTS if fields.pop("counts") else 0
    flags |= formats.BOUND_KEEPS_HOOKS if fields.pop("keeps_hooks") else 0
    return bytes(formats.NOTE_BOUND.build({**fields, "flags": flags}))


def parse_descriptor(layout: formats.Layout, descriptor: bytes, name: str) -> formats.Parsed:
    """A note's descriptor; LinkError when it is not of the layout."""
    try:
        if len(descriptor) != layout.sizeof():
            raise LinkError(
                f"note {name} has the wrong size", found=f"{len(descriptor)} bytes", expected=str(layout.sizeof())
            )
        return layout.parse(descriptor)
    except (formats.LayoutError, UnicodeError) as error:
        raise LinkError(f"note {name} cannot be read", found=str(error).splitlines()[0]) from None


def _notes_by_type(image: Image) -> dict[int, Note]:
    """The project's notes; of several SPACE notes the first, of two BOUND notes the one that is mapped.

    BOUND comes with ANNOTATION from each object, not loaded, and with RESERVE in a segment. Where a linker script puts
    all of them into one section the first counts. The other stays zero.
    """
    found: dict[int, Note] = {}
    for note in image.notes:
        if note.owner != formats.NOTE_OWNER:
            continue
        first = found.setdefault(note.type, note)
        if first is note or note.type == formats.NT_SPACE:
            continue
        if note.type != formats.NT_BOUND:
            raise LinkError(
                f"two notes of type {note.type} in the image", where=f"offset {note.off:#x}", expected="one"
            )
        left = note
        if first.va is None is not note.va:
            found[note.type], left = note, first
        if any(left.descriptor):
            raise LinkError(
                "the image has two BOUND notes, and the one that is not used says something",
                where=f"offset {left.off:#x}",
                expected="zeros",
                advice="link from the original image",
            )
    return found


def _read_space(memory: Bytes, note: Note | None) -> Space | None:
    """The room of a SPACE note: its own, and that of the notes behind it that its first word counts."""
    if note is None:
        return None
    taken_len = int.from_bytes(note.descriptor[: formats.SPACE_TAKEN_LEN], "little")
    header_len = formats.NOTE_HEADER_LEN
    length = header_len + len(note.descriptor) + taken_len
    if len(note.descriptor) < formats.SPACE_TAKEN_LEN or taken_len % 4 or length > formats.LONGEST_SPACE_LEN:
        raise LinkError("note SPACE is damaged", found=f"{taken_len} bytes of notes behind it", where=f"{note.off:#x}")
    off = note.off - header_len
    return Space(off, None if note.va is None else note.va - header_len, bytes(memory[off : off + length]))


def _read_notes(found: Mapping[int, Note], image: Image, codec: Codec) -> tuple[Note | None, Reserve | None]:
    """Check ANNOTATION; return the BOUND note and the reserve. Without ANNOTATION the format is the original one."""
    reserve = None
    if formats.NT_RESERVE in found:
        read = parse_descriptor(formats.NOTE_RESERVE, found[formats.NT_RESERVE].descriptor, "RESERVE")
        reserve = Reserve(read.text_va, read.text_len, read.data_va, read.data_len, read.entry_va)
    if formats.NT_ANNOTATION not in found:
        return None, reserve
    said = parse_descriptor(formats.NOTE_ANNOTATION, found[formats.NT_ANNOTATION].descriptor, "ANNOTATION")
    for what, got, want in (
        ("annotation version", said.version, 1),
        ("annotated machine", said.machine, image.machine),
        ("record size", said.record_len, 2 * codec.word_len),
        ("info size", said.info_len, formats.INFO.sizeof()),
    ):
        if got != want:
            raise LinkError(
                f"wrong {what}",
                where="note ANNOTATION",
                found=str(got),
                expected=str(want),
                advice="annotate with a previrt-as of this version",
            )
    if formats.NT_BOUND not in found:
        raise LinkError("no BOUND note", expected="one beside ANNOTATION", advice="link the guest again, keeping notes")
    return found[formats.NT_BOUND], reserve


def _contents(memory: Sliceable, section: Section) -> bytes:
    if section.type == "SHT_NOBITS":
        raise LinkError("section has no contents", where=section.name, found="SHT_NOBITS", expected="SHT_PROGBITS")
    return bytes(memory[section.off : section.off + section.len])


def _count(table: Section, record_len: int) -> int:
    if table.len % record_len:
        raise LinkError(
            "annotation table is truncated",
            where=table.name,
            found=f"{table.len} bytes",
            expected=f"a multiple of {record_len}",
            advice="link the guest again",
        )
    return table.len // record_len


def _read_kinds(memory: Bytes, infos: Sequence[Section] | None) -> array[int] | None:
    if infos is None:
        return None
    return _joined([words(_contents(memory, info), 8)[0 :: formats.INFO.sizeof() // 8] for info in infos])


def _disagree(name: str, length: int, count: int, entry_len: int) -> None:
    raise LinkError(
        f"section does not match {formats.SECTION_RECORDS}",
        where=name,
        found=f"{length} bytes",
        expected=f"{count * entry_len}, {entry_len} for each of {count} records",
        advice="link the guest again",
    )
