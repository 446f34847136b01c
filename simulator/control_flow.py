"""Frames and levels: cover, loadrs, epc, the loop branches, returns and rfi.

Source: SDM rev. 2.3 volume 3, chapter 2, the pages of the instructions named; volume 2, section 6.5.
"""

from __future__ import annotations

from simulator import registers as reg
from simulator.system import SystemOperations


def _illegal() -> reg.Interruption:
    return reg.general_exception(reg.GE_ILLEGAL_OPERATION)


class FrameFault(Exception):  # noqa: N818 - carries an interruption
    """A fault while an incomplete frame was being filled: the branch or rfi itself has completed."""

    def __init__(self, fault: reg.Interruption) -> None:
        super().__init__(str(fault))
        self.fault = fault


class ControlFlow(SystemOperations):
    """Mixed into the machine."""

    def cover(self) -> None:
        """Cover: with psr.ic zero the old frame marker goes to cr.ifs."""
        cpu = self.cpu
        marker = cpu.cfm
        cpu.rse.cover()
        if not cpu.psr & reg.PSR_IC:
            cpu.cr[reg.CR_IFS] = 1 << 63 | marker

    def load_registers(self) -> None:
        """Loadrs: only in enforced lazy mode and with an empty frame if anything is to be loaded."""
        cpu = self.cpu
        if cpu.ar[reg.AR_RSC] & 3 or (cpu.sof and cpu.ar[reg.AR_RSC] >> 16 & 0x3FFF):
            raise _illegal()
        cpu.rse.load()

    def epc(self) -> None:
        """Epc: to level 0 in physical mode, else to the level of the page if its rights are 7."""
        cpu = self.cpu
        if cpu.ar[reg.AR_PFS] >> 62 < cpu.cpl:
            raise _illegal()
        level = 0
        if cpu.psr & reg.PSR_IT:
            va = cpu.ip & -16
            entry = self.itlb.find(va, self.region_register(va) >> 8 & 0xFFFFFF)
            level = entry.pl if entry is not None and entry.ar == 7 else cpu.cpl
        cpu.set_psr(cpu.psr & ~reg.PSR_CPL | min(level, cpu.cpl) << 32)

    def loop_branch(self, condition: int | None) -> bool:
        """Count, set p63 and rotate for br.ctop/cexit (condition None) or br.wtop/wexit; tell whether to go on."""
        cpu, ar = self.cpu, self.cpu.ar
        going_on = bool(ar[reg.AR_LC]) if condition is None else bool(condition)
        stage = int(going_on and condition is None)
        if going_on:
            ar[reg.AR_LC] -= stage
        elif ar[reg.AR_EC] > 1:
            ar[reg.AR_EC] -= 1
            going_on = True
        elif ar[reg.AR_EC] == 1:
            ar[reg.AR_EC] = 0
        else:
            cpu.pr[cpu.predicate(63)] = 0
            return False
        cpu.pr[cpu.predicate(63)] = stage
        cpu.rotate()
        return going_on

    def branch_return(self, target_va: int) -> int:
        """br.ret: the caller's frame, level and epilog count; returns where to go. The frame may need filling."""
        cpu = self.cpu
        pfs = cpu.ar[reg.AR_PFS]
        sof, sol = pfs & 127, pfs >> 7 & 127
        if sof > 96 or sol > sof:
            raise _illegal()
        cpu.rse.restore_frame(pfs, sol)
        cpu.ar[reg.AR_EC] = pfs >> 52 & 63
        cpu.ip = target_va
        level = pfs >> 62
        if level > cpu.cpl:
            cpu.set_psr(cpu.psr & ~reg.PSR_CPL | level << 32)
            if cpu.psr & reg.PSR_LP:
                self.fill_frame()
                raise reg.Interruption(reg.LOWER_PRIVILEGE_TRANSFER, 2, trap=True)
        self.fill_frame()
        return self.taken_branch(target_va)

    def fill_frame(self) -> None:
        """Fill an incomplete frame; a fault is reported with isr.ir one, before the instruction at cpu.ip."""
        if self.cpu.rse.dirty < 0:
            try:
                self.cpu.rse.fill()
            except reg.Interruption as fault:
                fault.isr |= reg.ISR_IR
                raise FrameFault(fault) from None

    def taken_branch(self, target_va: int) -> int:
        """Return the target, after the Taken Branch trap if psr.tb asks for it."""
        if self.cpu.psr & reg.PSR_TB:
            self.cpu.ip = target_va
            raise reg.Interruption(reg.TAKEN_BRANCH, 4, trap=True)
        return target_va

    def rfi(self) -> int:
        """Rfi: psr, ip and, if cr.ifs is valid, the frame as before the interruption."""
        cpu = self.cpu
        if cpu.psr & reg.PSR_IC:
            raise _illegal()
        ipsr, iip, ifs = cpu.cr[reg.CR_IPSR], cpu.cr[reg.CR_IIP], cpu.cr[reg.CR_IFS]
        if ipsr & reg.PSR_IS:
            raise _illegal()
        if ifs >> 63:
            cpu.rse.restore_frame(ifs, ifs & 127)
        slot = ipsr >> reg.PSR_RI_SHIFT & 3
        cpu.set_psr(ipsr & ~reg.PSR_RI)
        cpu.ip = iip & -16 | slot
        self.fill_frame()
        self.choose_code()
        return cpu.ip
