"""What a guest must be like to be a process of Linux (docs/lol.md, docs/machine.md, docs/lol-ia64.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.requirements import (
    Finding,
    entered_where_linked,
    executable,
    inside,
    named_entry,
    possible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.hypervisors.requirements import Guest

MMAP_MIN_VA = 0x10000  # default of the host's vm.mmap_min_addr
WINDOW_VA = 0x7F00_0000_0000  # GUEST_END_VA of src-x86_64/host_abi.h: here the module sees the guest's memory
MAX_MEMORY_LEN = 16 << 30  # MAX_MEMORY there
WINDOW_END_VA_I386 = 0xF000_0000  # of src-i386/host_abi.h: the guest's memory, 1 GiB at most, ends here
MAX_MEMORY_LEN_I386 = 1 << 30
MIN_MEMORY_LEN = 16 << 20
DEFAULT_MEMORY_LEN = 64 << 20
PROCESS = "a process of Linux"
PROCESS_ADVICE = "link the guest inside that range (Linux: docs/linux-low.md); it may map and use others at run time"


def of_x86_64(guest: Guest) -> Iterator[Finding]:
    """A 64-bit process."""
    yield from executable(guest)
    yield from inside(guest, MMAP_MIN_VA, WINDOW_VA, PROCESS, PROCESS_ADVICE)
    yield from possible(guest)
    yield from named_entry(guest)
    yield from entered_where_linked(guest, guest.entry_va, MAX_MEMORY_LEN)
    yield from _memory(guest, MAX_MEMORY_LEN)


def of_i386(guest: Guest) -> Iterator[Finding]:
    """A 32-bit process, entered at its ELF entry."""
    yield from executable(guest)
    yield from inside(guest, MMAP_MIN_VA, WINDOW_END_VA_I386 - MIN_MEMORY_LEN, PROCESS, PROCESS_ADVICE)
    yield from possible(guest)
    yield from entered_where_linked(guest, guest.image_entry_va)
    yield from _memory(guest, MAX_MEMORY_LEN_I386)


def of_ia64(guest: Guest) -> Iterator[Finding]:
    """A process of Linux/ia64."""
    yield from executable(guest)
    yield from possible(guest)


def _memory(guest: Guest, max_len: int) -> Iterator[Finding]:
    """The guest's memory is one piece from physical address 0. The module's own segments are not in it."""
    for load in (load for load in guest.loads if not load.is_module):
        end_pa = load.pa + load.memory_len
        if end_pa > max_len:
            yield Finding(
                "the guest needs more memory than a guest can have here",
                where=str(load),
                found=f"physical addresses up to {end_pa:#x}",
                expected=f"up to {max_len:#x}",
                advice="link it for lower physical addresses",
            )
        elif end_pa > DEFAULT_MEMORY_LEN:
            yield Finding(
                f"the image alone needs {end_pa + (1 << 20) - 1 >> 20} MiB of memory: run it with -m",
                where=str(load),
                is_fatal=False,
            )
