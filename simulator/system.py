"""What the system instructions do: psr, control and application registers, TLB inserts and purges.

Source: SDM rev. 2.3 volume 3, chapter 2, the pages of the instructions named; volume 2, chapters 3 and 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.sites.ia64.isa.fields import APPLICATION_REGISTERS, CONTROL_REGISTERS
from simulator import registers as reg
from simulator import tlb
from simulator.access import NON_ACCESS_CODES, Access

if TYPE_CHECKING:
    from simulator.sapic import Sapic

CPUID = (0x49656E69756E6547, 0x6C65746E, 0, 0x1F010004, 1, 0)
"""cpuid[0..5]: vendor "GenuineIntel", family 0x1f, revision 1, 5 registers; cpuid[4] bit 0: brl."""

_IGNORED_AR = frozenset((*range(48, 64), *range(112, 128)))
_SSM_BITS = 0x0FFFE03E
_INTERRUPTION_CRS = frozenset(range(16, 28))


def _reserved() -> reg.Interruption:
    return reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)


def _illegal() -> reg.Interruption:
    return reg.general_exception(reg.GE_ILLEGAL_OPERATION)


class SystemOperations(Access):
    """Mixed into the machine."""

    sapic: Sapic
    cycles: int
    itc_offset: int

    def choose_code(self) -> None:
        """Take up a change of state that code or translations depend on."""
        raise NotImplementedError

    def forget_code(self) -> None:
        """Drop what is known about where code is."""
        raise NotImplementedError

    def forget_data(self) -> None:
        """Drop what is known about where data are."""
        raise NotImplementedError

    def read_ar(self, number: int) -> int:
        """Mov r1=ar3 where the value is not simply kept."""
        rse = self.cpu.rse
        if number not in APPLICATION_REGISTERS:
            if number in _IGNORED_AR:
                return 0
            raise _illegal()
        if number == reg.AR_BSP:
            return rse.bsp_va
        if number in {reg.AR_BSPSTORE, reg.AR_RNAT}:
            if self.cpu.ar[reg.AR_RSC] & 3:
                raise _illegal()
            return rse.bspstore_va if number == reg.AR_BSPSTORE else rse.rnat
        if number == reg.AR_ITC:
            if self.cpu.psr & reg.PSR_SI and self.cpu.cpl:
                raise reg.general_exception(reg.GE_PRIVILEGED_REGISTER)
            return self.cycles + self.itc_offset & (1 << 64) - 1
        return self.cpu.ar[number]

    def write_ar(self, number: int, value: int) -> None:
        """Mov ar3=r2 or imm8, with its checks."""
        cpu = self.cpu
        if number == reg.AR_BSP or number not in APPLICATION_REGISTERS:
            if number in _IGNORED_AR:
                return
            raise _illegal()
        if cpu.cpl and (number < 8 or number == reg.AR_ITC):
            raise reg.general_exception(reg.GE_PRIVILEGED_REGISTER)
        if number == reg.AR_RSC:
            if value & ~0x3FFF001F:
                raise _reserved()
            value = value & ~0xC | max(value >> 2 & 3, cpu.cpl) << 2
        elif number in {reg.AR_BSPSTORE, reg.AR_RNAT}:
            if cpu.ar[reg.AR_RSC] & 3:
                raise _illegal()
            if number == reg.AR_BSPSTORE:
                cpu.rse.set_bspstore(value)
            else:
                cpu.rse.rnat = value & (1 << 63) - 1
            return
        elif number == reg.AR_ITC:
            self.itc_offset = value - self.cycles
            self.choose_code()
            return
        elif number == reg.AR_EC:
            value &= 63
        elif (number == reg.AR_PFS and value & ~(0xC3F0003FFFFFFFFF)) or (number == reg.AR_FPSR and value >> 58):
            raise _reserved()
        cpu.ar[number] = value

    def _check_cr(self, number: int) -> None:
        if number not in CONTROL_REGISTERS:
            raise _illegal()
        if number in _INTERRUPTION_CRS and self.cpu.psr & reg.PSR_IC:
            raise _illegal()

    def read_cr(self, number: int) -> int:
        """Mov r1=cr3."""
        self._check_cr(number)
        if reg.CR_IVR <= number <= reg.CR_IRR0 + 3:
            return self.sapic.read(number)
        return self.cpu.cr[number]

    def write_cr(self, number: int, value: int) -> None:
        """Mov cr3=r2."""
        self._check_cr(number)
        cpu = self.cpu
        if number == reg.CR_IVR or reg.CR_IRR0 <= number <= reg.CR_IRR0 + 3 or (number == reg.CR_ISR and value >> 44):
            raise _illegal() if number != reg.CR_ISR else _reserved()
        if number == reg.CR_IVA:
            value &= ~0x7FFF
        elif (number == reg.CR_PTA and (value & 0x7E02 or not 15 <= value >> 2 & 63 <= 61)) or (
            number == reg.CR_DCR and value & ~0x7F07
        ):
            raise _reserved()
        elif number == reg.CR_TPR:
            if value & ~0x100FF:
                raise _reserved()
            value &= 0x100F0
        elif number == reg.CR_EOI:
            self.sapic.end_of_interrupt()
            value = 0
        elif number in {reg.CR_ITV, reg.CR_PMV, reg.CR_CMCV}:
            if value & ~0x110FF:
                raise _reserved()
            value &= 0x100FF
        cpu.cr[number] = value
        self.choose_code()

    def write_psr_l(self, value: int) -> None:
        """Mov psr.l=r2."""
        if value & 0xF000_1FC1:
            raise _reserved()
        self._write_psr(self.cpu.psr & ~0xFFFFFFFF | value & 0xFFFFFFFF)

    def write_user_mask(self, value: int) -> None:
        """Mov psr.um=r2; psr.up can be changed unless psr.sp is one."""
        if value & ~reg.PSR_USER_MASK:
            raise _reserved()
        mask = reg.PSR_USER_MASK & ~(reg.PSR_UP if self.cpu.psr & reg.PSR_SP else 0)
        self._write_psr(self.cpu.psr & ~mask | value & mask)

    def _write_psr(self, value: int) -> None:
        self.cpu.set_psr(value)

    def sum(self, mask: int) -> None:
        """Set user mask bits."""
        self.write_user_mask(self.cpu.psr & reg.PSR_USER_MASK | mask)

    def rum(self, mask: int) -> None:
        """Reset user mask bits."""
        if mask & ~reg.PSR_USER_MASK:
            raise _reserved()
        self.write_user_mask(self.cpu.psr & reg.PSR_USER_MASK & ~mask)

    def ssm(self, mask: int) -> None:
        """Set system mask bits."""
        if mask & ~_SSM_BITS:
            raise _reserved()
        self._write_psr(self.cpu.psr | mask)

    def rsm(self, mask: int) -> None:
        """Reset system mask bits."""
        if mask & ~_SSM_BITS:
            raise _reserved()
        self._write_psr(self.cpu.psr & ~mask)

    def feature(self, number: int) -> int:
        """Tf: bit number of the features in cpuid[4]; it counts from 32."""
        return CPUID[4] >> number & 1

    def read_indexed(self, name: str, index: int) -> int:
        """Mov r1=rr[r3] and its kind; the region register is chosen by address bits 63:61."""
        if name == "rr":
            return self.cpu.rr[index >> 61]
        index &= 0xFF
        if name == "cpuid":
            if index >= len(CPUID):
                raise _reserved()
            return CPUID[index]
        table: list[int] = getattr(self.cpu, name)
        if index >= len(table):
            raise _reserved()
        if name == "pmd" and self.cpu.psr & reg.PSR_SP and self.cpu.cpl:
            return 0
        return table[index]

    def write_indexed(self, name: str, index: int, value: int) -> None:
        """Mov rr[r3]=r2 and its kind."""
        if name == "rr":
            if value & 2 or value >> 32 or value >> 2 & 63 not in tlb.PAGE_SIZES:
                raise _reserved()
            if self.cpu.rr[index >> 61] != value:
                self.cpu.rr[index >> 61] = value
                self.forget_code()
                self.forget_data()
            return
        table: list[int] = getattr(self.cpu, name)
        index &= 0xFF
        if index >= len(table):
            raise _reserved()
        if name == "pkr":
            if value & 0xF0 or value >> 32:
                raise _reserved()
            for other, pkr in enumerate(table):
                if pkr >> 8 == value >> 8 and other != index:
                    table[other] &= ~1
            self.forget_code()
            self.forget_data()
        table[index] = value

    def _insertion(self, pte: int) -> tlb.Translation:
        cpu = self.cpu
        if cpu.psr & reg.PSR_IC:
            raise _illegal()
        ifa = cpu.cr[reg.CR_IFA]
        return tlb.make_translation(pte, cpu.cr[reg.CR_ITIR], ifa, self.region_register(ifa) >> 8 & 0xFFFFFF)

    def itc_d(self, pte: int) -> None:
        """Insert into the data translation cache."""
        self.dtlb.insert_cached(self._insertion(pte))
        self.forget_data()

    def itc_i(self, pte: int) -> None:
        """Insert into the instruction translation cache."""
        self.itlb.insert_cached(self._insertion(pte))
        self.forget_code()

    def itr_d(self, slot: int, pte: int) -> None:
        """Insert into a data translation register."""
        self.dtlb.insert_register(slot & 0xFF, self._insertion(pte))
        self.forget_data()

    def itr_i(self, slot: int, pte: int) -> None:
        """Insert into an instruction translation register."""
        self.itlb.insert_register(slot & 0xFF, self._insertion(pte))
        self.forget_code()

    def _purge_range(self, va: int, itir: int) -> tuple[int, int, int]:
        size_log2 = itir >> 2 & 63
        if size_log2 not in tlb.PAGE_SIZES | {32}:
            raise _reserved()
        return va & -(1 << size_log2), 1 << size_log2, self.region_register(va) >> 8 & 0xFFFFFF

    def ptc_l(self, va: int, itir: int) -> None:
        """Purge local translation cache entries."""
        where = self._purge_range(va, itir)
        self.dtlb.purge_cached(*where)
        self.itlb.purge_cached(*where)
        self.forget_code()
        self.forget_data()

    ptc_g = ptc_ga = ptc_l

    def ptc_e(self, va: int) -> None:
        """Purge all cached entries; the loop PAL_PTCE_INFO describes is one step long."""
        del va
        self.dtlb.purge_all_cached()
        self.itlb.purge_all_cached()
        self.forget_code()
        self.forget_data()

    def ptr_d(self, va: int, itir: int) -> None:
        """Purge data translation registers."""
        self.dtlb.purge_registers(*self._purge_range(va, itir))
        self.forget_data()

    def ptr_i(self, va: int, itir: int) -> None:
        """Purge instruction translation registers."""
        self.itlb.purge_registers(*self._purge_range(va, itir))
        self.forget_code()

    def ttag(self, va: int) -> int:
        """Return the tag of an address's VHPT entry."""
        return tlb.hash_tag(va, self.region_register(va))

    def tpa(self, va: int) -> int:
        """Return the physical address; faults like a reference."""
        isr = reg.ISR_NA | NON_ACCESS_CODES["tpa"]
        entry = self.lookup(va, isr)
        return entry.pa + (tlb.offset_in_region(va) - entry.start_va)

    def tak(self, va: int) -> int:
        """Return the access key of an address, or 1 if it has no translation."""
        entry = self.dtlb.find(va, self.region_register(va) >> 8 & 0xFFFFFF)
        return 1 if entry is None or not entry.present else entry.key << 8

    def probe(self, kind: str, va: int, level: int) -> int:
        """probe.r and probe.w: 1 if the access would be allowed at the level, or at the current one if that is less."""
        wanted = tlb.READ if kind == "r" else tlb.WRITE
        isr = reg.ISR_NA | NON_ACCESS_CODES["probe"] | (reg.ISR_R if kind == "r" else reg.ISR_W)
        if not self.cpu.psr & reg.PSR_DT:
            return 1
        level = max(level & 3, self.cpu.cpl)
        entry = self.lookup(va, isr)
        return int(not wanted & ~tlb.access_rights(entry.ar, entry.pl, level))

    def probe_fault(self, kind: str, va: int, level: int) -> None:
        """probe.fault: the faults of the access at the level."""
        wanted = (tlb.READ if "r" in kind else 0) | (tlb.WRITE if "w" in kind else 0)
        isr = reg.ISR_NA | NON_ACCESS_CODES["probe.fault"]
        isr |= (reg.ISR_R if "r" in kind else 0) | (reg.ISR_W if "w" in kind else 0)
        self.translate(va, wanted, isr, max(level & 3, self.cpu.cpl))

    def flush_line(self, va: int) -> None:
        """fc, fc.i: code translated from the line's page is translated again when next run."""
        raise NotImplementedError
