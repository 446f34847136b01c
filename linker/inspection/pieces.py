"""The code sections as the map shows them: with their symbols, without long stretches of filler.

A kernel's text is aligned by megabytes here and there; a map of that would be mostly empty.

    .text     [ functions ......... | filler, 2 MiB | functions, interface module ]
    pieces    [ functions ......... ]               [ functions, interface module ]
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from linker.image.symbols import Span
from linker.inspection.names import MODULE
from linker.inspection.tally import code_sections
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linker.bind.examine import Examination
    from linker.image.read import Section
    from linker.image.symbols import Symbols
    from linker.inspection.facts import Facts

LONGEST_FILLER_LEN = 1 << 16  # what is longer, and has neither a symbol nor a site, is left out
PAGE_LEN = 4096


class Piece(NamedTuple):
    """Part of a code section; `left_out_len` bytes of the section in front of it are not shown."""

    name: str
    va: int
    len: int
    spans: tuple[Span, ...]
    left_out_len: int


def pieces(examination: Examination, symbols: Symbols, facts: Facts) -> list[Piece]:
    """All pieces by address. Together they hold every site."""
    module = next(
        (Span(part.va, part.va + part.used_len, MODULE) for part in facts.reserve if part.part == "text"), None
    )
    found = []
    starts_va = [site.start_va for site in examination.sites]
    for section in code_sections(examination.table.image):
        spans = symbols.spans(section.va, section.end_va)
        if module is not None and module.end_va > module.start_va:
            spans = _with(spans, module) if section.va <= module.start_va < section.end_va else spans
        first, last = bisect_left(starts_va, section.va), bisect_left(starts_va, section.end_va)
        sites = [(site.start_va, site.end_va) for site in examination.sites[first:last]]
        found += _cut(section, spans, sites)
    return found


def _with(spans: list[Span], module: Span) -> list[Span]:
    """The symbols, and the module in place of those inside it."""
    outside = [span for span in spans if not module.start_va <= span.start_va < module.end_va]
    cut = [
        span._replace(end_va=min(span.end_va, module.start_va)) if span.start_va < module.start_va else span
        for span in outside
    ]
    return sorted([*cut, module])


def _cut(section: Section, spans: list[Span], sites: Iterable[tuple[int, int]]) -> list[Piece]:
    # A symbol that reaches very far is one without a size: only its start is sure.
    used = [
        (s.start_va, s.end_va if s.name == MODULE or s.end_va - s.start_va < LONGEST_FILLER_LEN else s.start_va)
        for s in spans
    ]
    ranges: list[tuple[int, int]] = []
    for low, high in sorted([*used, *sites, (section.va, section.va), (section.end_va, section.end_va)]):
        if ranges and low - ranges[-1][1] <= LONGEST_FILLER_LEN:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], high))
        else:
            ranges.append((low, high))
    found: list[Piece] = []
    end_va = section.va
    for low, high in ranges:
        start_va = max(end_va, low // PAGE_LEN * PAGE_LEN)
        left_out_len = start_va - end_va
        end_va = min(-(-high // PAGE_LEN) * PAGE_LEN, section.end_va)
        if end_va > start_va:
            mine = tuple(s._replace(end_va=min(s.end_va, end_va)) for s in spans if start_va <= s.start_va < end_va)
            found.append(Piece(section.name, start_va, end_va - start_va, mine, left_out_len))
        else:
            end_va = start_va - left_out_len
    return found
