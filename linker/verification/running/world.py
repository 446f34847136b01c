"""Where everything stands while sites run: the image as its headers say, and above it scratch memory for operands.

    physical  [ the image at its p_paddr ...          | page tables | scratch ]
    virtual   [ the image at its p_vaddr ]  [ the same scratch at SCRATCH_VA ]

scratch, by offset:
    GDT_OFF, GDT_OTHER_OFF   the same descriptor table twice, so that lgdt has something to change
    IDT_OFF, IDT_OTHER_OFF   256 gates, likewise; gate N leads to LANDING_OFF + 16 N
    TASK_OFF, LDT_OFF        a task state segment, a local descriptor table
    TARGET_OFF               where transfers go
    DATA_OFF                 memory operands
    STACK_OFF                the stack grows down from its middle
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

from linker.errors import LinkError

if TYPE_CHECKING:
    from linker.image.read import Segment
    from linker.verification.image import BoundImage

PAGE_LEN, LARGE_LEN = 4096, 1 << 21
LEAST_RAM_LEN, MOST_RAM_LEN = 64 << 20, 1 << 30
TABLES_LEN = 4 << 20
SCRATCH_LEN = 0x20000
SCRATCH_VAS = (0x60000000, 0x30000000, 0x70000000, 0x10000000)
GDT_OFF, GDT_OTHER_OFF, TASK_OFF, LDT_OFF = 0x000, 0x200, 0x400, 0x600
IDT_OFF, IDT_OTHER_OFF, LANDING_OFF, TARGET_OFF = 0x1000, 0x2000, 0x4000, 0x5000
DATA_OFF, DATA_LEN = 0x6000, 0x2000
STACK_OFF, STACK_END_OFF, STACK_MIDDLE_OFF = 0x10000, 0x18000, 0x14000
USER_STACK_OFF = 0x19000

# Selectors of the descriptors below.
CODE, DATA, USER_DATA, USER_CODE, BASED_DATA, LDT, TASK, CONFORMING = 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x40, 0x50
BASED_DATA_BASE = 0x00345000
GATE_COUNT = 256

PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE = 1, 2, 4, 0x20, 0x40, 0x80
LEAF = PRESENT | WRITABLE | USER | ACCESSED | DIRTY
ADDRESS_MASK = 0x000FFFFFFFFFF000


def _unfit(what: str, found: str, expected: str) -> LinkError:
    return LinkError(
        f"the emulator cannot hold the image: {what}", found=found, expected=expected, advice="--no-run leaves it out"
    )


def descriptor(access: int, flags: int, base: int = 0, limit: int = 0xFFFFF) -> bytes:
    """A segment descriptor (Intel SDM vol. 3, 3.4.5): access byte, and the nibble G D/B L AVL."""
    return struct.pack(
        "<HHBBBB", limit & 0xFFFF, base & 0xFFFF, base >> 16 & 0xFF, access, flags << 4 | limit >> 16, base >> 24 & 0xFF
    )


class PageTables:
    """4-level tables in physical memory, made page by page (Intel SDM vol. 3, 4.5)."""

    def __init__(self, memory: mmap.mmap | bytearray, first_pa: int, end_pa: int, memory_pa: int = 0) -> None:
        """Tables take pages from `first_pa` on; `memory` holds physical memory from `memory_pa` on."""
        self._memory, self._memory_pa, self._end_pa = memory, memory_pa, end_pa
        self._free_pa = first_pa
        self.root_pa = self._take()

    def _take(self) -> int:
        if self._free_pa + PAGE_LEN > self._end_pa:
            raise _unfit("no room for page tables", "segments far apart", "segments that few tables map")
        taken = self._free_pa
        self._free_pa += PAGE_LEN
        self._memory[taken - self._memory_pa : self._free_pa - self._memory_pa] = bytes(PAGE_LEN)
        return taken

    def map(self, va: int, pa: int, length: int, *, large_pages: bool = False) -> None:
        """Map whole pages; large ones, if wanted, where both addresses allow: they cannot be mapped again in parts."""
        end = va + length
        while va < end:
            large = large_pages and not va % LARGE_LEN and not pa % LARGE_LEN and end - va >= LARGE_LEN
            table = self.root_pa
            for level in (3, 2) if large else (3, 2, 1):
                at = table - self._memory_pa + 8 * (va >> 12 + 9 * level & 511)
                entry = int.from_bytes(self._memory[at : at + 8], "little")
                if not entry & PRESENT:
                    entry = self._take() | PRESENT | WRITABLE | USER | ACCESSED
                    self._memory[at : at + 8] = entry.to_bytes(8, "little")
                table = entry & ADDRESS_MASK
            level, step_len = (1, LARGE_LEN) if large else (0, PAGE_LEN)
            at = table - self._memory_pa + 8 * (va >> 12 + 9 * level & 511)
            self._memory[at : at + 8] = (pa | LEAF | (LARGE if large else 0)).to_bytes(8, "little")
            va, pa = va + step_len, pa + step_len


class WorldArea:
    """Guest memory at `va` that stands at `pa`; `shadow` is what the model thinks is there."""

    def __init__(self, va: int, pa: int, contents: bytes) -> None:
        self.va, self.pa, self.end_va = va, pa, va + len(contents)
        self.shadow = bytearray(contents)


class World:
    """Physical memory with the image and scratch, and the model's view of it."""

    def __init__(self, image: BoundImage) -> None:
        """LinkError when the emulator cannot hold the image."""
        self.image = image
        self.loads = [load for load in image.examination.table.image.loads if load.memory_len]
        top_pa = max(load.pa + load.memory_len for load in self.loads)
        top_pa += -top_pa % LARGE_LEN + 2 * LARGE_LEN + TABLES_LEN
        self.ram_len = max(top_pa, LEAST_RAM_LEN)
        if self.ram_len > MOST_RAM_LEN:
            raise _unfit("physical addresses reach too high", f"{self.ram_len:#x}", f"at most {MOST_RAM_LEN:#x}")
        self.ram = mmap.mmap(-1, self.ram_len)
        self.scratch_pa = self.ram_len - LARGE_LEN
        free = [va for va in SCRATCH_VAS if not self._is_taken(va)]
        if not free:
            raise _unfit("no room for operands", "all addresses tried taken", f"room at {SCRATCH_VAS[0]:#x}")
        self.scratch_va = free[0]
        self.areas = [self._load(load) for load in self.loads]
        self.scratch = WorldArea(self.scratch_va, self.scratch_pa, self._scratch_contents())
        self.areas.append(self.scratch)
        self.ram[self.scratch_pa : self.scratch_pa + SCRATCH_LEN] = bytes(self.scratch.shadow)
        self.tables = PageTables(self.ram, self.scratch_pa - TABLES_LEN, self.scratch_pa)
        for load in self.loads:
            first_va, end_va = load.va & -PAGE_LEN, load.va + load.memory_len
            self.tables.map(first_va, load.pa & -PAGE_LEN, end_va - first_va)
        self.tables.map(self.scratch_va, self.scratch_pa, SCRATCH_LEN)
        self.touched: list[tuple[int, int]] = []

    def _is_taken(self, va: int) -> bool:
        return any(load.va < va + SCRATCH_LEN and va < load.va + load.memory_len for load in self.loads)

    def _load(self, load: Segment) -> WorldArea:
        contents = bytes(self.image.examination.present[load.off : load.off + load.len]).ljust(load.memory_len, b"\0")
        self.ram[load.pa : load.pa + load.memory_len] = contents
        return WorldArea(load.va, load.pa, contents)

    def at(self, off: int) -> int:
        """Virtual address of an offset of the scratch memory."""
        return self.scratch_va + off

    def _scratch_contents(self) -> bytes:
        contents = bytearray(SCRATCH_LEN)
        gdt = b"".join(
            (
                bytes(8),
                descriptor(0x9B, 0xA),  # code, level 0, 64 bits, accessed
                descriptor(0x93, 0xC),  # data
                descriptor(0xF3, 0xC),  # data, level 3
                descriptor(0xFB, 0xA),  # code, level 3
                descriptor(0x93, 0xC, BASED_DATA_BASE, 0x54321),
                descriptor(0x82, 0, self.at(LDT_OFF), 0x17) + bytes(8),
                descriptor(0x89, 0, self.at(TASK_OFF), 0x67) + bytes(8),
                descriptor(0x9F, 0xA),  # conforming code
            )
        )
        self.gdt_limit = len(gdt) - 1
        for off in (GDT_OFF, GDT_OTHER_OFF):
            contents[off : off + len(gdt)] = gdt
        contents[LDT_OFF : LDT_OFF + 24] = bytes(8) + descriptor(0x93, 0xC) + descriptor(0xF1, 0x4, limit=0x123)
        for vector in range(GATE_COUNT):
            rip = self.at(LANDING_OFF) + 16 * vector
            low = rip & 0xFFFF | CODE << 16 | 0x8E << 40 | (rip >> 16 & 0xFFFF) << 48
            if vector % 2:
                low |= 0x6000 << 32 | 1 << 40  # a trap gate that every level may use
            gate = struct.pack("<QQ", low, rip >> 32)
            for off in (IDT_OFF, IDT_OTHER_OFF):
                contents[off + 16 * vector : off + 16 * vector + 16] = gate
        contents[LANDING_OFF : LANDING_OFF + 0x2000] = b"\xcc" * 0x2000
        return bytes(contents)

    # ---- the model's memory ----

    def _area(self, va: int, length: int) -> WorldArea:
        for area in self.areas:
            if area.va <= va and va + length <= area.end_va:
                return area
        raise LookupError(f"{va:#x}")

    def is_mapped(self, va: int, length: int) -> bool:
        """Whether a trial may use these bytes."""
        return any(area.va <= va and va + length <= area.end_va for area in self.areas)

    def read(self, va: int, length: int) -> bytes:
        """What the model has there."""
        area = self._area(va, length)
        return bytes(area.shadow[va - area.va : va - area.va + length])

    def write(self, va: int, data: bytes) -> None:
        """The model stores."""
        area = self._area(va, len(data))
        area.shadow[va - area.va : va - area.va + len(data)] = data
        self.touched.append((va, va + len(data)))

    def put(self, va: int, data: bytes) -> None:
        """Before a trial: both the model's memory and the machine's."""
        area = self._area(va, len(data))
        area.shadow[va - area.va : va - area.va + len(data)] = data
        pa = va - area.va + area.pa
        self.ram[pa : pa + len(data)] = data

    def real(self, va: int, length: int) -> bytes:
        """What the machine has there."""
        area = self._area(va, length)
        pa = va - area.va + area.pa
        return bytes(self.ram[pa : pa + length])
