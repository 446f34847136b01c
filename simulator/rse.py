"""The register stack engine: enforced lazy, 96 stacked physical registers.

Source: SDM rev. 2.3 volume 2, chapter 6. Registers below the current frame that are not yet in the backing store are
dirty; there is no clean partition: a register written to the backing store is read back when it is next needed.
dirty is negative while the current frame is incomplete, that is, while registers of it are still to be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg

if TYPE_CHECKING:
    from simulator.cpu import Cpu

PHYSICAL_REGISTERS = 96


def skip_registers(address: int, count: int) -> int:
    """Return the backing-store address count registers above (below if negative) an address.

    Every 64th slot holds a NaT collection and is passed over.
    """
    slot = address >> 3 & 63
    return address + 8 * (count + (slot + count) // 63)


class Rse:
    """The part of the register stack that its engine keeps.

    bsp_va: where r32 of the current frame belongs; bspstore_va: where the next register is written.
    dirty: registers between the two.
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.bsp_va = 0
        self.bspstore_va = 0
        self.rnat = 0
        self.dirty = 0

    def live_range(self) -> tuple[int, int]:
        """Return the half-open range of indices into cpu.gr that hold stacked registers."""
        base = self.cpu.base + 32
        return base - max(self.dirty, 0), base + self.cpu.sof

    def _recentre(self) -> None:
        cpu = self.cpu
        if cpu.base < PHYSICAL_REGISTERS or cpu.base > cpu.STACK_LEN - 2 * PHYSICAL_REGISTERS:
            low, high = cpu.base + 32 - PHYSICAL_REGISTERS, cpu.base + 32 + PHYSICAL_REGISTERS
            low = max(low, 32)
            values, nats = cpu.gr[low:high], cpu.nat[low:high]
            move = cpu.STACK_LEN // 2 - cpu.base
            cpu.nat[32:] = bytes(cpu.STACK_LEN)
            cpu.gr[low + move : high + move] = values
            cpu.nat[low + move : high + move] = nats
            cpu.base += move

    def _make_room(self, frame_len: int) -> None:
        while self.dirty + frame_len > PHYSICAL_REGISTERS:
            self._store_one()

    def _store_one(self) -> None:
        cpu, where = self.cpu, self.bspstore_va
        index = cpu.base + 32 - self.dirty
        slot = where >> 3 & 63
        cpu.machine.rse_store(where, cpu.gr[index])
        rnat = self.rnat & ~(1 << slot) | cpu.nat[index] << slot
        if slot == 62:
            cpu.machine.rse_store(where + 8, rnat & (1 << 63) - 1)
        self.rnat = rnat
        self.bspstore_va = where + (16 if slot == 62 else 8)
        self.dirty -= 1

    def _load_one(self) -> None:
        cpu = self.cpu
        where = self.bspstore_va - 8
        rnat = self.rnat
        if where >> 3 & 63 == 63:
            rnat = cpu.machine.rse_load(where)
            where -= 8
        value = cpu.machine.rse_load(where)
        index = cpu.base + 32 - self.dirty - 1
        cpu.gr[index] = value
        cpu.nat[index] = rnat >> (where >> 3 & 63) & 1
        if cpu.nat[index]:
            cpu.note_nat()
        self.rnat = rnat
        self.bspstore_va = where
        self.dirty += 1

    def alloc(self, sof: int, sol: int, sor: int) -> int:
        """Resize the current frame and return what ar.pfs holds."""
        cpu = self.cpu
        if sof > 96 or sol > sof or sor > sof:
            raise reg.general_exception(reg.GE_ILLEGAL_OPERATION)
        if sor != cpu.sor and (cpu.rrb_gr or cpu.rrb_fr or cpu.rrb_pr):
            raise reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)
        self._make_room(sof)
        cpu.sof, cpu.sol, cpu.sor = sof, sol, sor
        return cpu.ar[reg.AR_PFS]

    def call(self) -> None:
        """Save the frame in ar.pfs and start one that holds the caller's output registers."""
        cpu = self.cpu
        cpu.ar[reg.AR_PFS] = cpu.cfm | (cpu.ar[reg.AR_EC] & 63) << 52 | cpu.cpl << 62
        preserved = cpu.sol
        sof = cpu.sof - preserved
        self._preserve(preserved)
        cpu.cfm = sof

    def _preserve(self, count: int) -> None:
        self.cpu.base += count
        self.bsp_va = skip_registers(self.bsp_va, count)
        self.dirty += count
        self._recentre()

    def restore_frame(self, marker: int, preserved: int) -> None:
        """Go back to the frame of a marker, preserved registers below; may leave it incomplete (see `fill`).

        A frame that does not fit beside the dirty registers becomes an empty one (volume 2, 6.5.5, "bad PFS").
        """
        cpu = self.cpu
        if self.dirty - preserved + (marker & 127) > PHYSICAL_REGISTERS:
            marker = 0
        self.bsp_va = skip_registers(self.bsp_va, -preserved)
        cpu.base -= preserved
        self.dirty -= preserved
        self._recentre()
        cpu.cfm = marker & (1 << 38) - 1

    def fill(self) -> None:
        """Read what the current frame lacks. On a fault the frame stays incomplete and this may be called again."""
        while self.dirty < 0:
            self._load_one()

    def cover(self) -> None:
        """Start an empty frame above the current one."""
        self._preserve(self.cpu.sof)
        self.cpu.cfm = 0

    def flush(self) -> None:
        """Write every dirty register to the backing store (flushrs)."""
        while self.dirty > 0:
            self._store_one()

    def load(self) -> None:
        """Make exactly the registers within rsc.loadrs bytes below bsp dirty (loadrs)."""
        cpu = self.cpu
        tear_va = self.bsp_va - (cpu.ar[reg.AR_RSC] >> 16 & 0x3FFF & ~7)
        wanted = self.distance(tear_va, self.bsp_va)
        if wanted + cpu.sof > PHYSICAL_REGISTERS:
            raise reg.general_exception(reg.GE_ILLEGAL_OPERATION)
        while self.dirty < wanted:
            self._load_one()
        if self.dirty > wanted:
            self.dirty = wanted
            self.bspstore_va = tear_va

    @staticmethod
    def distance(low_va: int, high_va: int) -> int:
        """Return the number of registers between two backing-store addresses."""
        slots = high_va - low_va >> 3
        return slots - ((low_va >> 3 & 63) + slots) // 64

    def set_bspstore(self, address: int) -> None:
        """Move to ar.bspstore: the dirty registers now belong at the new address."""
        address &= ~7
        self.bspstore_va = address
        self.bsp_va = skip_registers(address, self.dirty)
