"""Files of 0.5 to 25 MB that ask for far more than they weigh, and how each is made.

`extended` puts more sections behind a good image of `elfwriter`; `assembled` makes an object as an assembler does.
Every bomb is a function without arguments, so that `BOMBS` is the list.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from elfwriter import BASE_VA, TEXT_VA, Site, annotation_note, make_image, note

from linker.sites.formats import ORIGINAL

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
PROGRAM = struct.Struct("<IIQQQQQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")
SHN_LORESERVE, SHN_XINDEX, PN_XNUM = 0xFF00, 0xFFFF, 0xFFFF
PROGBITS, SYMTAB, STRTAB, RELAS, NOTES = 1, 2, 3, 4, 7
ALLOC, EXEC = 2, 4
R_X86_64_64 = 1
MIB = 1 << 20
SITES = [Site("fa"), Site("f4"), Site("0f06")]


class Extra(NamedTuple):
    """A section header; `name` is an offset in the names, or a name that is put there."""

    name: str | int
    kind: int = PROGBITS
    flags: int = 0
    va: int = 0
    off: int = 0
    size: int = 0
    link: int = 0
    info: int = 0


def extended(image: bytes, extras: Sequence[Extra], data: bytes = b"", names: bytes = b"") -> bytes:
    """`image` with sections more. Their `off` counts from `data`, which follows the image; `names` follow its names."""
    fields = list(HEADER.unpack_from(image))
    off, count, names_index = fields[6], fields[12], fields[13]
    headers = [list(SECTION.unpack_from(image, off + n * SECTION.size)) for n in range(count)]
    known = headers[names_index]
    table = bytearray(image[known[4] : known[4] + known[5]] + names)
    out = bytearray(image + data)
    places: dict[str, int] = {}
    for extra in extras:
        name = extra.name
        if isinstance(name, str):
            if name not in places:
                places[name] = len(table)
                table += name.encode() + b"\0"
            name_off = places[name]
        else:
            name_off = known[5] + name
        place = len(image) + extra.off
        headers.append([name_off, extra.kind, extra.flags, extra.va, place, extra.size, extra.link, extra.info, 1, 0])
    known[4], known[5] = len(out), len(table)
    out += table
    out += bytes(-len(out) % 8)
    fields[6], fields[12] = len(out), len(headers)
    if len(headers) >= SHN_LORESERVE:
        fields[12], fields[13] = 0, SHN_XINDEX
        headers[0][5], headers[0][6] = len(headers), names_index
    out[: HEADER.size] = HEADER.pack(*fields)
    return bytes(out) + b"".join(SECTION.pack(*header) for header in headers)


def name_of_a_megabyte() -> bytes:
    """16,000 sections, each named by another tail of one string of 1 MB."""
    return extended(make_image(SITES), [Extra(n) for n in range(16_000)], names=b"x" * MIB + b"\0")


def one_name_of_a_megabyte() -> bytes:
    """16,000 sections of one name of 1 MB."""
    return extended(make_image(SITES), [Extra(0)] * 16_000, names=b"x" * MIB + b"\0")


def tables_of_one_name() -> bytes:
    """100,000 sections that are named like tables of no known kind."""
    return extended(make_image(SITES), [Extra(f".afterburn.{n}", size=1) for n in range(100_000)], b"x")


def notes_over_one_area() -> bytes:
    """16,000 note sections that share 256 KiB of notes."""
    notes = note(1, bytes(1 << 17), b"other\0") * 2
    return extended(make_image(SITES), [Extra(".note.x", NOTES, size=len(notes))] * 16_000, notes)


def many_notes() -> bytes:
    """A note section of a million empty notes."""
    notes = struct.pack("<III", 0, 0, 1) * 1_000_000
    return extended(make_image(SITES), [Extra(".note.x", NOTES, size=len(notes))], notes)


def our_notes() -> bytes:
    """200,000 notes of ours, of a type that nobody knows."""
    notes = note(77, b"") * 200_000
    return extended(make_image(SITES), [Extra(".note.x", NOTES, size=len(notes))], notes)


def hooks(kind: str) -> bytes:
    """Half a million records of hooks, all of the same word or of one word each."""
    records = b"".join(struct.pack("<QQ", 1, TEXT_VA + 8 * n) for n in range(500_000))
    return make_image(SITES, version1=True, tables={f".afterburn.{kind}": records})


def imports() -> bytes:
    """Imports without end."""
    return hooks("imports")


def exports() -> bytes:
    """Exports without end."""
    return hooks("exports")


@cache
def packed_zeros() -> bytes:
    """A gigabyte of zeros, packed."""
    packer = zlib.compressobj()
    return b"".join(packer.compress(bytes(MIB)) for _ in range(1024)) + packer.flush()


def kept_zeros() -> bytes:
    """A megabyte in `.afterburn.original` that is a gigabyte of zeros."""
    header = ORIGINAL.build({"target": "bare", "length": 1 << 30, "flags": 0})
    return make_image(SITES, tables={".afterburn.original": bytes(header) + packed_zeros()})


def kept_zeros_that_lie() -> bytes:
    """The same, but the header speaks of a thousand bytes."""
    header = ORIGINAL.build({"target": "bare", "length": 1000, "flags": 0})
    return make_image(SITES, tables={".afterburn.original": bytes(header) + packed_zeros()})


def section_headers() -> bytes:
    """400,000 section headers: 25 MB."""
    return extended(make_image(SITES), [Extra(0)] * 400_000, names=b"\0")


def code_sections() -> bytes:
    """10,000 sections of code at one place, and as many symbols there."""
    extras = [Extra(".text", PROGBITS, ALLOC | EXEC, TEXT_VA, TEXT_VA - BASE_VA, 64)] * 10_000
    image = make_image(SITES, symbols={f"s{n}": (TEXT_VA + n % 64, 0) for n in range(10_000)})
    made = extended(image, extras)
    return moved_to_file(made, len(image), 10_000)


def moved_to_file(image: bytes, base: int, count: int) -> bytes:
    """The last `count` section headers with offsets that count from the start of the file."""
    out = bytearray(image)
    for n in range(count):
        at = len(out) - (n + 1) * SECTION.size
        header = list(SECTION.unpack_from(out, at))
        header[4] -= base
        SECTION.pack_into(out, at, *header)
    return bytes(out)


def too_many_segments() -> bytes:
    """200,000 program headers."""
    return segments(200_000)


def segments(count: int = 60_000) -> bytes:
    """60,000 program headers, each with a byte of its own in memory and in the file."""
    image = make_image(SITES)
    fields = list(HEADER.unpack_from(image))
    old = image[fields[5] : fields[5] + fields[10] * PROGRAM.size]
    data_off = len(image)
    va = 0x10000000
    more = b"".join(PROGRAM.pack(1, 4, data_off + n, va + 2 * n, va + 2 * n, 1, 1, 1) for n in range(count))
    table_off = data_off + count
    out = bytearray(image + b"x" * count + old + more)
    first_section = list(SECTION.unpack_from(out, fields[6]))
    first_section[7] = fields[10] + count
    first_section[5], first_section[6] = fields[12], fields[13]
    SECTION.pack_into(out, fields[6], *first_section)
    fields[5], fields[10], fields[12], fields[13] = table_off, min(fields[10] + count, PN_XNUM), 0, SHN_XINDEX
    out[: HEADER.size] = HEADER.pack(*fields)
    return bytes(out)


def with_symbols(rows: Sequence[tuple[int, int, int]], strings: bytes, sites: Sequence[Site]) -> bytes:
    """An image with these symbols: name's offset, address, size."""
    image = make_image(list(sites), drop=(".symtab", ".strtab"))
    (count,) = struct.unpack_from("<H", image, 60)
    table = bytes(SYMBOL.size) + b"".join(SYMBOL.pack(name, 0x12, 0, 1, va, size) for name, va, size in rows)
    extras = [
        Extra(".strtab", STRTAB, size=len(strings)),
        Extra(".symtab", SYMTAB, off=len(strings), size=len(table), link=count, info=1),
    ]
    return extended(image, extras, strings + table)


