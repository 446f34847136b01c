"""The virtual processor: psr, control registers, banks; what Xen does for privileged instructions.

Source: Xen 4.1.6, xen/arch/ia64/xen/vcpu.c, the function named in each docstring where the name is not the method's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.machine import Machine
    from simulator.monitors.xen.shared import SharedPage
    from simulator.monitors.xen.translation import VirtualMemory

NOT_VIRTUAL = (
    reg.PSR_BE | reg.PSR_UP | reg.PSR_AC | reg.PSR_MFL | reg.PSR_MFH | reg.PSR_PK | reg.PSR_DFL | reg.PSR_SP
    | reg.PSR_DB | reg.PSR_LP | reg.PSR_TB | reg.PSR_ID | reg.PSR_DA | reg.PSR_DD | reg.PSR_SS | reg.PSR_ED
    | reg.PSR_IA
)  # fmt: skip
"""psr bits the guest has as they are; psr.ri is kept apart, in the machine's ip."""

FORCED = reg.PSR_I | reg.PSR_IC | reg.PSR_DT | reg.PSR_RT | reg.PSR_IT | reg.PSR_BN
TRANSLATING = reg.PSR_DT | reg.PSR_RT | reg.PSR_IT
_RSM_BITS = (
    reg.PSR_BE | reg.PSR_PP | reg.PSR_UP | reg.PSR_SP | reg.PSR_I | reg.PSR_IC | reg.PSR_DT | reg.PSR_DFL | reg.PSR_DFH
    | reg.PSR_PK
)  # fmt: skip
_SSM_BITS = _RSM_BITS | reg.PSR_USER_MASK
_PSR_VISIBLE = (1 << 32) - 1 | 3 << 35
_IN_SHARED_PAGE = frozenset((reg.CR_DCR, reg.CR_PTA, *range(16, 26), reg.CR_TPR, reg.CR_ITV, reg.CR_PMV, reg.CR_CMCV))


def illegal() -> reg.Interruption:
    """Return IA64_ILLOP_FAULT."""
    return reg.general_exception(reg.GE_ILLEGAL_OPERATION)


def reserved() -> reg.Interruption:
    """Return IA64_RSVDREG_FAULT."""
    return reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)


