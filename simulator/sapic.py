"""The interrupt controller inside the processor (SDM rev. 2.3 volume 2, section 5.8) and the interrupt block.

Writes to the processor interrupt block at physical 0xfee00000 pend a vector at a processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg

if TYPE_CHECKING:
    from simulator.cpu import Cpu

SPURIOUS = 15
EXTINT = 0
NMI = 2

INTERRUPT_BLOCK_PA = 0xFEE00000
INTERRUPT_BLOCK_LEN = 0x200000


class Sapic:
    """Pending and in-service external interrupts of one processor."""

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.pending = 0
        self.in_service: list[int] = []

    def pend(self, vector: int) -> None:
        """Make a vector pending. Raises ValueError for one that cannot be."""
        if vector not in {EXTINT, NMI} and not 16 <= vector <= 255:
            raise ValueError(f"vector {vector} cannot be an external interrupt; expected 0, 2 or 16 to 255")
        self.pending |= 1 << vector

    def _priority(self, vector: int) -> int:
        return {NMI: 512, EXTINT: 256}.get(vector, vector)

    def _best(self) -> int | None:
        """Return the pending vector that tpr and what is in service allow, highest priority first."""
        if not self.pending:
            return None
        vectors = (
            [NMI] if self.pending >> NMI & 1 else [EXTINT] if self.pending & 1 else [self.pending.bit_length() - 1]
        )
        vector = vectors[0]
        tpr = self.cpu.cr[reg.CR_TPR]
        if vector != NMI:
            if tpr >> 16 & 1:
                return None
            if vector >= 16 and vector >> 4 <= (tpr >> 4 & 15):
                return None
        if self.in_service and self._priority(self.in_service[-1]) >= self._priority(vector):
            return None
        return vector

    def deliverable(self) -> bool:
        """Tell whether an interrupt would be taken if psr.i is one."""
        return self._best() is not None

    def read(self, number: int) -> int:
        """Read ivr (which puts the vector in service), tpr, eoi or an irr."""
        if number == reg.CR_IVR:
            vector = self._best()
            if vector is None:
                return SPURIOUS
            self.pending &= ~(1 << vector)
            self.in_service.append(vector)
            return vector
        if number >= reg.CR_IRR0:
            return self.pending >> 64 * (number - reg.CR_IRR0) & (1 << 64) - 1
        return self.cpu.cr[number]

    def end_of_interrupt(self) -> None:
        """Take the highest in-service vector out of service."""
        if self.in_service:
            self.in_service.pop()


class InterruptBlock:
    """The processor interrupt block as a device: a store sends an interrupt message, here to the one processor.

    Bits 19:12 of the address are the processor's id, of which processor 0 is the only one.
    """

    base_pa = INTERRUPT_BLOCK_PA
    size_len = INTERRUPT_BLOCK_LEN

    def __init__(self, sapic: Sapic) -> None:
        self.sapic = sapic

    def read(self, offset: int, size: int) -> int:
        """Return zero: the block is written, not read."""
        del offset, size
        return 0

    def write(self, offset: int, value: int, size: int) -> None:
        """Send the vector in bits 7:0; delivery mode in bits 10:8, of which INT, NMI and ExtINT do something."""
        del size
        lid = self.sapic.cpu.cr[reg.CR_LID] >> 16 & 0xFFFF
        target = (offset >> 12 & 0xFF) << 8 | offset >> 4 & 0xFF
        if offset >= 0x100000 or target != (lid >> 8 & 0xFF) << 8 | lid & 0xFF:
            return
        mode = value >> 8 & 7
        if mode in {0, 1} and value & 0xFF >= 16:
            self.sapic.pend(value & 0xFF)
        elif mode in {4, 7}:
            self.sapic.pend(NMI if mode == 4 else EXTINT)
