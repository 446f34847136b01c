"""The process's memory: areas, pages, page faults, and the kernel's own accesses to it.

Source: Linux 6.1, mm/mmap.c, mm/mprotect.c, arch/ia64/kernel/sys_ia64.c, arch/ia64/mm/{fault,init}.c.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simulator.monitors.linux import abi
from simulator.tlb import Translation, offset_in_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.machine import Machine

RIGHTS = {0: None, 1: 0, 2: 2, 3: 2, 4: 7, 5: 1, 6: 3, 7: 3}
"""TLB.ar by PROT_ bits (arch/ia64/mm/init.c, protection_map, after copying on write), None for no access."""


class LinuxError(Exception):
    """What a system call fails with: number is the errno."""

    def __init__(self, number: int) -> None:
        super().__init__(f"errno {number}")
        self.number = number


class Frames:
    """Page frames of the machine's memory."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._free = list(range(machine.memory.size_len - abi.PAGE_LEN, 0, -abi.PAGE_LEN))

    def take(self) -> int:
        """Return the physical address of a frame of zeros. Raises LinuxError where memory is full."""
        if not self._free:
            raise LinuxError(abi.ENOMEM)
        pa = self._free.pop()
        self._machine.memory.load(pa, bytes(abi.PAGE_LEN))
        return pa

    def load(self, pa: int, data: bytes) -> None:
        """Write bytes of a frame."""
        self._machine.memory.load(pa, data)

    def give_back(self, pa: int) -> None:
        """Free a frame, and what was translated from it."""
        for page_pa in range(pa, pa + abi.PAGE_LEN, 4096):
            self._machine.forget_page(page_pa)
        self._free.append(pa)


@dataclass
class Backing:
    """Pages by number: an anonymous area's, or a memory file's. size_len: of the file; None for an anonymous area."""

    frames: Frames
    pages: dict[int, int] = field(default_factory=dict)
    size_len: int | None = None

    def page(self, number: int) -> int | None:
        """Return the physical address of a page, making it if need be; None behind the end of the file."""
        if self.size_len is not None and number << abi.PAGE_SHIFT >= self.size_len:
            return None
        if number not in self.pages:
            self.pages[number] = self.frames.take()
        return self.pages[number]

    def store(self, offset: int, data: bytes) -> None:
        """Write bytes of a file."""
        done = 0
        while done < len(data):
            in_page = offset + done & abi.PAGE_LEN - 1
            piece = data[done : done + abi.PAGE_LEN - in_page]
            pa = self.page(offset + done >> abi.PAGE_SHIFT)
            assert pa is not None
            self.frames.load(pa + in_page, piece)
            done += len(piece)

    def drop(self, first: int, last: int) -> None:
        """Free the pages first <= number < last."""
        for number in [number for number in self.pages if first <= number < last]:
            self.frames.give_back(self.pages.pop(number))


@dataclass(frozen=True)
class MappedArea:
    """A range of addresses [start, end) with one protection. first_page: of the backing, at start."""

    start: int
    end: int
    prot: int
    backing: Backing
    first_page: int
    shared: bool = False
    grows: int = 0  # -1: down (the stack), 1: up (the register backing store)

    def page_of(self, va: int) -> int | None:
        """Return the physical address of the page at an address of the area."""
        return self.backing.page(self.first_page + (va - self.start >> abi.PAGE_SHIFT))

    def part(self, start: int, end: int) -> MappedArea:
        """Return the area cut down to a range."""
        return replace(self, start=start, end=end, first_page=self.first_page + (start - self.start >> abi.PAGE_SHIFT))


def _page_up(value: int) -> int:
    return value + abi.PAGE_LEN - 1 & -abi.PAGE_LEN


