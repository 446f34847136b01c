"""Phase 3: which instruction each site holds. Every distinct byte string is decoded once.

A site of a bound image is read as the annotated original had it: from `.afterburn.undo` where the linker overwrote the
instruction, else from the site itself, whose long no-operations count as padding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import chain
from mmap import mmap
from typing import TYPE_CHECKING, NamedTuple

from linker.check import REBUILD, flags_of, record_name
from linker.errors import LinkError
from linker.sites.formats import INFO_PAD_FRONT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.read_annotations import Annotations
    from linker.read_image import Bytes, Window
    from linker.sites.codec import Codec, Instruction

CLASS_MASK = 0xFFFF
SCRATCH_SHIFT = 32


class SiteGroup(NamedTuple):
    """Sites with the same instruction, room and flags. `members` are indexes in address order."""

    instruction: Instruction
    room_len: int
    flags: int
    members: Sequence[int]


class Sites(NamedTuple):
    """All sites in address order: where they stand in memory, what stands there now, and what they mean."""

    annotations: Annotations
    slices: Sequence[slice]
    found: Sequence[bytes]
    groups: tuple[SiteGroup, ...]


def gather(memory: Bytes, slices: Iterable[slice]) -> list[bytes]:
    """The bytes at each slice."""
    if isinstance(memory, bytes | mmap):
        return list(map(memory.__getitem__, slices))
    return list(map(memoryview.tobytes, map(memoryview(memory).__getitem__, slices)))


def decode(annotations: Annotations, memory: Bytes, windows: Sequence[Window], codec: Codec) -> Sites:
    """Decode all sites; LinkError when one is not a sensitive instruction and its padding."""
    slices = _slices(annotations, windows)
    found = gather(memory, slices)
    by_bytes: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, code in enumerate(_originals(annotations, found, codec)):
        by_bytes[code].append(index)

    merged: defaultdict[tuple[Instruction, int, int], list[list[int]]] = defaultdict(list)
    for code, members in by_bytes.items():
        for kind, same in _by_kind(annotations.kinds, members):
            for instruction, final in _decode_one(annotations, code, kind, same, codec):
                merged[instruction, len(code), flags_of(kind)].append(final)
    groups = tuple(
        SiteGroup(*key, lists[0] if len(lists) == 1 else sorted(chain.from_iterable(lists)))
        for key, lists in merged.items()
    )
    return Sites(annotations, slices, found, groups)


def _slices(annotations: Annotations, windows: Sequence[Window]) -> list[slice]:
    starts, ends = annotations.starts_va, annotations.ends_va
    slices: list[slice] = []
    for window in windows:
        first, last = bisect_left(starts, window.va), bisect_left(starts, window.va + window.len)
        delta = window.off - window.va
        slices += map(slice, map(delta.__add__, starts[first:last]), map(delta.__add__, ends[first:last]))
    return slices


def _originals(annotations: Annotations, found: Sequence[bytes], codec: Codec) -> Iterable[bytes]:
    """Each site as annotated, before any binding."""
    undo = annotations.undo
    if undo is None or undo.count(0) == len(undo):
        return found
    undo_len = codec.undo_len
    return [
        _undone(annotations, index, code, undo[number * undo_len : (number + 1) * undo_len], codec)
        for index, (number, code) in enumerate(zip(annotations.numbers, found, strict=True))
    ]


def _undone(annotations: Annotations, index: int, code: bytes, entry: bytes, codec: Codec) -> bytes:
    kept_len = entry[0]
    if not kept_len:
        return code
    if kept_len >= codec.undo_len or kept_len > len(code) or any(entry[1 + kept_len :]):
        raise LinkError(
            ".afterburn.undo is damaged",
            where=record_name(annotations, index),
            found=entry.hex(" "),
            expected=f"a length up to {min(len(code), codec.undo_len - 1)}, that many bytes, zeros",
            advice="link from the original image",
        )
    kept, padding = entry[1 : 1 + kept_len], codec.padding(len(code) - kept_len)
    kinds = annotations.kinds
    pad_front = kinds is not None and flags_of(kinds[index]) & INFO_PAD_FRONT
    return padding + kept if pad_front else kept + padding


def _by_kind(kinds: Sequence[int] | None, members: list[int]) -> Iterable[tuple[int, list[int]]]:
    """Split sites with the same bytes by what the info section says of them."""
    if kinds is None:
        return ((0, members),)
    distinct = set(map(kinds.__getitem__, members))
    if len(distinct) == 1:
        return ((distinct.pop(), members),)
    split = defaultdict(list)
    for index in members:
        split[kinds[index]].append(index)
    return split.items()


def _front_len(code: bytes, codec: Codec) -> int:
    """How much padding stands in front of the instruction of a site that is padded there."""
    return next((n for n in range(len(code) - 1, 0, -1) if codec.is_padding(code[:n])), 0)


def _decode_one(
    annotations: Annotations, code: bytes, kind: int, members: list[int], codec: Codec
) -> Iterable[tuple[Instruction, list[int]]]:
    pad_front = bool(flags_of(kind) & INFO_PAD_FRONT)
    front_len = _front_len(code, codec) if pad_front else 0
    try:
        instruction = codec.decode(code[front_len:], annotations.starts_va[members[0]] + front_len)
        if kind >> SCRATCH_SHIFT:
            instruction = instruction._replace(scratch=kind >> SCRATCH_SHIFT)
        if kind & CLASS_MASK not in (0, instruction.class_number):
            raise LinkError(
                "class in .afterburn.info is not the instruction's",
                found=f"class {kind & CLASS_MASK}",
                expected=f"{instruction.class_number} ({instruction.class_name}) for '{instruction.text}'",
                advice=REBUILD,
            )
        padding = code[front_len + instruction.length :]
        if pad_front and padding:
            raise LinkError(
                f"site does not end with '{instruction.text}', as its flag says", found=code.hex(" "), advice=REBUILD
            )
        if not codec.is_padding(padding):
            raise LinkError(
                f"padding behind '{instruction.text}' is not no-operations",
                found=padding.hex(" "),
                expected=codec.padding(len(padding)).hex(" "),
                advice="the image is bound by other means or damaged; link from the original",
            )
    except LinkError as error:
        bound = annotations.bound
        if bound is not None and bound.target and annotations.undo is None:
            raise LinkError(
                f"already bound to {bound.target}, and what that overwrote is not kept",
                where=record_name(annotations, members[0]),
                expected="a section .afterburn.undo",
                advice="link from the original image",
            ) from error
        error.where = record_name(annotations, members[0])
        error.advice = error.advice or REBUILD
        raise
    if not instruction.ip_relative or len(members) == 1:
        return ((instruction, members),)
    return [(codec.decode(code[front_len:], annotations.starts_va[index] + front_len), [index]) for index in members]
