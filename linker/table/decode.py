"""Phase 3: which instruction each site holds. Every distinct byte string is decoded once.

A site of a bound image is read as the annotated original had it: from `.afterburn.undo` where the linker overwrote the
instruction, else from the site itself, whose long no-operations count as padding.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.memory import gather_each
from linker.quick.tuples import NamedTuple
from linker.sites.formats import INFO_PAD_FRONT
from linker.table.names import REBUILD, flags_of, record_name
from linker.table.read import MEMORY_KIND
from linker.table.site_relocations import check_inside_instruction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.image.relocations import SiteRelocation
    from linker.image.windows import Bytes, Window
    from linker.sites.codec import Codec, Instruction
    from linker.table.read import Annotations

CLASS_MASK = 0xFFFF
SCRATCH_SHIFT = 32


class SiteGroup(NamedTuple):
    """Sites with the same instruction, room and flags. `members` are indexes in address order.

    `before` is what the sites hold now, `room_len` bytes for each member, one behind the other. `relocated`: what the
    loader of an object changes in the instruction; such a site is a group of its own.
    """

    instruction: Instruction
    room_len: int
    flags: int
    members: Sequence[int]
    before: bytes
    relocated: tuple[SiteRelocation, ...] = ()


class Sites(NamedTuple):
    """All sites in address order: where they stand in memory, and what they mean."""

    annotations: Annotations
    offs: Sequence[int]
    groups: tuple[SiteGroup, ...]


def decode(annotations: Annotations, memory: Bytes, windows: Sequence[Window], codec: Codec) -> Sites:
    """Decode all sites; LinkError when one is not a sensitive instruction and its padding."""
    offs, end_offs = offsets(annotations, windows)
    undo = annotations.undo
    if undo is None or undo.count(0) == len(undo):
        found = None
        originals: Iterable[bytes] = gather_each(memory, offs, end_offs)
    else:
        found = list(gather_each(memory, offs, end_offs))
        originals = _originals(annotations, undo, found, codec)
    by_bytes: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, code in enumerate(originals):
        by_bytes[code].append(index)

    groups = []
    relocated = annotations.relocated
    for code, same_bytes in by_bytes.items():
        members = same_bytes
        if relocated:
            for index in (index for index in same_bytes if index in relocated):
                groups.append(_relocated(annotations, index, code, code if found is None else found[index], codec))
            members = [index for index in same_bytes if index not in relocated]
            if not members:
                continue
        for kind, same in _by_kind(annotations.kinds, members):
            for instruction, mine in _decode_one(annotations, code, kind, same, codec):
                before = code * len(mine) if found is None else b"".join([found[index] for index in mine])
                flags = 0 if kind & MEMORY_KIND else flags_of(kind)
                groups.append(SiteGroup(instruction, len(code), flags, mine, before))
    return Sites(annotations, offs, tuple(groups))


def site_flags(annotations: Annotations, index: int) -> int:
    """What `.afterburn.info` says of a site; it says nothing of memory operations."""
    kind = 0 if annotations.kinds is None else annotations.kinds[index]
    return 0 if kind & MEMORY_KIND else flags_of(kind)


def decode_site(annotations: Annotations, index: int, code: bytes, codec: Codec) -> Instruction:
    """The instruction of one site that holds `code` and has nothing to undo; LinkError as `decode`."""
    kind = 0 if annotations.kinds is None else annotations.kinds[index]
    ((instruction, _),) = _decode_one(annotations, code, kind, [index], codec)
    return instruction


def _relocated(annotations: Annotations, index: int, code: bytes, now: bytes, codec: Codec) -> SiteGroup:
    """A site whose instruction the loader changes: the bytes alone do not say what it means."""
    flags = site_flags(annotations, index)
    instruction = decode_site(annotations, index, code, codec)
    relocated = annotations.relocated[index]
    front_len = len(code) - instruction.length if flags & INFO_PAD_FRONT else 0
    check_inside_instruction(annotations, index, relocated, front_len, front_len + instruction.length)
    instruction = instruction._replace(text=_relocated_text(instruction, relocated, front_len))
    return SiteGroup(instruction, len(code), flags, [index], now, relocated)


def _relocated_text(instruction: Instruction, relocated: Sequence[SiteRelocation], front_len: int) -> str:
    """The instruction with what its relocations are about."""
    text, memory = instruction.text, instruction.memory
    if not instruction.ip_relative or memory is None or len(relocated) != 1:
        return f"{text} [{', '.join(one.text() for one in relocated)}]"
    operand = relocated[0].text(instruction.length + front_len - relocated[0].off)
    return re.sub(f"0x{memory.displacement:x}", f"{operand}(%rip)", text, flags=re.IGNORECASE)


def offsets(annotations: Annotations, windows: Sequence[Window]) -> tuple[list[int], list[int]]:
    """Where each site starts and ends in memory."""
    starts, ends = annotations.starts_va, annotations.ends_va
    offs: list[int] = []
    end_offs: list[int] = []
    for window in windows:
        first, last = bisect_left(starts, window.va), bisect_left(starts, window.va + window.len)
        delta = window.off - window.va
        offs += [va + delta for va in starts[first:last]]
        end_offs += [va + delta for va in ends[first:last]]
    return offs, end_offs


def _originals(annotations: Annotations, undo: bytes, found: Sequence[bytes], codec: Codec) -> Iterable[bytes]:
    """Each site as annotated, before any binding."""
    undo_len, kinds = codec.undo_len, annotations.kinds
    known: dict[tuple[bytes, int, int], bytes] = {}  # what differs neither in entry, length nor kind was the same
    for index, (number, code) in enumerate(zip(annotations.numbers, found, strict=True)):
        entry = undo[number * undo_len : (number + 1) * undo_len]
        if not entry or not entry[0]:  # a memory operation's record has no entry: it is never overwritten
            yield code
            continue
        key = entry, len(code), 0 if kinds is None else kinds[index]
        original = known.get(key)
        if original is None:
            original = known[key] = undone(annotations, index, code, entry, codec)
        yield original


def undone(annotations: Annotations, index: int, code: bytes, entry: bytes, codec: Codec) -> bytes:
    """A site as annotated, out of its entry in `.afterburn.undo`; LinkError where that is none."""
    kept_len = entry[0]
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
    if kind & MEMORY_KIND:
        return _decode_memory(annotations, code, kind & ~MEMORY_KIND, members, codec)
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


def _decode_memory(
    annotations: Annotations, code: bytes, class_number: int, members: list[int], codec: Codec
) -> Iterable[tuple[Instruction, list[int]]]:
    """Sites of a sub-section: a memory operation and its padding."""
    try:
        instruction = codec.decode_memory(code, annotations.starts_va[members[0]], class_number)
        padding = code[instruction.length :]
        if not codec.is_padding(padding):
            raise LinkError(
                f"padding behind '{instruction.text}' is not no-operations",
                found=padding.hex(" "),
                expected=codec.padding(len(padding)).hex(" "),
            )
    except LinkError as error:
        error.where = record_name(annotations, members[0])
        error.advice = error.advice or "annotate the operation as docs/l4ka.md shows"
        raise
    if not instruction.ip_relative or len(members) == 1:
        return ((instruction, members),)
    return [(codec.decode_memory(code, annotations.starts_va[index], class_number), [index]) for index in members]