class AddressSpace:
    """All areas, in order of address; the machine's TLBs hold what was touched."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.frames = Frames(machine)
        self.areas: list[MappedArea] = []

    def find(self, va: int) -> MappedArea | None:
        """Return the area an address is in."""
        index = bisect_right(self.areas, va, key=lambda area: area.start) - 1
        if index >= 0 and va < self.areas[index].end:
            return self.areas[index]
        return None

    def _purge(self, start: int, end: int) -> None:
        rid = self.machine.cpu.rr[start >> 61] >> 8
        for tlb in (self.machine.itlb, self.machine.dtlb):
            tlb.purge_cached(start, end - start, rid)
        self.machine.forget_code()
        self.machine.forget_data()

    def insert(self, area: MappedArea) -> None:
        """Add an area where nothing is."""
        self.areas.append(area)
        self.areas.sort(key=lambda other: other.start)

    def _overlaps(self, start: int, end: int) -> Iterator[MappedArea]:
        return (area for area in self.areas if area.start < end and start < area.end)

    def _replace(self, start: int, end: int, middle: Callable[[MappedArea], MappedArea | None]) -> None:
        """Cut the areas in a range out; middle gives what takes the place of each, or None."""
        for area in list(self._overlaps(start, end)):
            self.areas.remove(area)
            if area.start < start:
                self.insert(area.part(area.start, start))
            inner = area.part(max(start, area.start), min(end, area.end))
            new = middle(inner)
            if new is not None:
                self.insert(new)
            if area.end > end:
                self.insert(area.part(end, area.end))
        self._purge(start, end)

    def remove(self, start: int, end: int) -> None:
        """Unmap a range."""

        def drop(area: MappedArea) -> None:
            if area.backing.size_len is None:
                area.backing.drop(area.first_page, area.first_page + (area.end - area.start >> abi.PAGE_SHIFT))

        self._replace(start, end, drop)

    def map(  # noqa: PLR0917 - the system call's own arguments
        self, va: int, length: int, prot: int, flags: int, backing: Backing | None, offset: int
    ) -> int:
        """Mmap with a file's pages, or anonymous with None; return the address. Raises LinuxError."""
        if not length:
            raise LinuxError(abi.EINVAL)
        length = _page_up(length)
        if length >> 64 or not length:
            raise LinuxError(abi.ENOMEM)
        fixed = flags & (abi.MAP_FIXED | abi.MAP_FIXED_NOREPLACE)
        if fixed:
            self._check_fixed(va, length)
            if flags & abi.MAP_FIXED_NOREPLACE and any(self._overlaps(va, va + length)):
                raise LinuxError(abi.EEXIST)
        else:
            va = self._unmapped(va & -abi.PAGE_LEN, length)
        self.remove(va, va + length)
        shared = flags & abi.MAP_TYPE != abi.MAP_PRIVATE
        if backing is None or not shared:
            copy = Backing(self.frames)
            if backing is not None:
                self._copy_pages(backing, offset, copy, length)
            backing, offset = copy, 0
        self.insert(MappedArea(va, va + length, prot & 7, backing, offset >> abi.PAGE_SHIFT, shared))
        return va

    def _copy_pages(self, source: Backing, offset: int, target: Backing, length: int) -> None:
        ram = self.machine.memory.ram1
        for number in range(length >> abi.PAGE_SHIFT):
            from_pa, to_pa = source.page((offset >> abi.PAGE_SHIFT) + number), target.page(number)
            if from_pa is not None and to_pa is not None:
                ram[to_pa : to_pa + abi.PAGE_LEN] = ram[from_pa : from_pa + abi.PAGE_LEN]

    @staticmethod
    def _check_fixed(va: int, length: int) -> None:
        """The order of mm/mmap.c: get_unmapped_area(), then ia64_mmap_check(), then security_mmap_addr()."""
        if length > abi.TASK_SIZE or va > abi.TASK_SIZE - length:
            raise LinuxError(abi.ENOMEM)
        if va & abi.PAGE_LEN - 1:
            raise LinuxError(abi.EINVAL)
        if length > abi.REGION_LIMIT or offset_in_region(va) > abi.REGION_LIMIT - length:
            raise LinuxError(abi.EINVAL)
        if va < abi.MINIMUM_MAP_VA:
            raise LinuxError(abi.EPERM)

    def _unmapped(self, hint: int, length: int) -> int:
        if length > abi.REGION_LIMIT:
            raise LinuxError(abi.ENOMEM)
        va = max(hint, abi.MINIMUM_MAP_VA) if hint else abi.MAP_BASE
        for area in self.areas:
            if area.end <= va:
                continue
            if area.start >= va + length:
                break
            va = area.end
        if offset_in_region(va) > abi.REGION_LIMIT - length:
            va = (va >> 61) + 1 << 61
            return self._unmapped(va, length) if va < abi.TASK_SIZE else self._full()
        return va

    @staticmethod
    def _full() -> int:
        raise LinuxError(abi.ENOMEM)

    def unmap(self, va: int, length: int) -> None:
        """Munmap. Raises LinuxError."""
        if va & abi.PAGE_LEN - 1 or va > abi.TASK_SIZE or length > abi.TASK_SIZE - va or not length:
            raise LinuxError(abi.EINVAL)
        self.remove(va, va + _page_up(length))

    def protect(self, va: int, length: int, prot: int) -> None:
        """Mprotect. Raises LinuxError; what stands before a hole has then been changed, as in Linux."""
        if va & abi.PAGE_LEN - 1 or prot & ~7:
            raise LinuxError(abi.EINVAL)
        end = va + _page_up(length)
        covered = va
        for area in list(self._overlaps(va, end)):
            if area.start > covered:
                break
            covered = area.end
        self._replace(va, min(end, covered), lambda area: replace(area, prot=prot))
        if covered < end:
            raise LinuxError(abi.ENOMEM)

    def _grow(self, va: int) -> MappedArea | None:
        """Return the stack or backing store after it grew to an address (arch/ia64/mm/fault.c, expand_stack)."""
        for area in self.areas:
            start = va & -abi.PAGE_LEN
            if area.grows < 0 and area.end - abi.STACK_LIMIT <= va < area.start:
                new = replace(area, start=start, first_page=area.first_page - (area.start - start >> abi.PAGE_SHIFT))
            elif area.grows > 0 and area.end == start and start - area.start < abi.STACK_LIMIT:
                new = replace(area, end=start + abi.PAGE_LEN)
            else:
                continue
            self.areas[self.areas.index(area)] = new
            return new
        return None

    def resolve(self, va: int, wanted: int) -> tuple[MappedArea | None, int | None]:
        """Return the area of an address and the page's physical address, None where the access is not allowed.

        wanted: PROT_ bits. A page that may be written may be read.
        """
        area = self.find(va) or self._grow(va)
        if area is None:
            return None, None
        allowed = area.prot | (abi.PROT_READ if area.prot & abi.PROT_WRITE else 0)
        if wanted & ~allowed:
            return area, None
        return area, area.page_of(va)

    def translate_page(self, area: MappedArea, va: int, pa: int) -> Translation:
        """Return the TLB entry of a page: level 3, accessed and dirty (the gate page: level 0)."""
        rights = RIGHTS[area.prot]
        assert rights is not None
        return Translation(
            start_va=offset_in_region(va) & -abi.PAGE_LEN, size_len=abi.PAGE_LEN,
            rid=self.machine.cpu.rr[va >> 61] >> 8, pa=pa, present=True, memory_attribute=0, accessed=True, dirty=True,
            pl=0 if va >= abi.TASK_SIZE else 3, ar=rights, exception_deferral=True, key=0, size_log2=abi.PAGE_SHIFT,
        )  # fmt: skip

    def _pieces(self, va: int, length: int, wanted: int) -> Iterator[tuple[int, int]]:
        """Physical pieces (address, length) of a range the program may access. Raises LinuxError EFAULT."""
        while length:
            if va >= abi.TASK_SIZE or offset_in_region(va) >= abi.REGION_LIMIT:
                raise LinuxError(abi.EFAULT)
            _, pa = self.resolve(va, wanted)
            if pa is None:
                raise LinuxError(abi.EFAULT)
            offset = va & abi.PAGE_LEN - 1
            piece_len = min(length, abi.PAGE_LEN - offset)
            yield pa + offset, piece_len
            va += piece_len
            length -= piece_len

    def read(self, va: int, length: int) -> bytes:
        """copy_from_user. Raises LinuxError EFAULT."""
        ram = self.machine.memory.ram1
        return b"".join(bytes(ram[pa : pa + size]) for pa, size in self._pieces(va, length, abi.PROT_READ))

    def write(self, va: int, data: bytes) -> None:
        """copy_to_user. Raises LinuxError EFAULT before anything is written."""
        done = 0
        for pa, size in list(self._pieces(va, len(data), abi.PROT_WRITE)):
            self.machine.memory.load(pa, data[done : done + size])
            done += size

    def read_words(self, va: int, count: int) -> list[int]:
        """Return 8-byte words. Raises LinuxError EFAULT."""
        data = self.read(va, 8 * count)
        return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
