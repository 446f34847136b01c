"""What an image is: who annotated it, what it is bound to, where it starts, what its reserve holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from linker.image.read import ENTRY_OFF
from linker.image.windows import offset_of
from linker.quick.tuples import NamedTuple
from linker.sites import formats
from linker.table.read import parse_bound, parse_descriptor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linker.bind.examine import Examination
    from linker.inspection.names import SiteNames

ORIGINAL_FORMAT = "original L4Ka"


class ReserveFacts(NamedTuple):
    """A part of the reserve: how much of it is in use, counted up to the last byte that is not filler."""

    part: str
    va: int
    len: int
    used_len: int


class Facts(NamedTuple):
    """An image in a few words.

    file          as named by the user; file_len in bytes
    format        "version 1" or the original afterburner's
    producer      what annotated it, as the ANNOTATION note says; empty where there is none
    target        what it is bound to, empty for an annotated original
    module_abi    of its interface module, as the BOUND note says; without a note, of the module that the sites' forms
                  are for; 0 without a module
    is_grown      the linker added the reserve to the file
    entry_va      where it starts; guest_entry_va: where the annotated original does
    entry, guest_entry   the same by symbol and section
    sites         of live code; dropped: records of code the guest's linker threw away
    states        what the sites' bytes are (`SiteState`) -> number
    room_len      bytes of all sites, their instructions' own included; code_len: of those alone
    left_tables   sub-sections of the original format that are not bound
    """

    file: str
    file_len: int
    architecture: str
    format: str
    producer: str
    target: str
    module_abi: int
    is_grown: bool
    entry_va: int
    entry: str
    guest_entry_va: int
    guest_entry: str
    sites: int
    dropped: int
    states: Mapping[str, int]
    room_len: int
    code_len: int
    reserve: tuple[ReserveFacts, ...]
    left_tables: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return {**self._asdict(), "reserve": [part._asdict() for part in self.reserve]}


def facts_of(examination: Examination, names: SiteNames) -> Facts:
    """Gather them."""
    table, sites, present, plan = examination.table, examination.sites, examination.present, examination.plan
    said, note = _annotation_note(examination), table.annotations.bound_note
    guest_entry_va = table.image.entry_va
    entry_va = int.from_bytes(present[ENTRY_OFF : ENTRY_OFF + table.image.word_len], "little")
    bound = parse_bound(bytes(present[note.off : note.off + len(note.descriptor)])) if note else None
    return Facts(
        file=str(examination.path),
        file_len=len(examination.present),
        architecture=table.codec.name,
        format=f"version {said.version}" if said else ORIGINAL_FORMAT,
        producer=str(said.producer) if said else "",
        target=examination.target,
        module_abi=bound.module_abi if bound else plan.module_abi if plan else 0,
        is_grown=examination.is_grown,
        entry_va=entry_va,
        entry=_where(examination, names, entry_va),
        guest_entry_va=guest_entry_va,
        guest_entry=_where(examination, names, guest_entry_va),
        sites=len(sites),
        dropped=table.annotations.dropped,
        states=dict(Counter(site.state.value for site in sites)),
        room_len=sum(len(site.original) for site in sites),
        code_len=sum(site.instruction.length for site in sites),
        reserve=_reserve(examination),
        left_tables=table.annotations.left_tables,
    )


def _annotation_note(examination: Examination) -> formats.Parsed | None:
    for note in examination.table.image.notes:
        if (note.owner, note.type) == (formats.NOTE_OWNER, formats.NT_ANNOTATION):
            return parse_descriptor(formats.NOTE_ANNOTATION, note.descriptor, "ANNOTATION")
    return None


def _where(examination: Examination, names: SiteNames, va: int) -> str:
    section = next((s for s in examination.table.image.sections if s.is_code and s.va <= va < s.end_va), None)
    return " in ".join(part for part in (names.at(va), section.name if section else "") if part)


def _reserve(examination: Examination) -> tuple[ReserveFacts, ...]:
    reserve, codec = examination.table.annotations.reserve, examination.table.codec
    if reserve is None:
        return ()
    parts = []
    for part, va, length, fill_of in (
        ("text", reserve.text_va, reserve.text_len, codec.trap_fill),
        ("data", reserve.data_va, reserve.data_len, bytes),
    ):
        off = offset_of(examination.table.image.windows, va, length)
        held = b"" if off is None else bytes(examination.present[off : off + length])
        parts.append(ReserveFacts(part, va, length, _used_len(held, fill_of(len(held)))))
    return tuple(parts)


def _used_len(held: bytes, filler: bytes) -> int:
    """Bytes up to the last that differs from the filler: bisection, because what is equal from there on stays so."""
    low, high = 0, len(held)
    while low < high:
        middle = (low + high) // 2
        if held[middle:] == filler[middle : len(held)]:
            high = middle
        else:
            low = middle + 1
    return low
