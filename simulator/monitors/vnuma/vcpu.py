"""The virtual CPU of a node: what the guest's privileged instructions do, interruptions, the shared page.

The guest's kernel runs at privilege level 1; levels 0 and 1 are one. The processor's psr.ic is one and psr.i zero while
the guest runs: the guest's own are words of the virtual CPU area (docs/vnuma-abi.md, section 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.sites.ia64.isa.fields import CONTROL_REGISTERS
from simulator import registers as reg
from simulator import tlb
from simulator.monitors.vnuma import abi

if TYPE_CHECKING:
    from simulator.monitors.vnuma.node import NodeMachine

KERNEL_LEVEL = 1
START_PSR = reg.PSR_BN
"""Physical mode, bank 1: what firmware hands over."""
_SYSTEM_MASK = 0x0FFFE03E
_PSR_L_RESERVED = 0xF000_1FC1
_OWN_WORDS = reg.PSR_USER_MASK | reg.PSR_I
_MONITORS = reg.PSR_CPL | reg.PSR_IC | reg.PSR_I | reg.PSR_SI
"""Bits in which the processor's psr differs from the guest's."""

_SAVED_BY_INTERRUPTION = frozenset(range(16, 28))
_UPDATED_BY_SAPIC = frozenset((reg.CR_IVR, *range(reg.CR_IRR0, reg.CR_IRR0 + 4)))


def _illegal() -> reg.Interruption:
    return reg.general_exception(reg.GE_ILLEGAL_OPERATION)


def _reserved() -> reg.Interruption:
    return reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)


class VnumaCpu:
    """See `simulator.monitors.privileged.VirtualCpu`. area_pa: where the virtual CPU area is in this node's memory."""

    def __init__(self, machine: NodeMachine, area_pa: int) -> None:
        self.machine = machine
        self.cpu = machine.cpu
        self._words = machine.memory.ram8
        self._area = area_pa >> 3

    def word(self, offset: int) -> int:
        """Return 8 bytes of the virtual CPU area."""
        return self._words[self._area + (offset >> 3)]

    def set_word(self, offset: int, value: int) -> None:
        """Write 8 bytes of the virtual CPU area."""
        self._words[self._area + (offset >> 3)] = value

    def start(self, node: int, nodes: int) -> None:
        """Fill the area and set the processor as a guest's CPU starts (section 1)."""
        for offset, value in (
            (abi.MAGIC_OFFSET, abi.MAGIC), (abi.VERSION_OFFSET, abi.VERSION),
            (abi.NODE_OFFSET, node), (abi.NODES_OFFSET, nodes),
        ):  # fmt: skip
            self.set_word(offset, value)
        cpu = self.cpu
        cpu.cr[reg.CR_LID] = node << 24
        cpu.ar[reg.AR_RSC] = KERNEL_LEVEL << 2
        for number in CONTROL_REGISTERS:
            self._show_cr(number)
        for number, value in enumerate(cpu.rr):
            self.set_word(abi.RR_OFFSET + 8 * number, value)
        self.set_psr(START_PSR)

    # psr

    @property
    def collecting(self) -> bool:
        """The guest's psr.ic."""
        return bool(self.word(abi.PSR_OFFSET) & reg.PSR_IC)

    @property
    def enabled(self) -> bool:
        """The guest's psr.i."""
        return bool(self.word(abi.I_OFFSET) & reg.PSR_I)

    @property
    def in_kernel(self) -> bool:
        """The guest is at its privilege level 0."""
        return self.cpu.cpl <= KERNEL_LEVEL

    def psr(self) -> int:
        """Return the guest's psr."""
        value = self.cpu.psr & ~_MONITORS
        value |= self.word(abi.PSR_OFFSET) & (reg.PSR_IC | reg.PSR_SI) | self.word(abi.I_OFFSET) & reg.PSR_I
        return value if self.in_kernel else value | self.cpu.psr & reg.PSR_CPL

    def set_psr(self, value: int) -> None:
        """Make this the guest's psr."""
        self.set_word(abi.PSR_OFFSET, value & reg.PSR_READABLE & ~_OWN_WORDS)
        self.set_word(abi.I_OFFSET, value & reg.PSR_I)
        level = max(value >> 32 & 3, KERNEL_LEVEL)
        real = value & ~_MONITORS | reg.PSR_IC | level << 32
        if level > KERNEL_LEVEL:
            real |= value & reg.PSR_SI
        self.cpu.set_psr(real)
        self.machine.look_again()

    def read_psr(self) -> int:
        """Mov r1=psr."""
        return self.psr() & reg.PSR_READABLE

    def write_psr_l(self, value: int) -> None:
        """Mov psr.l=r2."""
        if value & _PSR_L_RESERVED:
            raise _reserved()
        self.set_psr(self.psr() & ~0xFFFFFFFF | value & 0xFFFFFFFF)

    def ssm(self, mask: int) -> None:
        """Set system mask bits."""
        if mask & ~_SYSTEM_MASK:
            raise _reserved()
        self.set_psr(self.psr() | mask)

    def rsm(self, mask: int) -> None:
        """Reset system mask bits."""
        if mask & ~_SYSTEM_MASK:
            raise _reserved()
        self.set_psr(self.psr() & ~mask)

    # Registers

    def _cr_offset(self, number: int) -> int:
        return abi.CR_OFFSET + 8 * number

    def _show_cr(self, number: int) -> None:
        if number not in _SAVED_BY_INTERRUPTION and number not in _UPDATED_BY_SAPIC:
            self.set_word(self._cr_offset(number), self.cpu.cr[number])

    def _check_cr(self, number: int) -> None:
        if number not in CONTROL_REGISTERS or (number in _SAVED_BY_INTERRUPTION and self.collecting):
            raise _illegal()

    def saved(self, number: int) -> int:
        """Return an interruption control register."""
        return self.word(self._cr_offset(number))

    def save(self, number: int, value: int) -> None:
        """Set an interruption control register."""
        self.set_word(self._cr_offset(number), value)

    def read_cr(self, number: int) -> int:
        """Mov r1=cr3."""
        self._check_cr(number)
        return self.saved(number) if number in _SAVED_BY_INTERRUPTION else self.machine.read_cr(number)

    def write_cr(self, number: int, value: int) -> None:
        """Mov cr3=r2."""
        self._check_cr(number)
        if number in _SAVED_BY_INTERRUPTION:
            if number == reg.CR_ISR and value >> 44:
                raise _reserved()
            self.save(number, value)
        else:
            self.machine.write_cr(number, value)
            self._show_cr(number)

    def write_ar(self, number: int, value: int) -> None:
        """Mov ar3=r2: kernel registers, ar.itc."""
        if number == reg.AR_ITC:
            self.machine.set_interval_counter(value)
        else:
            self.cpu.ar[number] = value

    def read_indexed(self, name: str, index: int) -> int:
        """Mov r1=rr[r3] and its kind."""
        return self.machine.read_indexed(name, index)

    def write_indexed(self, name: str, index: int, value: int) -> None:
        """Mov rr[r3]=r2 and its kind."""
        self.machine.write_indexed(name, index, value)
        if name == "rr":
            self.set_word(abi.RR_OFFSET + 8 * (index >> 61), value)

    def switch_bank(self, bank: int) -> None:
        """bsw.0 and bsw.1."""
        self.cpu.swap_bank(bank)

    # Translations

    def _insertion(self, pte: int) -> tlb.Translation:
        if self.collecting:
            raise _illegal()
        ifa = self.saved(reg.CR_IFA)
        rid = self.machine.region_register(ifa) >> 8 & 0xFFFFFF
        return at_guest_level(tlb.make_translation(pte, self.saved(reg.CR_ITIR), ifa, rid))

    def _forget(self, *, instruction: bool) -> None:
        if instruction:
            self.machine.forget_code()
        else:
            self.machine.forget_data()

    def insert_cached(self, pte: int, *, instruction: bool) -> None:
        """itc.d and itc.i."""
        (self.machine.itlb if instruction else self.machine.dtlb).insert_cached(self._insertion(pte))
        self._forget(instruction=instruction)

    def insert_register(self, slot: int, pte: int, *, instruction: bool) -> None:
        """itr.d and itr.i."""
        which = self.machine.itlb if instruction else self.machine.dtlb
        which.insert_register(slot & 0xFF, self._insertion(pte))
        self._forget(instruction=instruction)

    def purge(self, name: str, va: int, itir: int) -> None:
        """Purge translations; ptc.g and ptc.ga on all nodes."""
        machine = self.machine
        if name == "ptr.d":
            machine.ptr_d(va, itir)
        elif name == "ptr.i":
            machine.ptr_i(va, itir)
        else:
            machine.ptc_l(va, itir)
            if name != "ptc.l":
                machine.purge_elsewhere(va, itir)

    def purge_all(self, va: int) -> None:
        """ptc.e."""
        self.machine.ptc_e(va)

    def tpa(self, va: int) -> int:
        """Return the physical address."""
        return self.machine.tpa(va)

    def tak(self, va: int) -> int:
        """Return the protection key."""
        return self.machine.tak(va)

    # Frames and interruptions

    def cover(self) -> None:
        """Cover, which with the guest's psr.ic zero writes cr.ifs."""
        marker = self.cpu.cfm
        self.cpu.rse.cover()
        if not self.collecting:
            self.save(reg.CR_IFS, 1 << 63 | marker)

    def rfi(self) -> None:
        """Return from interruption with what the guest's cr.ipsr, cr.iip and cr.ifs hold."""
        ipsr, ifs = self.saved(reg.CR_IPSR), self.saved(reg.CR_IFS)
        if self.collecting or ipsr & reg.PSR_IS:
            raise _illegal()
        if ifs >> 63:
            self.cpu.rse.restore_frame(ifs, ifs & 127)
        self.set_psr(ipsr & ~reg.PSR_RI)
        self.cpu.ip = self.saved(reg.CR_IIP) & -16 | ipsr >> reg.PSR_RI_SHIFT & 3
        self.machine.fill_frame()

    def reflect(self, interruption: reg.Interruption, ip: int, slot: int) -> None:
        """Deliver an interruption to the guest as the processor would (SDM volume 2, 5.5 and 8.3)."""
        cpu, psr = self.cpu, self.psr()
        if psr & reg.PSR_IC:
            self.save(reg.CR_IPSR, psr & ~reg.PSR_RI | slot << reg.PSR_RI_SHIFT)
            self.save(reg.CR_IIP, ip & -16)
            self.save(reg.CR_IIPA, ip & -16)
            self.save(reg.CR_IFS, 0)
            for number, value in (
                (reg.CR_IFA, interruption.ifa), (reg.CR_ITIR, interruption.itir),
                (reg.CR_IIM, interruption.iim), (reg.CR_IHA, interruption.iha),
            ):  # fmt: skip
                if value is not None:
                    self.save(number, value)
        if interruption.vector != reg.NESTED_DTLB_FAULT:
            not_collecting = 0 if psr & reg.PSR_IC else reg.ISR_NI
            self.save(reg.CR_ISR, interruption.isr | slot << reg.ISR_EI_SHIFT | not_collecting)
        dcr = cpu.cr[reg.CR_DCR]
        kept = psr & reg.PSR_KEPT_BY_INTERRUPTION
        kept |= (reg.PSR_BE if dcr & reg.DCR_BE else 0) | (reg.PSR_PP if dcr & reg.DCR_PP else 0)
        self.set_psr(kept)
        cpu.ip = cpu.cr[reg.CR_IVA] + interruption.vector


def at_guest_level(entry: tlb.Translation) -> tlb.Translation:
    """Give a translation the level at which the guest's kernel runs in place of level 0."""
    entry.pl = max(entry.pl, KERNEL_LEVEL)
    return entry
