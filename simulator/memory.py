"""Physical memory: one block of RAM and devices beside it."""

from __future__ import annotations

import mmap
from typing import Protocol

PAGE_LEN = 4096

PHYSICAL_ADDRESS_MASK = (1 << 63) - 1
"""Bit 63 of a physical address is the uncacheable attribute (SDM volume 2, 4.4.1)."""


class Device(Protocol):
    """Something that answers at physical addresses."""

    base_pa: int
    size_len: int

    def read(self, offset: int, size: int) -> int:
        """Return the value of size bytes at an offset from the base."""

    def write(self, offset: int, value: int, size: int) -> None:
        """Take a write of size bytes at an offset from the base."""


class Memory:
    """RAM from physical address 0, little-endian, with views of each access size, and devices elsewhere."""

    def __init__(self, size_len: int) -> None:
        if size_len % PAGE_LEN:
            raise ValueError(f"memory size {size_len:#x} is not a multiple of {PAGE_LEN:#x}")
        self.size_len = size_len
        self.ram1 = memoryview(mmap.mmap(-1, size_len))
        self.ram2 = self.ram1.cast("H")
        self.ram4 = self.ram1.cast("I")
        self.ram8 = self.ram1.cast("Q")
        self.devices: list[Device] = []

    def is_ram(self, pa: int) -> bool:
        """Tell whether a physical address is in RAM."""
        return pa < self.size_len

    def acquire(self, pa: int, *, write: bool) -> None:
        """Called before the processor reads or writes RAM, once for a page it keeps in `Cpu.readable` or `writable`.

        Here there is nothing to do. Memory that is shared with other machines gets the page, then returns;
        whoever takes it away again calls `Machine.forget_mappings`.
        """

    def _device(self, pa: int) -> Device | None:
        for device in self.devices:
            if device.base_pa <= pa < device.base_pa + device.size_len:
                return device
        return None

    def read(self, pa: int, size: int) -> int:
        """Return size bytes as a number; addresses nothing answers read as zero."""
        if pa + size <= self.size_len:
            return int.from_bytes(self.ram1[pa : pa + size], "little")
        device = self._device(pa)
        return 0 if device is None else device.read(pa - device.base_pa, size)

    def write(self, pa: int, value: int, size: int) -> None:
        """Write size bytes; a write to an address nothing answers is lost."""
        if pa + size <= self.size_len:
            self.ram1[pa : pa + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
            return
        device = self._device(pa)
        if device is not None:
            device.write(pa - device.base_pa, value, size)

    def load(self, pa: int, data: bytes) -> None:
        """Copy bytes into RAM. Raises ValueError if they do not fit."""
        if pa + len(data) > self.size_len:
            raise ValueError(f"{len(data):#x} bytes at {pa:#x} do not fit in {self.size_len:#x} bytes of memory")
        self.ram1[pa : pa + len(data)] = data
