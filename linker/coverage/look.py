"""Look at all code of an image for sensitive instructions outside sites; say what was found and what was passed over.

Code is read straight on, anew from each symbol and from the end of each site:

    startup:   b8 01 00 00 00    mov $1,%eax
               fa 90 90 90 ...   cli          a site: passed by
               fb                sti          outside: found, startup+0xd
               0f 0b             ud2          exempt: it traps by itself on every target
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from linker.coverage.areas import Area, Passed, addressed, code_areas, merged, outside
from linker.coverage.early import early_code
from linker.coverage.judge import Judge, Reasons, Uncovered
from linker.coverage.patched import patches
from linker.errors import UsageError
from linker.image.places import Places
from linker.image.read import read_headers
from linker.image.symbols import Symbols
from linker.quick.tuples import NamedTuple
from linker.registry import sweep_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linker.coverage.patched import KernelPatch
    from linker.image.read import Image
    from linker.image.windows import Bytes
    from linker.sites.codec import Found, Sweep

DATA_IN_CODE = "data in code, a symbol says"
MODULE_ROOM = "room for the interface module"


class Subject(NamedTuple):
    """An image to look at: the annotated original or a bound image, whose sites are left out either way.

    sites     half-open ranges by address, none of an image without a table
    reserve   half-open range of the text that an interface module may fill; None without
    entry_va  where the guest's own loader enters it, 0 if unknown
    """

    image: Image
    memory: Bytes
    sites: Sequence[tuple[int, int]]
    reserve: tuple[int, int] | None
    entry_va: int


class Coverage(NamedTuple):
    """What was found.

    uncovered   sensitive instructions that are in no site and have no reason not to be; the first KEPT of them
    outside     how many they are
    exempt      those with a reason to be outside, the first KEPT that do not trap by themselves
    reasons     reason -> how many
    passed      what was not looked at, though it may run
    code_len    bytes of code that were looked at, sites counted; areas: in how many sections
    over_sites  who writes over sites at run time -> how many sites
    """

    uncovered: tuple[Uncovered, ...]
    outside: int
    exempt: tuple[Uncovered, ...]
    reasons: dict[str, int]
    passed: tuple[Passed, ...]
    code_len: int
    areas: int
    over_sites: dict[str, int]

    @property
    def verdict(self) -> str:
        """In a few words."""
        return f"{self.outside or 'no'} sensitive instruction{'' if self.outside == 1 else 's'} outside sites"

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return {
            **self._asdict(),
            "uncovered": [row._asdict() for row in self.uncovered],
            "exempt": [row._asdict() for row in self.exempt],
            "passed": [row._asdict() for row in self.passed],
        }


def look(subject: Subject, exempt: Sequence[str] = ()) -> Coverage:
    """Look at all of it. UsageError when a word of `exempt` (a symbol, section, class or address) names nothing."""
    image = addressed(subject.image)
    sweep = sweep_for(image.machine)
    symbols = Symbols(image, subject.memory)
    headers_len = 0 if image.is_object else read_headers(subject.memory).headers_len
    areas, passed = code_areas(image, subject.memory, symbols, subject.entry_va, headers_len)
    reserve = [] if subject.reserve is None else [subject.reserve]
    objects = list(_inside(areas, symbols.objects))
    unread = [Passed(name, low, high - low, DATA_IN_CODE) for name, low, high in objects]
    unread += [Passed("", low, high - low, MODULE_ROOM) for low, high in reserve]
    blocked = merged([*subject.sites, *reserve, *((low, high) for _, low, high in objects)])

    written = patches(image, subject.memory, symbols)
    early = [] if image.is_object else early_code(image, subject.memory, subject.entry_va, sweep)
    judge = Judge(image, symbols, sweep, Reasons(early, written, exempt))
    for area in areas:
        for one in _sensitive(area, subject.memory, blocked, symbols, sweep):
            judge.judge(area, one)
    unused = [word for word in exempt if word not in judge.used]
    if unused:
        raise UsageError(
            f"'{unused[0]}' is to be exempt and names no sensitive instruction outside sites",
            expected="a symbol, section, class or address",
        )
    places = Places(image)
    return Coverage(
        uncovered=tuple(judge.uncovered),
        outside=judge.outside,
        exempt=tuple(judge.exempt),
        reasons=dict(judge.reasons),
        passed=tuple(row._replace(va=places.split(row.va)[1]) for row in (*passed, *unread)),
        code_len=sum(area.end_va - area.va for area in areas) - sum(row.len for row in unread),
        areas=len(areas),
        over_sites=_over_sites(subject.sites, written),
    )


def _inside(areas: Sequence[Area], ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    """The parts of ranges that are in code, with the area's name."""
    starts = [area.va for area in areas]
    for low, high in merged(ranges):
        index = bisect_right(starts, low) - 1
        if index >= 0 and low < areas[index].end_va:
            yield areas[index].name, low, min(high, areas[index].end_va)


def _sensitive(
    area: Area, memory: Bytes, blocked: Sequence[tuple[int, int]], symbols: Symbols, sweep: Sweep
) -> Iterator[Found]:
    first = max(0, bisect_right(blocked, (area.va, 0)) - 1)
    last = bisect_right(blocked, (area.end_va, 0))
    starts = symbols.starts(area.va, area.end_va)
    for low, high in outside(area.va, area.end_va, blocked[first:last]):
        cuts = starts[bisect_right(starts, low) : bisect_left(starts, high)]
        for start, end in pairwise([low, *cuts, high]):
            off = area.off + start - area.va
            held_len = min(end - start + sweep.lookahead_len, area.end_va - start)
            yield from sweep.sensitive(bytes(memory[off : off + held_len]), start, end - start)


def _over_sites(sites: Sequence[tuple[int, int]], written: Iterable[KernelPatch]) -> dict[str, int]:
    """Sites that code is written over at run time, by who writes."""
    starts = [start for start, _ in sites]
    found: dict[str, set[int]] = {}
    for one in written:
        first = bisect_right(starts, one.va) - 1
        for index in range(max(0, first), bisect_left(starts, one.end_va)):
            if sites[index][1] > one.va:
                found.setdefault(one.writer, set()).add(index)
    return {writer: len(indexes) for writer, indexes in found.items()}
