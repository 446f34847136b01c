"""Everything that must hold before a byte is changed. Each function raises LinkError at the first thing that does not.

The checks run over whole arrays first and look for the guilty record only when one fails.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain, islice, pairwise
from operator import lt, sub
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import SHF_ALLOC
from linker.image.windows import offset_of
from linker.sites.formats import INFO_NO_STACK, INFO_PAD_FRONT
from linker.table.names import REBUILD, flags_of, record_name, record_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.hypervisors.base import Binding
    from linker.image.read import Image, Section
    from linker.image.windows import Bytes, Window
    from linker.plan.patches import Plan
    from linker.plan.place import Module
    from linker.sites.codec import Codec
    from linker.table.read import Annotations, Reserve

KNOWN_FLAGS = INFO_NO_STACK | INFO_PAD_FRONT
LONGEST_SITE_LEN = 255  # far above what any afterburner pads to


def check_architecture(image: Image, codec: Codec) -> None:
    """The ELF class must be the architecture's own."""
    if image.word_len != codec.word_len:
        raise LinkError(
            f"wrong ELF class for {codec.name}",
            found=f"{image.word_len * 8} bits",
            expected=f"{codec.word_len * 8}",
            advice="link the ELF file itself, not a converted copy",
        )


def check_records(annotations: Annotations, image: Image, codec: Codec) -> None:
    """Every site must have a length, be aligned, lie alone, and lie in mapped code."""
    starts, ends = annotations.starts_va, annotations.ends_va
    lengths = set(map(sub, ends, starts))
    if lengths and not 0 < min(lengths) <= max(lengths) <= LONGEST_SITE_LEN:
        index = next(n for n, start in enumerate(starts) if not 0 < ends[n] - start <= LONGEST_SITE_LEN)
        length = ends[index] - starts[index]
        raise LinkError(
            "record is reversed" if length < 0 else "site is too long" if length else "site is empty",
            where=record_name(annotations, index),
            found=f"end {ends[index]:#x}",
            expected=f"an end up to {LONGEST_SITE_LEN} bytes above the start",
            advice=REBUILD,
        )
    align = codec.site_align
    if align > 1 and any(va % align for va in chain(starts, ends)):
        index = next(n for n, ends_at in enumerate(ends) if starts[n] % align or ends_at % align)
        raise LinkError(
            "site is misaligned",
            where=record_name(annotations, index),
            found=f"{starts[index]:#x}..{ends[index]:#x}",
            expected=f"multiples of {align}",
            advice=REBUILD,
        )
    if any(map(lt, islice(starts, 1, None), ends)):
        index = next(n for n in range(len(starts) - 1) if starts[n + 1] < ends[n])
        raise LinkError(
            "sites overlap",
            where=record_name(annotations, index + 1),
            found=f"a site that ends at {ends[index]:#x} ({record_place(annotations, index)})",
            expected="disjoint sites",
            advice=REBUILD,
        )
    _check_inside_code(annotations, image)
    kinds = annotations.kinds
    if kinds and any(flags_of(kind) & ~KNOWN_FLAGS for kind in set(kinds)):
        index = next(n for n, kind in enumerate(kinds) if flags_of(kind) & ~KNOWN_FLAGS)
        raise LinkError(
            "unknown flags in .afterburn.info",
            where=record_name(annotations, index),
            found=f"{flags_of(kinds[index]):#x}",
            expected=f"no bits but {KNOWN_FLAGS:#x}",
            advice="use a previrt-link as new as the previrt-as",
        )


def _check_inside_code(annotations: Annotations, image: Image) -> None:
    check_mapped(annotations, image, image.windows)
    code = _disjoint(sorted((section.va, section.end_va) for section in image.sections if section.is_code))
    outside = _first_outside(annotations, code)
    if outside is not None:
        section = _section_at(image, annotations.starts_va[outside])
        runs_over = section is not None and section.is_code
        raise LinkError(
            "site runs over the end of its section" if runs_over else "site is not in code",
            where=record_name(annotations, outside),
            found=f"section {section.name}" if section else "no section there",
            expected=f"an end up to {section.end_va:#x}" if section and runs_over else "an executable section",
            advice=REBUILD,
        )