def symbols_of_one_name() -> bytes:
    """100,000 symbols called `f` at one address, each as large as all 20,000 sites."""
    return with_symbols([(1, TEXT_VA, 1 << 20)] * 100_000, b"\0f\0", [Site("fa", 5)] * 20_000)


def symbols_with_long_names() -> bytes:
    """20,000 sites, each in a symbol of its own, named by tails of half a megabyte."""
    rows = [(n + 1, TEXT_VA + 6 * n, 6) for n in range(20_000)]
    return with_symbols(rows, b"\0" + b"y" * (MIB // 2) + b"\0", [Site("fa", 5)] * 20_000)


def one_symbol_with_a_long_name() -> bytes:
    """40,000 sites in one symbol with a name of a megabyte."""
    return with_symbols([(1, TEXT_VA, 1 << 20)], b"\0" + b"y" * MIB + b"\0", [Site("fa", 5)] * 40_000)


def sources_with_long_names() -> bytes:
    """20,000 sites, each from another source file, whose names are tails of half a megabyte."""
    sites = [Site("fa", 5, line=n + 1) for n in range(20_000)]
    info = b"".join(struct.pack("<HHIII", 0, 0, 0, n + 1, n) for n in range(len(sites)))
    image = make_image(sites, contents={".afterburn.info": info}, drop=(".afterburn.str",))
    strings = b"z" * (MIB // 2) + b"\0"
    return extended(image, [Extra(".afterburn.str", size=len(strings))], strings)


def reserve_of_a_terabyte() -> bytes:
    """A RESERVE note that speaks of more memory than there is."""
    notes = annotation_note(62, 64) + note(2, bytes(40))
    notes += note(3, struct.pack("<QQQQQ", TEXT_VA, 1 << 40, TEXT_VA, 1 << 40, TEXT_VA)) + note(4, bytes(64))
    return make_image(SITES, notes=notes)


class Part(NamedTuple):
    """A section of an object."""

    name: str
    kind: int
    flags: int
    contents: bytes
    link: int = 0
    info: int = 0


def assembled(parts: Sequence[Part], shared: dict[int, int] | None = None) -> bytes:
    """An object of these sections, from number 1 on; `shared`: number -> the one whose bytes it takes as its own."""
    names, out, headers = bytearray(b"\0"), bytearray(HEADER.size), [[0] * 10]
    places: dict[str, int] = {}
    for number, part in enumerate([*parts, Part(".shstrtab", STRTAB, 0, b"")], 1):
        if part.name not in places:
            places[part.name] = len(names)
            names += part.name.encode() + b"\0"
        off, size = len(out), len(part.contents)
        if shared and number in shared:
            off, size = headers[shared[number]][4:6]
        headers.append([places[part.name], part.kind, part.flags, 0, off, size, part.link, part.info, 1, 0])
        out += part.contents
    headers[-1][4], headers[-1][5] = len(out), len(names)
    out += names
    out += bytes(-len(out) % 8)
    count, names_index = len(headers), len(headers) - 1
    fields = [b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, len(out), 0, HEADER.size, 0, 0, SECTION.size, count, names_index]
    if count >= SHN_LORESERVE:
        fields[12], fields[13], headers[0][5], headers[0][6] = 0, SHN_XINDEX, count, names_index
    out[: HEADER.size] = HEADER.pack(*fields)
    return bytes(out) + b"".join(SECTION.pack(*header) for header in headers)


def _object(functions: int, records_each: int = 1) -> list[Part]:
    """The sections of an object as `-ffunction-sections` makes them: code, table and relocations for each function."""
    symbols = [bytes(SYMBOL.size)]
    parts: list[Part] = [Part(".symtab", SYMTAB, 0, b"", 2, 1), Part(".strtab", STRTAB, 0, b"\0")]
    code = Site("fa").content * records_each
    for n in range(functions):
        number = len(parts) + 1
        symbols.append(SYMBOL.pack(0, 3, 0, number if number < SHN_LORESERVE else 0, 0, 0))
        relas = b"".join(
            RELA.pack(16 * r + 8 * end, (n + 1) << 32 | R_X86_64_64, 8 * (r + end))
            for r in range(records_each)
            for end in (0, 1)
        )
        parts += [
            Part(f".text.f{n}", PROGBITS, ALLOC | EXEC, code),
            Part(".afterburn", PROGBITS, 0, bytes(16 * records_each)),
            Part(".rela.afterburn", RELAS, 0, relas, 1, number + 1),
        ]
    parts[0] = parts[0]._replace(contents=b"".join(symbols), info=len(symbols))
    notes = annotation_note(62, 64) + note(2, bytes(40))
    return [*parts, Part(".note.afterburn", NOTES, 0, notes)]


def functions_of_an_object() -> bytes:
    """An honest object of 10,000 functions in sections of their own, each with a site: 30,000 sections."""
    return assembled(_object(10_000))


def relocations_of_one_section() -> bytes:
    """8,000 tables of relocations for one section of code, which share 480 KB of entries of no effect."""
    parts = _object(1)
    entries = RELA.pack(0, 0, 0) * 20_000
    first = len(parts) + 1
    parts += [Part(".rela.text", RELAS, 0, entries, 1, 3)]
    parts += [Part(".rela.text", RELAS, 0, b"", 1, 3)] * 8_000
    return assembled(parts, {first + n: first for n in range(1, 8_001)})


def tables_over_one_area() -> bytes:
    """4,000 tables of records that share one megabyte, and its relocations."""
    parts = _object(1, records_each=20_000)
    table, relas = 4, 5
    first = len(parts) + 1
    shared: dict[int, int] = {}
    for n in range(4_000):
        parts += [Part(".afterburn", PROGBITS, 0, b""), Part(".rela.afterburn", RELAS, 0, b"", 1, first + 2 * n)]
        shared |= {first + 2 * n: table, first + 2 * n + 1: relas}
    return assembled(parts, shared)


BOMBS: list[Callable[[], bytes]] = [
    name_of_a_megabyte,
    one_name_of_a_megabyte,
    tables_of_one_name,
    notes_over_one_area,
    many_notes,
    our_notes,
    imports,
    exports,
    kept_zeros,
    kept_zeros_that_lie,
    section_headers,
    code_sections,
    segments,
    too_many_segments,
    symbols_of_one_name,
    symbols_with_long_names,
    one_symbol_with_a_long_name,
    sources_with_long_names,
    reserve_of_a_terabyte,
    functions_of_an_object,
    relocations_of_one_section,
    tables_over_one_area,
]