class VirtualProcessor:
    """The methods of `simulator.monitors.privileged.VirtualCpu`, and what interruptions need.

    timer_changed: called when cr.itm or cr.itv was written. log: takes Xen's messages.
    """

    def __init__(
        self,
        machine: Machine,
        shared: SharedPage,
        memory: VirtualMemory,
        timer_changed: Callable[[], object],
        log: Callable[[str], object],
    ) -> None:
        self.machine = machine
        self.cpu = machine.cpu
        self.shared = shared
        self.memory = memory
        self.timer_changed = timer_changed
        self.log = log
        self.iva = 0
        self.itm = 0
        self.itm_delivered = (1 << 64) - 1

    # psr.

    def full_psr(self) -> int:
        """vcpu_get_psr: psr as the guest is to see it, with the slot in psr.ri."""
        cpu, shared = self.cpu, self.shared
        psr = cpu.psr & NOT_VIRTUAL | (cpu.ip & 3) << reg.PSR_RI_SHIFT | reg.PSR_DI
        psr |= (reg.PSR_IC if shared.collecting else 0) | (0 if shared.masked else reg.PSR_I)
        psr |= 0 if shared.metaphysical else TRANSLATING
        psr |= (reg.PSR_DFH if shared.byte(layout.VPSR_DFH) else 0) | (reg.PSR_PP if shared.byte(layout.VPSR_PP) else 0)
        psr |= 0 if cpu.cpl <= layout.GUEST_LEVEL else cpu.psr & reg.PSR_CPL
        return psr | (reg.PSR_BN if shared.int4(layout.BANK_NUMBER) else 0)

    def set_full_psr(self, value: int) -> None:
        """vcpu_set_psr, but for the slot: the guest's psr becomes the real one and the shared page's."""
        shared = self.shared
        psr = value & NOT_VIRTUAL | reg.PSR_DI | FORCED
        level = max(value >> 32 & 3, layout.GUEST_LEVEL)
        shared.set_byte(layout.VPSR_DFH, int(bool(value & reg.PSR_DFH)))
        if value & reg.PSR_DFH or shared.byte(layout.HPSR_DFH):
            psr |= reg.PSR_DFH
        shared.set_byte(layout.VPSR_PP, int(bool(value & reg.PSR_PP)))
        shared.set_byte(layout.UPCALL_MASK, int(not value & reg.PSR_I))
        shared.set_int4(layout.PSR_IC, int(bool(value & reg.PSR_IC)))
        self.memory.set_metaphysical(value & TRANSLATING != TRANSLATING)
        bank = int(bool(value & reg.PSR_BN))
        if bool(shared.int4(layout.BANK_NUMBER)) != bool(bank):
            self.switch_bank(bank)
        self.cpu.set_psr(psr | level << 32)

    def read_psr(self) -> int:
        """vcpu_get_psr_masked."""
        return self.full_psr() & _PSR_VISIBLE

    def _change(self, mask: int, value: int) -> None:
        self.cpu.set_psr(self.cpu.psr & ~mask | value & mask)

    def rsm(self, mask: int) -> None:
        """vcpu_reset_psr_sm: psr.i and psr.ic change even if the instruction is then refused."""
        shared = self.shared
        if mask & reg.PSR_I:
            shared.set_byte(layout.UPCALL_MASK, 1)
        if mask & reg.PSR_IC:
            shared.set_int4(layout.PSR_IC, 0)
        if mask & ~_RSM_BITS:
            raise illegal()
        if mask & reg.PSR_DFH:
            self._change(reg.PSR_DFH, reg.PSR_DFH if shared.byte(layout.HPSR_DFH) else 0)
            shared.set_byte(layout.VPSR_DFH, 0)
        if mask & reg.PSR_PP:
            shared.set_byte(layout.VPSR_PP, 0)
        self._change(mask & (reg.PSR_DFL | reg.PSR_UP | reg.PSR_SP | reg.PSR_BE | reg.PSR_PK), 0)
        if mask & reg.PSR_DT:
            self.memory.set_metaphysical(True)

    def ssm(self, mask: int) -> None:
        """vcpu_set_psr_sm."""
        shared = self.shared
        if mask & ~_SSM_BITS:
            raise illegal()
        if mask & reg.PSR_DFH:
            shared.set_byte(layout.VPSR_DFH, 1)
        if mask & reg.PSR_PP:
            shared.set_byte(layout.VPSR_PP, 1)
        if mask & reg.PSR_I:
            shared.set_byte(layout.UPCALL_MASK, 0)
        if mask & reg.PSR_IC:
            shared.set_int4(layout.PSR_IC, 1)
        real = mask & (reg.PSR_DFH | reg.PSR_DFL | reg.PSR_SP | reg.PSR_USER_MASK | reg.PSR_PK)
        self._change(real, real)
        if mask & reg.PSR_DT:
            self.memory.set_metaphysical(False)

    def write_psr_l(self, value: int) -> None:
        """vcpu_set_psr_l."""
        shared = self.shared
        kept = reg.PSR_USER_MASK | reg.PSR_DFL | reg.PSR_SP | reg.PSR_PK
        self._change(kept, value)
        shared.set_int4(layout.PSR_IC, int(bool(value & reg.PSR_IC)))
        shared.set_byte(layout.UPCALL_MASK, int(not value & reg.PSR_I))
        self.memory.set_metaphysical(not (value & reg.PSR_DT and value & reg.PSR_RT))
        shared.set_byte(layout.VPSR_DFH, int(bool(value & reg.PSR_DFH)))
        self._change(reg.PSR_DFH, reg.PSR_DFH if value & reg.PSR_DFH or shared.byte(layout.HPSR_DFH) else 0)
        shared.set_byte(layout.VPSR_PP, int(bool(value & reg.PSR_PP)))

    # Control, application and indexed registers.

    def read_cr(self, number: int) -> int:
        """priv_mov_from_cr."""
        if number in _IN_SHARED_PAGE:
            return self.shared.cr(number)
        match number:
            case reg.CR_ITM:
                self.log("vcpu_get_itm: Getting cr.itm is unsupported... continuing")
                return 0
            case reg.CR_IVA:
                return self.iva
            case reg.CR_IVR:
                return 15
            case reg.CR_LRR0 | reg.CR_LRR1:
                return 1 << 16
            case reg.CR_LID | reg.CR_EOI | 68 | 69 | 70 | 71:
                return 0
        raise illegal()

    def write_cr(self, number: int, value: int) -> None:
        """priv_mov_to_cr."""
        match number:
            case reg.CR_ITM:
                self.itm = value
                self.timer_changed()
                return
            case reg.CR_IVA:
                self.iva = value & ~0x7FFF
                return
            case reg.CR_EOI:
                self.log("Trying to EOI interrupt when none are in-service.")
                return
            case reg.CR_LRR0 | reg.CR_LRR1:
                if not value >> 16 & 1:
                    raise illegal()
                return
            case reg.CR_ITV:
                if value & 0xEF00:
                    raise illegal()
                if value >> 16 & 1:
                    self.itm = 0
            case reg.CR_PTA if value & (0x3F << 9 | 2):
                raise reserved()
            case reg.CR_TPR if value & 0xFF00:
                raise reserved()
            case reg.CR_PMV | reg.CR_CMCV if value & 0xEF00:
                raise reserved()
        if number not in _IN_SHARED_PAGE:
            raise illegal()
        self.shared.set_cr(number, value)
        if number == reg.CR_ITV:
            self.timer_changed()

    def write_ar(self, number: int, value: int) -> None:
        """vcpu_set_ar."""
        if number == reg.AR_ITC:
            self.log("vcpu_set_itc: Setting ar.itc is currently disabled (this message is only displayed once)")
        elif number > 7:
            raise illegal()
        else:
            self.shared.set_word(layout.KERNEL_REGISTERS + 8 * number, value)
            self.cpu.ar[number] = value

    def read_indexed(self, name: str, index: int) -> int:
        """vcpu_get_rr, vcpu_get_pkr, vcpu_get_dbr, vcpu_get_ibr, vcpu_get_pmc."""
        if name == "rr":
            return self.memory.region_register(index)
        if (name == "pkr" and index > 15) or (name in {"dbr", "ibr"} and index >= 8):
            raise reserved()
        return self.machine.read_indexed(name, index)

    def write_indexed(self, name: str, index: int, value: int) -> None:
        """vcpu_set_rr, vcpu_set_pkr, vcpu_set_dbr, vcpu_set_ibr, vcpu_set_pmc, vcpu_set_pmd."""
        if name == "rr":
            if self.memory.is_reserved(value):
                raise reserved()
            self.memory.set_region_register(index, value)
            return
        if name in {"dbr", "ibr"}:
            if index >= 8:
                raise reserved()
            if index & 1:
                value &= ~(1 << 56)
            elif layout.XEN_VIRT_START <= value <= layout.XEN_VIRT_END:
                raise illegal()
        elif name == "pkr" and index >= 15:
            raise reserved()
        self.machine.write_indexed(name, index, value)

    def read_cpuid(self, index: int) -> int:
        """vcpu_get_cpuid."""
        if index < 3:
            return int.from_bytes(b"Xen/ia64", "little") if index == 0 else 0
        return self.machine.read_indexed("cpuid", index)

    # Translations.

    def insert_cached(self, pte: int, *, instruction: bool) -> None:
        """vcpu_itc_d, vcpu_itc_i."""
        self.memory.insert_cached(pte, instruction=instruction)

    def insert_register(self, slot: int, pte: int, *, instruction: bool) -> None:
        """vcpu_itr_d, vcpu_itr_i."""
        self.memory.insert_register(slot, pte, instruction=instruction)

    def purge(self, name: str, va: int, itir: int) -> None:
        """vcpu_ptc_l, vcpu_ptc_ga, vcpu_ptr_d, vcpu_ptr_i; ptc.g is not implemented there."""
        if name == "ptc.g":
            self.log("vcpu_ptc_g: called, not implemented yet")
            raise illegal()
        self.memory.purge(name, va, itir >> 2 & 63)

    def purge_all(self, va: int) -> None:
        """vcpu_ptc_e."""
        del va
        self.memory.purge_all()

    def force_data_miss(self, va: int) -> reg.Interruption:
        """Return the TLB miss for an address, with cr.ifa, cr.itir and cr.iha set."""
        return self._forced_miss(va, reg.DTLB_FAULT, reg.ALT_DTLB_FAULT)

    def force_inst_miss(self, va: int) -> reg.Interruption:
        """Return the instruction TLB miss for an address, with cr.ifa, cr.itir and cr.iha set."""
        return self._forced_miss(va, reg.ITLB_FAULT, reg.ALT_ITLB_FAULT)

    def _forced_miss(self, va: int, walked: int, alternate: int) -> reg.Interruption:
        self.shared.set_cr(reg.CR_IFA, va)
        self.shared.set_cr(reg.CR_ITIR, self.memory.fault_itir(va))
        self.shared.set_cr(reg.CR_IHA, self.memory.thash(va))
        return reg.Interruption(walked if self.memory.region_register(va) & 1 else alternate)

    def tpa(self, va: int) -> int:
        """vcpu_tpa."""
        try:
            pte, itir = self.memory.translate(va, data=True)
        except reg.Interruption:
            raise self.force_data_miss(va) from None
        mask = (1 << (itir >> 2 & 63)) - 1
        return pte & (1 << 50) - (1 << 12) & ~mask | va & mask

    def tak(self, va: int) -> int:
        """vcpu_tak."""
        try:
            return self.memory.translate(va, data=True)[1] & 0xFFFFFF << 8
        except reg.Interruption:
            return 1

    # Banks and frames.

    def switch_bank(self, bank: int) -> None:
        """vcpu_bsw0, vcpu_bsw1: exchange r16 to r31 with the bank kept in the shared page, NaT bits too."""
        if bool(self.shared.int4(layout.BANK_NUMBER)) == bool(bank):
            return
        if bank:
            self.save_bank(layout.BANK0, layout.BANK0_NATS, 16)
            self.load_bank(layout.BANK1, layout.BANK1_NATS, 0)
        else:
            self.save_bank(layout.BANK1, layout.BANK1_NATS, 0)
            self.load_bank(layout.BANK0, layout.BANK0_NATS, 16)
        self.shared.set_int4(layout.BANK_NUMBER, bank)

    def save_bank(self, offset: int, nats_offset: int, nats_bit: int) -> None:
        """Write r16 to r31 and their NaT bits to the shared page."""
        cpu, shared = self.cpu, self.shared
        nats = shared.word(nats_offset) & ~(0xFFFF << nats_bit)
        for n in range(16):
            shared.set_word(offset + 8 * n, cpu.gr[16 + n])
            nats |= cpu.nat[16 + n] << n + nats_bit
        shared.set_word(nats_offset, nats)

    def load_bank(self, offset: int, nats_offset: int, nats_bit: int) -> None:
        """Read r16 to r31 and their NaT bits from the shared page."""
        cpu, shared = self.cpu, self.shared
        nats = shared.word(nats_offset) >> nats_bit
        for n in range(16):
            cpu.gr[16 + n] = shared.word(offset + 8 * n)
            cpu.nat[16 + n] = nats >> n & 1
        if nats & 0xFFFF:
            cpu.note_nat()

    def cover(self) -> None:
        """vcpu_cover; the hyperprivop keeps cr.ifs whatever psr.ic is, and so does this."""
        self.shared.set_cr(reg.CR_IFS, 1 << 63 | self.cpu.cfm)
        self.cpu.rse.cover()

    def rfi(self) -> None:
        """vcpu_rfi."""
        shared = self.shared
        ipsr = shared.cr(reg.CR_IPSR)
        self.set_full_psr(ipsr)
        self.restore_frame()
        self.cpu.ip = shared.cr(reg.CR_IIP) & -16 | ipsr >> reg.PSR_RI_SHIFT & 3

    def restore_frame(self) -> None:
        """Go back to the frame in the guest's cr.ifs if that is valid."""
        ifs = self.shared.cr(reg.CR_IFS)
        if ifs >> 63:
            self.cpu.rse.restore_frame(ifs & (1 << 38) - 1, ifs & 127)
