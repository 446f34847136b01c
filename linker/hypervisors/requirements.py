"""What a target asks of a guest before its sites are bound: what a requirement is, and those that targets share.

`Binding.requirements` of a target yields a `Finding` for each thing that does not hold; `linker/plan/check_target.py`
makes errors and warnings of them. Each target's own list is in its folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE_LEN = 4096
GAP_LEN = 1 << 20
LARGE_LEN = 64 << 30
VIRTUAL_END = 1 << 64
PHYSICAL_END = 1 << 52  # Intel SDM vol. 3, 4.1.4: MAXPHYADDR is at most 52
FLAGS_RWX = 7


class Finding(NamedTuple):
    """Something that a guest lacks, in the parts of a LinkError. Not `is_fatal`: the guest may know better."""

    what: str
    where: str = ""
    found: str = ""
    expected: str = ""
    advice: str = ""
    is_fatal: bool = True


class Load(NamedTuple):
    """A PT_LOAD: `memory_len` bytes at `va`, loaded at `pa`. `is_module`: the linker added it to an image that grew."""

    va: int
    pa: int
    memory_len: int
    flags: int
    is_module: bool = False

    def __str__(self) -> str:
        return f"segment at {self.va:#x}"

    @property
    def end_va(self) -> int:
        """The address behind it."""
        return self.va + self.memory_len

    def holds(self, va: int) -> bool:
        """Whether `va` is in it."""
        return self.va <= va < self.end_va


class Guest(NamedTuple):
    """An image as a target sees it.

    loads            PT_LOADs with memory, by address
    entry_va         its 64-bit entry as the reserve names it, 0: none
    image_entry_va   its ELF entry, before it was bound
    reserve_va       of the reserve's text part, None without one
    notes_va         where its mapped notes begin and end, None without any
    is_relocatable   ET_DYN: may be loaded elsewhere than it is linked
    has_interpreter  PT_INTERP
    """

    loads: Sequence[Load]
    entry_va: int
    image_entry_va: int
    reserve_va: int | None
    notes_va: tuple[int, int] | None
    is_relocatable: bool
    has_interpreter: bool

    def load_at(self, va: int) -> Load | None:
        """The segment that holds `va`."""
        return next((load for load in self.loads if load.holds(va)), None)


def possible(guest: Guest) -> Iterator[Finding]:
    """Asked by every target: addresses that exist, and notes that are where the rest is."""
    for load in guest.loads:
        for what, start, end in (("virtual", load.va, VIRTUAL_END), ("physical", load.pa, PHYSICAL_END)):
            if start + load.memory_len > end:
                yield Finding(
                    f"no machine has such {what} addresses",
                    where=str(load),
                    found=f"{start:#x}, {load.memory_len:#x} bytes",
                    expected=f"an end up to {end:#x}",
                    advice="give the segment a load address (AT) in the linker script",
                    is_fatal=end == VIRTUAL_END,  # whoever loads it may go by other addresses
                )
        if load.memory_len > LARGE_LEN:
            yield Finding(
                f"the guest needs {load.memory_len >> 30} GiB of memory for one segment",
                where=str(load),
                advice="its p_memsz may be damaged",
                is_fatal=False,
            )
    yield from _notes_beside_the_rest(guest)


def _notes_beside_the_rest(guest: Guest) -> Iterator[Finding]:
    """A linker script that does not name `.note.afterburn` lets the linker put it anywhere: an orphan section."""
    advice = "name .note.afterburn in the linker script, beside .rodata"
    note = None if guest.notes_va is None else guest.load_at(guest.notes_va[0])
    beside = None if guest.reserve_va is None else guest.load_at(guest.reserve_va)
    if note is None or beside is None or guest.notes_va is None or note == beside:
        return
    if note.va - note.pa != beside.va - beside.pa:
        yield Finding(
            "the notes are loaded elsewhere than the rest",
            where=f"{guest.notes_va[0]:#x}",
            found=f"physical address {note.pa:#x}",
            expected=f"{note.va - beside.va + beside.pa:#x}, as far from the virtual one as the reserve's",
            advice=advice,
            is_fatal=False,
        )
        return
    if note.memory_len > guest.notes_va[1] - guest.notes_va[0] + PAGE_LEN:
        return
    others = [load for load in guest.loads if load != note]
    gap_len = min((max(load.pa - note.pa, note.pa - load.pa - load.memory_len) for load in others), default=0)
    if gap_len > GAP_LEN:
        yield Finding(
            "the notes stand alone, far from the rest: a flat binary of this image has as many bytes between them",
            where=f"{guest.notes_va[0]:#x}",
            found=f"a gap of {gap_len:#x} bytes",
            advice=advice,
            is_fatal=False,
        )


def named_entry(guest: Guest) -> Iterator[Finding]:
    """The module enters the guest in 64-bit mode: it must know where."""
    if not guest.entry_va:
        yield Finding(
            "the image names no 64-bit entry",
            where="note RESERVE",
            expected="the address of startup_64 (docs/machine.md)",
            advice="define that symbol, or compile the reserve with -DPREVIRT_ENTRY=symbol",
        )
    elif guest.load_at(guest.entry_va) is None:
        yield Finding(
            "the guest's 64-bit entry is in no segment",
            where="note RESERVE",
            found=f"{guest.entry_va:#x}",
            expected="an address inside a PT_LOAD",
            advice="link the guest again with the reserve object",
        )


def inside(guest: Guest, low_va: int, high_va: int, whose: str, advice: str) -> Iterator[Finding]:
    """Every segment must lie in the half-open range that `whose` says."""
    for load in guest.loads:
        if not low_va <= load.va <= load.end_va <= high_va:
            yield Finding(
                f"{whose} has no such address",
                where=str(load),
                found=f"{load.va:#x}..{load.end_va:#x}",
                expected=f"{low_va:#x}..{high_va:#x}",
                advice=advice,
            )


def entered_where_linked(guest: Guest, entry_va: int, above_len: int | None = None) -> Iterator[Finding]:
    """Memory is loaded by physical addresses, and one to one when the guest starts: there its entry must be. With a
    module that follows a guest to where it is linked, it may also be `above_len` above that, or more.
    """
    load = guest.load_at(entry_va)
    if load is not None and above_len is not None and load.va - load.pa >= above_len:
        return
    if load is not None and load.va != load.pa:
        yield Finding(
            "the guest is entered where memory is mapped one to one, but its entry is linked at another address",
            where=f"entry {entry_va:#x}",
            found=f"virtual address {load.va:#x}, physical address {load.pa:#x}",
            expected="the same" + (f", or {above_len:#x} above it or more" if above_len is not None else ""),
            advice="put the entry into a section of its own with equal addresses that maps the rest and jumps there",
        )


def executable(guest: Guest) -> Iterator[Finding]:
    """The host's execve makes the process: it wants what it can load by itself, where it is linked."""
    if guest.has_interpreter:
        yield Finding(
            "a guest with an interpreter cannot be a process: the host would start that",
            where="PT_INTERP",
            expected="no such segment",
            advice="link with --no-dynamic-linker, or leave .interp out of the segments",
        )
    if guest.is_relocatable:
        yield Finding(
            "the host loads a position-independent image at an address of its own choice",
            found="ET_DYN",
            expected="ET_EXEC",
            advice="link with -no-pie",
        )


def loaded_by_libelf(guest: Guest) -> Iterator[Finding]:
    """Xen's libelf passes over a PT_LOAD without flags (xen/common/libelf/libelf-tools.c, elf_phdr_is_loadable)."""
    for load in guest.loads:
        if not load.flags & FLAGS_RWX:
            yield Finding(
                "Xen does not load a segment that may not be read, written or executed",
                where=str(load),
                found="p_flags 0",
                expected="PF_R at least",
                advice="say FLAGS(4) in PHDRS of the linker script",
            )
