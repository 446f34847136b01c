"""Where a loader enters an image in another mode than its own: in 32-bit code, which runs before a target's module.

PVH: note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h). Multiboot: a header in the file's first bytes, by its
magic number and a checksum that makes its words' sum zero (Multiboot Specification 0.6.96, 3.1; Multiboot2 2.0, 3.1).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from linker.image.windows import offset_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Half-open ranges of addresses that run in the earlier mode, and who enters them."""

    loader: str
    ranges: tuple[tuple[int, int], ...]

    def holds(self, va: int) -> bool:
        """Whether the code at `va` is of them."""
        return any(start <= va < end for start, end in self.ranges)


def early_code(image: Image, memory: Bytes, entry_va: int, sweep: Sweep) -> list[Early]:
    """All code that loaders enter in the earlier mode."""
    found = []
    for loader, pa in _entries(image, memory, entry_va):
        ranges = sweep.entered_early(lambda at: _read(image, memory, at), pa)
        placed = [(va, va + end - start) for start, end in ranges if (va := _va(image, start)) is not None]
        if placed:
            found.append(Early(loader, tuple(placed)))
    return found


def _entries(image: Image, memory: Bytes, entry_va: int) -> Iterator[tuple[str, int]]:
    for note in image.notes:
        if (note.owner, note.type) == (XEN_OWNER, PHYS32_ENTRY):
            yield "PVH", int.from_bytes(note.descriptor[:8], "little")
    for boot in BOOTS:
        if entry_va and _has_header(memory, boot):
            load = next((one for one in image.loads if one.va <= entry_va < one.va + one.memory_len), None)
            yield boot.name, entry_va if load is None else entry_va - load.va + load.pa


def _has_header(memory: Bytes, boot: Boot) -> bool:
    head, magic = bytes(memory[: boot.within_len]), boot.magic.to_bytes(4, "little")
    layout = struct.Struct(f"<{boot.words}I")
    off = head.find(magic)
    while 0 <= off <= len(head) - layout.size:
        if off % boot.align == 0 and sum(layout.unpack_from(head, off)) % (1 << 32) == 0:
            return True
        off = head.find(magic, off + 1)
    return False


def _va(image: Image, pa: int) -> int | None:
    load = next((one for one in image.loads if one.pa <= pa < one.pa + one.len), None)
    return None if load is None else pa - load.pa + load.va


def _read(image: Image, memory: Bytes, pa: int) -> bytes:
    va = _va(image, pa)
    off = None if va is None else offset_of(image.windows, va, 1)
    return b"" if off is None else bytes(memory[off : off + READ_LEN])
