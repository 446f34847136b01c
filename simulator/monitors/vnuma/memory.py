"""Guest memory on one node: its own RAM, of which it may use the pages it holds; and the virtual CPU area behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.memory import PAGE_LEN, Memory
from simulator.monitors.vnuma import abi
from simulator.monitors.vnuma.coherence import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

_ZEROS = bytes(PAGE_LEN)


class SharedMemory(Memory):
    """guest_len: bytes the guest sees from address 0. rights and fault are set by the node that joins a cluster.

    fault(page, write): gets the page. loaded: half-open ranges of what was loaded before the start.
    """

    def __init__(self, guest_len: int) -> None:
        super().__init__(guest_len + abi.VCPU_LEN)
        self.guest_len = guest_len
        self.loaded: list[tuple[int, int]] = []
        self.rights = bytearray((WRITE,)) * (guest_len // PAGE_LEN)
        self.fault: Callable[[int, bool], None] | None = None

    def acquire(self, pa: int, *, write: bool) -> None:
        """Get a page of guest memory from the other nodes if this one may not use it."""
        if pa < self.guest_len and self.fault is not None:
            page = pa // PAGE_LEN
            if self.rights[page] < (WRITE if write else READ):
                self.fault(page, write)

    def load(self, pa: int, data: bytes) -> None:
        """Copy bytes into RAM before the start. Raises ValueError if they do not fit."""
        if pa + len(data) > self.guest_len:
            raise ValueError(f"{len(data):#x} bytes at {pa:#x} do not fit in {self.guest_len:#x} bytes of memory")
        super().load(pa, data)
        if data:
            self.loaded.append((pa, pa + len(data)))

    def page(self, number: int) -> bytes:
        """Return a page, or no bytes for one of zeros."""
        data = bytes(self.ram1[number * PAGE_LEN : (number + 1) * PAGE_LEN])
        return b"" if data == _ZEROS else data

    def set_page(self, number: int, data: bytes) -> None:
        """Fill a page; no bytes mean zeros."""
        self.ram1[number * PAGE_LEN : (number + 1) * PAGE_LEN] = data or _ZEROS
