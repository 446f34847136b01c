"""What a guest must be like for Xen's domain builder (docs/xen.md, docs/xen-ia64.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.requirements import Finding, loaded_by_libelf, named_entry, possible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.hypervisors.requirements import Guest

# Xen's own part of the address space (xen/include/public/arch-x86/xen-x86_64.h, HYPERVISOR_VIRT_START and _END), and
# the end of the lower half; nothing between the halves is canonical.
LOWER_HALF_END_VA = 1 << 47
XEN_VA = 0xFFFF_8000_0000_0000
XEN_END_VA = 0xFFFF_8800_0000_0000


def of_x86_64(guest: Guest) -> Iterator[Finding]:
    """A paravirtualized guest. VIRT_BASE is one number, so all of it is linked as far from where it is loaded."""
    yield from loaded_by_libelf(guest)
    yield from possible(guest)
    yield from named_entry(guest)
    reserve = None if guest.reserve_va is None else guest.load_at(guest.reserve_va)
    # What is linked at 0 is offsets, and its contents a template that the guest copies: Linux's per-CPU data.
    for load in (load for load in guest.loads if load.va != 0):
        if load.va < XEN_END_VA and load.end_va > LOWER_HALF_END_VA:
            yield Finding(
                "Xen gives a guest no such address",
                where=str(load),
                found=f"{load.va:#x}..{load.end_va:#x}",
                expected=f"below {LOWER_HALF_END_VA:#x}, or at {XEN_END_VA:#x} and above",
                advice="link the guest elsewhere",
            )
        if load.pa > load.va:
            yield Finding(
                "the segment is loaded above the address that it is linked at",
                where=str(load),
                found=f"physical address {load.pa:#x}",
                expected=f"at most {load.va:#x}",
                advice="set its load address (AT) in the linker script",
            )
        if reserve is not None and load.va - load.pa != reserve.va - reserve.pa:
            yield Finding(
                "Xen maps all of a guest at one distance from where it is loaded",
                where=str(load),
                found=f"virtual minus physical address {load.va - load.pa:#x}",
                expected=f"{reserve.va - reserve.pa:#x}, as the reserve's",
                advice="link and load all segments at one distance, the boot code too (as Linux's startup_64)",
            )


def of_ia64(guest: Guest) -> Iterator[Finding]:
    """A guest of Xen 4.1 and older."""
    yield from loaded_by_libelf(guest)
    yield from possible(guest)
