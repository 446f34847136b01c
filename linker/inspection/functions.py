"""A function as code: sites marked, the annotated original and what the image holds side by side."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import zip_longest
from typing import TYPE_CHECKING

from linker.errors import UsageError
from linker.image.places import Places
from linker.image.windows import offset_of
from linker.inspection.names import SiteNames
from linker.inspection.tally import functions
from linker.quick.tuples import NamedTuple
from linker.registry import disassembler_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.bind.examine import Examination, ExaminedSite
    from linker.image.symbols import Span, Symbols
    from linker.sites.codec import Disassembler, Line

OWN = "$"  # in front of what the linker makes for a site (linker/hypervisors/base.py): its stub, its table row


class Half(NamedTuple):
    """One side of a row: `code` as hex, empty for a line whose bytes stand above; `text`: the instruction."""

    va: int
    code: str
    text: str


class CodeRow(NamedTuple):
    """One line. `present` is None where the image holds what the original does. `site` numbers the function's sites."""

    original: Half | None
    present: Half | None
    site: int | None


class FunctionSite(NamedTuple):
    """What the rows of a site mean. `reaches`: what its form names in the interface module."""

    start_va: int
    end_va: int
    class_name: str
    state: str
    form: str
    reason: str
    reaches: tuple[str, ...]


class Function(NamedTuple):
    """A function taken apart; [start_va, end_va) is all of it. In an object addresses are offsets in `section`."""

    name: str
    start_va: int
    end_va: int
    sites: tuple[FunctionSite, ...]
    rows: tuple[CodeRow, ...]
    section: str = ""

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return {
            **self._asdict(),
            "sites": [site._asdict() for site in self.sites],
            "rows": [
                {
                    "original": row.original._asdict() if row.original else None,
                    "present": row.present._asdict() if row.present else None,
                    "site": row.site,
                }
                for row in self.rows
            ],
        }


class _Reader:
    """Disassembles parts of one image."""

    def __init__(self, examination: Examination, symbols: Symbols) -> None:
        self._disassembler: Disassembler = disassembler_for(examination.table.image.machine)
        self._names = SiteNames(examination, symbols)
        self._places = Places(examination.table.image)

    def halves(self, code: bytes, va: int) -> list[Half]:
        """All of `code`; runs of equal one-byte no-operations are one line, as the padding they are."""
        read: list[Half] = []
        run: list[Line] = []
        for line in [*self._disassembler.lines(code, va), None]:
            if run and (line is None or not line.is_nop or line.code != run[0].code or len(line.code) != 1):
                read.append(self._run(run, va))
                run = []
            if line is None:
                break
            if line.is_nop and len(line.code) == 1:
                run.append(line)
            else:
                named = f" <{name}>" if line.target_va and (name := self._names.at(line.target_va)) else ""
                text = self._places.say(line.text) + named
                read.append(Half(self._places.split(va + line.offset)[1], line.code.hex(" "), text))
        return read

    def _run(self, run: Sequence[Line], va: int) -> Half:
        first, count = run[0], len(run)
        first_va = self._places.split(va + first.offset)[1]
        if count == 1:
            return Half(first_va, first.code.hex(" "), first.text)
        return Half(first_va, f"{first.code.hex()} x{count}", f"{first.text} x{count}")


def find_function(examination: Examination, symbols: Symbols, wanted: str) -> Span:
    """The function of that name, or around that address; UsageError when there is none or no code of it in the file."""
    places = Places(examination.table.image)
    spans = functions(examination.table.image, symbols)
    va = places.address(wanted)
    if va is None:
        found = [span for span in spans if span.name == wanted]
        if not found:
            raise UsageError(
                f"no function '{wanted}' in the image's code",
                advice="the summary names those with most padding, previrt-link --list all that have sites",
            )
        starts = [site.start_va for site in examination.sites]
        with_sites = (s for s in found if bisect_left(starts, s.start_va) < bisect_left(starts, s.end_va))
        return next(with_sites, found[0])
    index = bisect_right([span.start_va for span in spans], va) - 1
    if index < 0 or va >= spans[index].end_va:
        raise UsageError(f"no function at {wanted}", advice="give an address inside a function, or its name")
    return spans[index]


def _sites_in(sites: Sequence[ExaminedSite], span: Span) -> Sequence[ExaminedSite]:
    starts = [site.start_va for site in sites]
    return sites[bisect_left(starts, span.start_va) : bisect_left(starts, span.end_va)]


def take_apart(examination: Examination, symbols: Symbols, span: Span) -> Function:
    """Both codes of a function."""
    sites = _sites_in(examination.sites, span)
    reaches = _reaches(examination)
    places = Places(examination.table.image)
    section, start_va = places.split(span.start_va)
    end_va = max([span.end_va, *(site.end_va for site in sites)])
    return Function(
        name=span.name,
        start_va=start_va,
        end_va=start_va + end_va - span.start_va,
        sites=tuple(
            FunctionSite(
                places.split(site.start_va)[1],
                places.split(site.start_va)[1] + len(site.present),
                site.instruction.class_name,
                site.state.value,
                site.form,
                site.reason,
                reaches.get(site.position, ()),
            )
            for site in sites
        ),
        rows=tuple(_rows(examination, _Reader(examination, symbols), span.start_va, end_va, sites)),
        section=section,
    )


def _rows(
    examination: Examination, reader: _Reader, start_va: int, end_va: int, sites: Sequence[ExaminedSite]
) -> Iterator[CodeRow]:
    va = start_va
    for number, site in enumerate(sites):
        yield from _between(examination, reader, va, site.start_va)
        original = reader.halves(site.original, site.start_va)
        present = [] if site.present == site.original else reader.halves(site.present, site.start_va)
        for one, other in zip_longest(original, present):
            yield CodeRow(one, other, number)
        va = site.end_va
    yield from _between(examination, reader, va, end_va)


def _between(examination: Examination, reader: _Reader, low_va: int, high_va: int) -> Iterator[CodeRow]:
    """Code that is no site: a link leaves it as it is."""
    off = offset_of(examination.table.image.windows, low_va, high_va - low_va)
    if off is not None and high_va > low_va:
        for half in reader.halves(bytes(examination.present[off : off + high_va - low_va]), low_va):
            yield CodeRow(half, None, None)


def _reaches(examination: Examination) -> dict[int, tuple[str, ...]]:
    """What the forms' fixups name in the interface module, by site."""
    if examination.plan is None:
        return {}
    return {
        index: tuple(dict.fromkeys(fixup.symbol.removeprefix(OWN) for fixup in group.fixups))
        for group in examination.plan.groups
        if group.fixups
        for index in group.members
    }
