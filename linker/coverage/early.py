"""Where a loader enters an image in another mode than its own: in 32-bit code, which runs before a target's module.

PVH: note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h). Multiboot: a header in the file's first bytes, by its
magic number and a checksum that makes its words' sum zero (Multiboot Specification 0.6.96, 3.1; Multiboot2 2.0, 3.1).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from linker.image.read import Image
    from linker.image.windows import Bytes
    from linker.sites.codec import Sweep

XEN_OWNER, PHYS32_ENTRY = "Xen", 18
READ_LEN = 16


class Boot(NamedTuple):
    """A loader's header: magic number, words that sum up to zero, step and farthest byte of the search."""

    name: str
    magic: int
    words: int
    align: int
    within_len: int


BOOTS = (Boot("Multiboot", 0x1BADB002, 3, 4, 8192), Boot("Multiboot2", 0xE85250D6, 4, 8, 32768))


class Early(NamedTuple):
    """Half-open ranges of addresses, sorted, that run in the earlier mode, and who enters them."""

    loader: str
    ranges: tuple[tuple[int, int], ...]

    def holds(self, va: int) -> bool:
        """Whether the code at `va` is of them."""
        index = bisect_right(self.ranges, (va, 1 << 64)) - 1
        return index >= 0 and va < self.ranges[index][1]


class _Physical:
    """Where physical addresses are: in the guest's memory and in the file."""

    def __init__(self, image: Image, memory: Bytes) -> None:
        self._memory = memory
        self._loads = sorted((load.pa, load.len, load.va, load.off) for load in image.loads if load.len)

    def _load(self, pa: int) -> tuple[int, int, int, int] | None:
        index = bisect_right(self._loads, (pa, 1 << 64, 0, 0)) - 1
        return self._loads[index] if index >= 0 and pa < self._loads[index][0] + self._loads[index][1] else None

    def va(self, pa: int) -> int | None:
        """The virtual address, None where nothing is loaded."""
        load = self._load(pa)
        return None if load is None else pa - load[0] + load[2]

    def read(self, pa: int) -> bytes:
        """A longest instruction, less at the end of a segment; empty where nothing is loaded."""
        load = self._load(pa)
        if load is None:
            return b""
        off = pa - load[0] + load[3]
        return bytes(self._memory[off : min(off + READ_LEN, load[3] + load[1])])


def early_code(image: Image, memory: Bytes, entry_va: int, sweep: Sweep) -> list[Early]:
    """All code that loaders enter in the earlier mode."""
    physical = _Physical(image, memory)
    found = []
    for loader, pa in _entries(image, memory, entry_va).items():
        ranges = sweep.entered_early(physical.read, pa)
        placed = [(va, va + end - start) for start, end in ranges if (va := physical.va(start)) is not None]
        if placed:
            found.append(Early(loader, tuple(sorted(placed))))
    return found


def _entries(image: Image, memory: Bytes, entry_va: int) -> dict[str, int]:
    """Loader -> the physical address that it enters at; of several notes the last, as Xen reads them."""
    found = {}
    for note in image.notes:
        if (note.owner, note.type) == (XEN_OWNER, PHYS32_ENTRY):
            found["PVH"] = int.from_bytes(note.descriptor[:8], "little")
    for boot in BOOTS:
        if entry_va and _has_header(memory, boot):
            load = next((one for one in image.loads if one.va <= entry_va < one.va + one.memory_len), None)
            found[boot.name] = entry_va if load is None else entry_va - load.va + load.pa
    return found


def _has_header(memory: Bytes, boot: Boot) -> bool:
    head, magic = bytes(memory[: boot.within_len]), boot.magic.to_bytes(4, "little")
    layout = struct.Struct(f"<{boot.words}I")
    off = head.find(magic)
    while 0 <= off <= len(head) - layout.size:
        if off % boot.align == 0 and sum(layout.unpack_from(head, off)) % (1 << 32) == 0:
            return True
        off = head.find(magic, off + 1)
    return False
