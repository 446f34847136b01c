"""Where a loaded guest's segments stand in a buffer: the load maps that `link_buffer` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.windows import Window

if TYPE_CHECKING:
    from linker.table.guest import GuestTable


def file_map(table: GuestTable) -> list[Window]:
    """For a buffer that holds the ELF file itself: each segment at its offset in the file."""
    return list(table.image.windows)


def physical_map(table: GuestTable, base_pa: int = 0) -> list[Window]:
    """For guest memory whose first byte has the physical address `base_pa`: each segment at its `p_paddr`.

    This is where a boot loader puts a kernel that it does not relocate. LinkError for a segment below `base_pa`.
    """
    windows = []
    for load in table.image.loads:
        if load.pa < base_pa:
            raise LinkError(
                "segment lies below the memory given",
                where=f"{load.va:#x}",
                found=f"physical address {load.pa:#x}",
                expected=f"{base_pa:#x} or more",
            )
        if load.len:
            windows.append(Window(load.va, load.len, load.pa - base_pa))
    return windows
