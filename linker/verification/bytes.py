"""Every byte of the file: as the linker would have written it, and different from the original only where that is
explained.

The second does not believe the first: the ranges are read out of the image's own notes and sections.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from linker.image.read import ENTRY_OFF, read_headers
from linker.image.windows import offset_of
from linker.quick.tuples import NamedTuple
from linker.verification.image import shown
from linker.verification.proof import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.image.windows import Bytes
    from linker.verification.image import BoundImage

BLOCK_LEN = 4096
OUTSIDE = "outside"


class Range(NamedTuple):
    """Bytes [low, high) of the file that a binding may change."""

    low: int
    high: int
    name: str


def check_bytes(image: BoundImage) -> Iterator[Failure]:
    """Differences from what the linker writes, each run of bytes named by what it belongs to."""
    examination = image.examination
    ranges = changeable(image)
    for low, high in differences(examination.present, examination.expected):
        for part in _split(ranges, low, high):
            yield _failure(image, "bytes", part, examination.expected)


def check_explained(image: BoundImage) -> Iterator[Failure]:
    """Differences from the annotated original that are in no range a binding may change."""
    examination = image.examination
    ranges = changeable(image)
    if not examination.is_grown:
        for low, high in differences(examination.present, examination.original):
            for part in _split(ranges, low, high):
                if part.name == OUTSIDE:
                    yield _failure(image, "outside", part, examination.original)
        return
    # A grown file is laid out anew: what its sections and segments hold is compared, address by address.
    for load in _loads(examination.original):
        off = offset_of(examination.table.image.windows, load.va, load.len)
        if off is None:
            where, wanted = load.va, "mapped as in the original"
            yield image.failure("outside", "segment", va=where, expected=wanted, found="not mapped")
            continue
        held, was = examination.present[off : off + load.len], examination.original[load.off : load.off + load.len]
        skipped_len = load.headers_len
        for low, high in differences(held, was):
            for part in _split(ranges, low + off, high + off):
                if part.name == OUTSIDE and part.high - off > skipped_len:
                    yield _failure(image, "outside", part, examination.expected)


class _Load(NamedTuple):
    va: int
    len: int
    off: int
    headers_len: int


def _loads(original: Bytes) -> Iterator[_Load]:
    headers = read_headers(original)
    for load in headers.segments:
        if load.type == "PT_LOAD" and load.len:
            yield _Load(load.va, load.len, load.off, headers.headers_len if load.off == 0 else 0)


def changeable(image: BoundImage) -> list[Range]:
    """What a binding may change: sites, reserve, notes, room to undo, entry; sorted and disjoint."""
    examination, annotations = image.examination, image.annotations
    windows = examination.table.image.windows
    found = [Range(site.off, site.off + len(site.present), "site") for site in examination.sites]
    word_len = examination.table.image.word_len
    found.append(Range(ENTRY_OFF, ENTRY_OFF + word_len, "entry address"))
    if annotations.undo is not None:
        found += [Range(off, off + length, ".afterburn.undo") for off, length in annotations.undo_pieces]
    if annotations.bound_note is not None:
        note = annotations.bound_note
        off = None if note.va is None else offset_of(windows, note.va, len(note.descriptor))
        off = note.off if off is None else off
        found.append(Range(off, off + len(note.descriptor), "note BOUND"))
    if annotations.space is not None:
        space = annotations.space
        off = None if space.va is None else offset_of(windows, space.va, space.len)
        off = space.off if off is None else off
        found.append(Range(off, off + space.len, "note SPACE"))
    hooks = ((record, offset_of(windows, record.va, word_len)) for record in annotations.imports)
    found += [Range(off, off + word_len, f"hook {record.number}") for record, off in hooks if off is not None]
    if annotations.reserve is not None:
        found += _reserve_ranges(image)
    return sorted(found)


def _reserve_ranges(image: BoundImage) -> Iterator[Range]:
    """The reserve's parts, divided into the module and what the linker puts behind it."""
    reserve, placed = image.reserve, image.placed
    if reserve is None:
        return
    windows = image.examination.table.image.windows
    text_len, data_len = (0, 0) if placed is None else (len(placed.text), len(placed.data))
    for names, va, length, module_len in (
        (("module text", "stubs"), reserve.text_va, reserve.text_len, text_len),
        (("module data", "tables"), reserve.data_va, reserve.data_len, data_len),
    ):
        off = offset_of(windows, va, length)
        if off is not None:
            border = off + min(module_len, length)
            yield Range(off, border, names[0])
            yield Range(border, off + length, names[1])


def differences(one: Bytes, other: Bytes) -> Iterator[tuple[int, int]]:
    """Half-open runs of different bytes; what one has more counts as different."""
    length = min(len(one), len(other))
    for start in range(0, length, BLOCK_LEN):
        end = min(start + BLOCK_LEN, length)
        a, b = bytes(one[start:end]), bytes(other[start:end])
        if a == b:
            continue
        low: int | None = None
        for n, (x, y) in enumerate(zip(a, b, strict=True)):
            if x != y and low is None:
                low = n
            elif x == y and low is not None:
                yield start + low, start + n
                low = None
        if low is not None:
            yield start + low, end
    if len(one) != len(other):
        yield length, max(len(one), len(other))


def _split(ranges: Sequence[Range], low: int, high: int) -> Iterator[Range]:
    """[low, high) cut at the borders of `ranges`; what is in none is named OUTSIDE."""
    index = bisect_right(ranges, (low, 1 << 64, "")) - 1
    index = max(index, 0)
    while low < high:
        while index < len(ranges) and ranges[index].high <= low:
            index += 1
        if index == len(ranges) or ranges[index].low >= high:
            yield Range(low, high, OUTSIDE)
            return
        here = ranges[index]
        if here.low > low:
            yield Range(low, here.low, OUTSIDE)
            low = here.low
        end = min(high, here.high)
        yield Range(low, end, here.name)
        low = end


def _failure(image: BoundImage, check: str, part: Range, expected: Bytes) -> Failure:
    present = image.examination.present
    va = image.va_of(part.low)
    instruction = ""
    if part.name == "site":
        sites = image.examination.sites
        index = bisect_right(sites, part.low, key=lambda site: site.off) - 1
        instruction = sites[index].instruction.text
    return Failure(
        check,
        part.name,
        va,
        part.low,
        image.symbol_at(va),
        instruction,
        shown(bytes(expected[part.low : part.high])),
        shown(bytes(present[part.low : part.high])),
    )
