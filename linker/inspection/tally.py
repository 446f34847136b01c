"""Sites counted: by operation class, by section, by function."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from linker.image.places import Places
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.bind.examine import Examination, ExaminedSite
    from linker.image.read import Image, Section
    from linker.image.symbols import Span, Symbols


class Tally(NamedTuple):
    """Sites of one class, section or function.

    va, len      of the section or function; 0 for a class. In an object `va` is an offset in `section`
    room_len     bytes of the sites, padding_len: of these the padding around the original instruction
    forms        form -> number; empty for an image that is not bound
    """

    name: str
    va: int
    len: int
    sites: int
    room_len: int
    padding_len: int
    forms: Mapping[str, int]
    section: str = ""

    @property
    def padding_share(self) -> float:
        """Padding in a function or section, of all its bytes."""
        return self.padding_len / self.len if self.len else 0.0

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return self._asdict()


def _tally(name: str, va: int, length: int, sites: Sequence[ExaminedSite]) -> Tally:
    room_len = sum(len(site.original) for site in sites)
    return Tally(
        name=name,
        va=va,
        len=length,
        sites=len(sites),
        room_len=room_len,
        padding_len=room_len - sum(site.instruction.length for site in sites),
        forms=dict(sorted(Counter(site.form for site in sites if site.form).items())),
    )


def by_class(examination: Examination) -> list[Tally]:
    """One a class, the most frequent first."""
    found: defaultdict[str, list[ExaminedSite]] = defaultdict(list)
    for site in examination.sites:
        found[site.instruction.class_name].append(site)
    tallies = [_tally(name, 0, 0, sites) for name, sites in found.items()]
    return sorted(tallies, key=lambda tally: (-tally.sites, tally.name))


def code_sections(image: Image) -> list[Section]:
    """What is mapped, executable and in the file, by address; of sections that lie over each other the first."""
    found: list[Section] = []
    for section in sorted((s for s in image.sections if s.is_code and s.len), key=lambda section: section.va):
        if not found or section.va >= found[-1].end_va:
            found.append(section)
    return found


def by_section(examination: Examination) -> list[Tally]:
    """One a section with sites, by address."""
    places = Places(examination.table.image)
    sections = code_sections(examination.table.image)
    starts = [section.va for section in sections]
    tallies = []
    for index, sites in groupby(examination.sites, key=lambda site: bisect_right(starts, site.start_va) - 1):
        section = sections[index]
        tallies.append(_placed(places, _tally(section.name, section.va, section.len, list(sites))))
    return tallies


def functions(image: Image, symbols: Symbols) -> list[Span]:
    """The symbols of the code sections, disjoint and by address."""
    return [span for section in code_sections(image) for span in symbols.spans(section.va, section.end_va)]


def by_function(examination: Examination, spans: Sequence[Span]) -> list[Tally]:
    """One a function with sites, the most padded first. Sites behind the last symbol's size still count as its own."""
    places = Places(examination.table.image)
    starts = [span.start_va for span in spans]
    tallies = []
    for index, group in groupby(examination.sites, key=lambda site: bisect_right(starts, site.start_va) - 1):
        sites = list(group)
        if index < 0:
            tallies.append(_tally("", sites[0].start_va, 0, sites))
        else:
            span = spans[index]
            end_va = max(span.end_va, sites[-1].end_va)
            tallies.append(_tally(span.name, span.start_va, end_va - span.start_va, sites))
    return [_placed(places, tally) for tally in sorted(tallies, key=lambda tally: (-tally.padding_len, tally.va))]


def _placed(places: Places, tally: Tally) -> Tally:
    section, va = places.split(tally.va)
    return tally._replace(section=section, va=va)
