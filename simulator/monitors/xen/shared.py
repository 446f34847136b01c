"""The shared page (XSI): shared_info and mapped_regs, which guest and monitor both read and write in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from simulator.memory import Memory


class SharedPage:
    """Fields by offset, as `layout` names them; nothing is cached, since the guest writes them too."""

    def __init__(self, memory: Memory) -> None:
        self._bytes = memory.ram1
        self._ints = memory.ram4
        self._words = memory.ram8

    def byte(self, offset: int) -> int:
        """Return an unsigned char."""
        return self._bytes[layout.SHARED_PA + offset]

    def set_byte(self, offset: int, value: int) -> None:
        """Write an unsigned char."""
        self._bytes[layout.SHARED_PA + offset] = value

    def int4(self, offset: int) -> int:
        """Return 4 bytes."""
        return self._ints[layout.SHARED_PA + offset >> 2]

    def set_int4(self, offset: int, value: int) -> None:
        """Write 4 bytes."""
        self._ints[layout.SHARED_PA + offset >> 2] = value

    def word(self, offset: int) -> int:
        """Return 8 bytes."""
        return self._words[layout.SHARED_PA + offset >> 3]

    def set_word(self, offset: int, value: int) -> None:
        """Write 8 bytes."""
        self._words[layout.SHARED_PA + offset >> 3] = value & (1 << 64) - 1

    def cr(self, number: int) -> int:
        """Return a virtual control register."""
        return self.word(layout.CR_BASE + 8 * number)

    def set_cr(self, number: int, value: int) -> None:
        """Write a virtual control register."""
        self.set_word(layout.CR_BASE + 8 * number, value)

    @property
    def masked(self) -> bool:
        """Whether events are masked: virtual psr.i is 0."""
        return self.byte(layout.UPCALL_MASK) != 0

    @property
    def collecting(self) -> bool:
        """Whether virtual psr.ic is 1."""
        return self.int4(layout.PSR_IC) != 0

    @property
    def metaphysical(self) -> bool:
        """Whether addresses of region 0 are guest-physical."""
        return self.int4(layout.METAPHYSICAL) != 0