def check_mapped(annotations: Annotations, image: Image, windows: Sequence[Window]) -> None:
    """Every site must have its bytes in one of `windows`."""
    outside = _first_outside(annotations, [(window.va, window.va + window.len) for window in windows])
    if outside is not None:
        section = _section_at(image, annotations.starts_va[outside])
        raise LinkError(
            "site is not mapped",
            where=record_name(annotations, outside),
            found=f"section {section.name}" if section else "no section there",
            expected="an address inside a loaded segment",
            advice=REBUILD,
        )


def _first_outside(annotations: Annotations, ranges: Sequence[tuple[int, int]]) -> int | None:
    """The first site in address order that is in none of these disjoint, sorted ranges."""
    starts, ends = annotations.starts_va, annotations.ends_va
    checked = 0  # sites known to be inside
    for low, high in ranges:
        if bisect_left(starts, low) > checked:
            break
        last = bisect_left(starts, high)
        if last > checked and ends[last - 1] > high:
            return last - 1
        checked = last
    return checked if checked < len(starts) else None


def _disjoint(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges, those that overlap made one."""
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low < high:
            merged.append((low, high))
    return merged


def _section_at(image: Image, va: int) -> Section | None:
    return next((s for s in image.sections if s.flags & SHF_ALLOC and s.va <= va < s.end_va), None)


def check_bound(annotations: Annotations, image: Image) -> None:
    """What the BOUND note says must agree with the room to undo; notes must be where their segment maps them from."""
    notes = [("BOUND", note.va, len(note.descriptor), note.off) for note in (annotations.bound_note,) if note]
    notes += [("SPACE", space.va, space.len, space.off) for space in (annotations.space,) if space]
    for name, va, length, off in notes:
        mapped_off = None if va is None else offset_of(image.windows, va, length)
        if mapped_off not in (None, off):
            raise LinkError(
                f"note {name} is not where its segment has it",
                where=f"{va:#x}",
                found=f"offset {off:#x} by the section header, {mapped_off:#x} by the program header",
                expected="one place",
                advice="link the guest again; take its notes with the segment when sections are moved",
            )
    bound, undo = annotations.bound, annotations.undo
    overwritten = undo is not None and undo.count(0) != len(undo)
    if overwritten and (bound is None or not bound.target):
        raise LinkError(
            "image is not marked as bound, but instructions are kept in .afterburn.undo",
            expected="zeros there",
            advice="link from the original image",
        )


def check_reserve(reserve: Reserve, windows: Sequence[Window], memory: Bytes, codec: Codec, empty: bool) -> None:
    """The reserve must be mapped, apart, and hold nothing unless the image is bound."""
    parts = (
        ("text", reserve.text_va, reserve.text_len, codec.trap_fill),
        ("data", reserve.data_va, reserve.data_len, bytes),
    )
    for name, va, length, fill_of in parts:
        off = offset_of(windows, va, length)
        if off is None:
            raise LinkError(
                f"the reserve's {name} part is not mapped",
                where="note RESERVE",
                found=f"{va:#x}..{va + length:#x}",
                expected="one loaded segment around it",
                advice="link the guest again with the reserve object",
            )
        if empty and bytes(memory[off : off + length]) != (fill := fill_of(length)):
            raise LinkError(
                f"the reserve's {name} part is in use, but the image is not marked as bound",
                where=f"{va:#x}",
                expected=f"{length} bytes {fill[:1].hex()}",
                advice="link from the original image",
            )


def check_loaded(image: Image) -> None:
    """A loader takes no more of a segment than its length in memory; what a link writes behind that is lost."""
    for load in image.loads:
        if load.len > load.memory_len:
            raise LinkError(
                "segment has more bytes in the file than in memory",
                where=f"{load.va:#x}",
                found=f"{load.len:#x}",
                expected=f"at most {load.memory_len:#x}",
                advice="the file is damaged; link the guest again",
            )


def for_memory(plan: Plan) -> Plan:
    """What of a plan is written where a guest is loaded."""
    return plan._replace(edits=tuple(edit for edit in plan.edits if not edit.in_file_only))


def check_writes(
    plan: Plan, windows: Sequence[Window], size: int, annotations: Annotations, *, in_memory: bool = False
) -> None:
    """Everything that is written must fill exactly the room it was given, inside `size` bytes, and lie alone.

    Whatever made the plan, this is the one gate in front of every write: reserve, notes, tables, counters, undo, sites.
    Of a loaded guest's plan only what goes into memory counts; the rest has offsets of the file (`for_memory`).
    """
    plan = for_memory(plan) if in_memory else plan
    for edit in plan.edits:
        if len(edit.after) != len(edit.before) or not 0 <= edit.off <= size - len(edit.after):
            raise LinkError(
                f"{edit.name} does not fit the room it is given",
                where=f"offset {edit.off:#x}",
                found=f"{len(edit.after)} bytes to write",
                expected=f"{len(edit.before)}, inside {size:#x} bytes",
                advice="build the guest with a larger reserve, by the reserve object of this previrt",
            )
    for group in plan.groups:
        needed_len, room_len = len(group.after), group.room_len * len(group.members)
        if needed_len != room_len or len(group.before) != room_len:
            raise LinkError(
                f"'{group.instruction.text}' does not fit the room of its site",
                where=f"{group.first_va:#x}",
                found=f"{needed_len} bytes for {len(group.members)} sites",
                expected=f"{group.room_len} for each",
                advice="report this as a defect",
            )
    _check_apart(plan, windows, annotations)


def _check_apart(plan: Plan, windows: Sequence[Window], annotations: Annotations) -> None:
    """Nothing that is written may overlap a site or be written twice."""
    by_off = sorted(plan.edits, key=lambda edit: edit.off)
    for one, other in pairwise(by_off):
        if one.off + len(one.before) > other.off:
            raise LinkError(f"{one.name} and {other.name} overlap", where=f"offset {other.off:#x}", advice=REBUILD)
    windows = by_offset(windows)
    for edit in plan.edits:
        site_va = site_within(edit.off, edit.off + len(edit.before), windows, annotations)
        if site_va is not None:
            raise LinkError(f"{edit.name} overlaps a site", where=f"{site_va:#x}", advice=REBUILD)


def by_offset(windows: Sequence[Window]) -> list[Window]:
    """In the order of their bytes."""
    return sorted(windows, key=lambda window: window.off)


def site_within(low_off: int, high_off: int, windows: Sequence[Window], annotations: Annotations) -> int | None:
    """Address of a site that has bytes in this half-open range of memory; `windows` are `by_offset`."""
    starts_va, ends_va = annotations.starts_va, annotations.ends_va
    first = max(0, bisect_right(windows, low_off, key=lambda window: window.off) - 1)
    for window in islice(windows, first, None):
        if window.off >= high_off:
            break
        low = max(low_off, window.off) - window.off + window.va
        high = min(high_off, window.off + window.len) - window.off + window.va
        # The first site that ends above `low` is the only one to look at: sites are disjoint and sorted.
        index = bisect_right(ends_va, low)
        if low < high and index < len(starts_va) and starts_va[index] < high:
            return starts_va[index]
    return None


def check_module(module: Module, binding: Binding, image: Image, annotations: Annotations) -> None:
    """The interface module must be the binding's own, and the image must have room for it."""
    if (module.target, module.machine) != (binding.target, image.machine):
        raise LinkError(
            "interface module is for something else",
            where=str(binding.module),
            found=f"{module.target} on ELF machine {module.machine}",
            expected=f"{binding.target} on {image.machine}",
        )
    if annotations.reserve is None:
        raise LinkError(
            f"no reserve for the interface module of '{binding.target}'",
            expected="a note RESERVE",
            advice="link the object that previrt-as --print-reserve names into the guest",
        )
