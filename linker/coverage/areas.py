"""Which bytes of an image are code, and which are passed over, by flags, segments and symbols.

section with the execute flag                               code
section without, that a function's symbol or the entry is in        code, and said so
bytes of an executable segment that no section has          code
flagless section of an object with labels                   code: `.section .boot` without "ax", placed by a script
other sections of an executable segment                     passed over, and named
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import FIRST_PSEUDO_VA, PSEUDO_ALIGN, SHF_ALLOC, SHF_EXECINSTR, Section
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linker.image.read import Image
    from linker.image.symbols import Symbols
    from linker.image.windows import Bytes

PF_X = 1
NOT_THE_GUESTS = (".afterburn", ".debug", ".zdebug", ".note", ".comment", ".stab", ".gnu", ".llvm", ".shstrtab")
NO_FLAG = "its section has no execute flag"
NO_SECTION = "(no section)"
DATA_IN_SEGMENT = "no execute flag, in an executable segment"


class Area(NamedTuple):
    """Code at [va, end_va), `off` in the file. `remark`: why it counts as code where its flags do not say so."""

    name: str
    va: int
    end_va: int
    off: int
    remark: str = ""


class Passed(NamedTuple):
    """Bytes that run may reach and that were not looked at."""

    name: str
    va: int
    len: int
    why: str


def addressed(image: Image) -> Image:
    """An object with addresses for its flagless sections, too, which linker scripts put where they want; or `image`."""
    if not image.is_object:
        return image
    end_va = max((s.end_va for s in image.sections if s.va), default=FIRST_PSEUDO_VA)
    sections = list(image.sections)
    for number, section in enumerate(sections):
        is_flagless = not section.flags & (SHF_ALLOC | SHF_EXECINSTR) and section.type == "SHT_PROGBITS"
        if is_flagless and section.len and not section.name.startswith(NOT_THE_GUESTS):
            va = end_va + 2 * PSEUDO_ALIGN - 1 & -PSEUDO_ALIGN
            sections[number] = section._replace(va=va)
            end_va = va + section.len
    return image._replace(sections=tuple(sections))


def code_areas(
    image: Image, memory: Bytes, symbols: Symbols, entry_va: int, headers_len: int
) -> tuple[list[Area], list[Passed]]:
    """All code by address, and what is passed over. `image` is `addressed`; an `entry_va` of 0 is none."""
    areas: list[Area] = []
    passed: list[Passed] = []
    executable = merged((load.va, load.va + load.len) for load in image.loads if load.flags & PF_X and load.len)
    marks = sorted({*symbols.functions, *((entry_va,) if entry_va else ())})
    for section in image.sections:
        if not section.va or not section.len or not section.has_contents:
            continue
        if section.flags & SHF_EXECINSTR and (section.flags & SHF_ALLOC or image.is_object):
            areas.append(_area(section))
        elif bisect_left(marks, section.va) < bisect_left(marks, section.end_va) or _has_labels(
            image, section, symbols
        ):
            areas.append(_area(section, NO_FLAG))
        elif _is_in(executable, section.va):
            passed.append(Passed(section.name, section.va, section.len, DATA_IN_SEGMENT))
    areas += _without_section(image, memory, headers_len)
    code_len = sum(area.end_va - area.va for area in areas)
    if code_len > image.size:
        raise LinkError("sections of code share bytes of the file", found=f"{code_len} bytes of code in {image.size}")
    return sorted(areas, key=lambda area: area.va), passed


def _area(section: Section, remark: str = "") -> Area:
    return Area(section.name, section.va, section.end_va, section.off, remark)


def _has_labels(image: Image, section: Section, symbols: Symbols) -> bool:
    is_flagless = not section.flags & (SHF_ALLOC | SHF_EXECINSTR)
    return image.is_object and is_flagless and bool(symbols.starts(section.va, section.end_va))


def _is_in(ranges: Sequence[tuple[int, int]], va: int) -> bool:
    index = bisect_right(ranges, (va, 1 << 64)) - 1
    return index >= 0 and va < ranges[index][1]


def _without_section(image: Image, memory: Bytes, headers_len: int) -> Iterator[Area]:
    """What executable segments load from the file beside the sections and the file's own headers, but for zeros."""
    known = merged((s.va, s.end_va) for s in image.sections if s.va and s.len and s.flags & SHF_ALLOC)
    for load in image.loads:
        if not load.flags & PF_X:
            continue
        low = load.va + max(0, min(headers_len - load.off, load.len))
        first, last = bisect_right(known, (low, 0)) - 1, bisect_left(known, (load.va + load.len, 0))
        for start_va, end_va in outside(low, load.va + load.len, known[max(0, first) : last]):
            off = start_va - load.va + load.off
            if any(memory[off : off + end_va - start_va]):
                yield Area(NO_SECTION, start_va, end_va, off)


def outside(low: int, high: int, blocked: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of [low, high) that no range of `blocked` covers, in order."""
    for start, end in merged(blocked):
        if end <= low:
            continue
        if start >= high:
            break
        if start > low:
            yield low, start
        low = end
    if low < high:
        yield low, high


def merged(ranges: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Disjoint ranges that cover the same, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
