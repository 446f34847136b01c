"""How Xen hands faults and events to the guest.

The real state goes to the shared page, virtual psr.ic and psr.i become 0, bank 0 is switched in, and the guest runs on
at its vector. There are two ways through Xen: C code, and assembly for the common cases that leaves some of it out.
Both are here as they are. Source: Xen 4.1.6, xen/arch/ia64/xen/faults.c and hyperprivop.S.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.monitors.xen import layout
from simulator.monitors.xen.translation import DomainCrashedError
from simulator.monitors.xen.vcpu import FORCED, NOT_VIRTUAL, TRANSLATING

if TYPE_CHECKING:
    from simulator.monitors.xen.monitor import XenMachine

_POISON = 0xBAD0_0000_0000_0000
"""What Xen's assembly leaves in registers of bank 0, and no guest may rely on."""

_KEPT = reg.PSR_UP | reg.PSR_MFL | reg.PSR_MFH | reg.PSR_PK | reg.PSR_PP
"""Bits of the real psr that neither DELIVER_PSR_CLR nor _SET changes; psr.be follows the virtual dcr."""

_MAY_NEST = frozenset((reg.DTLB_FAULT, reg.ALT_DTLB_FAULT, reg.VHPT_FAULT))


def check_nesting(xen: XenMachine, vector: int, isr: int) -> None:
    """check_bad_nested_interruption: with virtual psr.ic 0 only a data TLB miss is survived."""
    shared = xen.shared
    if not shared.cr(reg.CR_IPSR) & reg.PSR_DT:
        raise DomainCrashedError("psr.dt off, trying to deliver nested dtlb!")
    if vector & ~0xF not in _MAY_NEST:
        raise DomainCrashedError(
            f"psr.ic off, delivering fault={vector:x},ipsr={xen.vcpu.full_psr():x},iip={xen.cpu.ip & -16:x},"
            f"ifa={shared.cr(reg.CR_IFA):x},isr={isr:x},PSCB.iip={shared.cr(reg.CR_IIP):x}"
        )


def _enter(xen: XenMachine, address: int) -> None:
    """Run on at an address with the real psr that handlers start with."""
    cpu, shared = xen.cpu, xen.shared
    psr = cpu.psr & _KEPT | FORCED | layout.GUEST_LEVEL << 32
    psr |= reg.PSR_BE if shared.cr(reg.CR_DCR) & reg.DCR_BE else 0
    psr |= reg.PSR_DFH if shared.byte(layout.HPSR_DFH) else 0
    cpu.set_psr(psr)
    cpu.ip = address & -16


def _save(xen: XenMachine, ipsr: int, isr: int) -> None:
    cpu, shared = xen.cpu, xen.shared
    shared.set_word(layout.PRECOVER_IFS, 1 << 63 | cpu.cfm)
    shared.set_cr(reg.CR_IPSR, ipsr)
    shared.set_cr(reg.CR_ISR, isr)
    shared.set_cr(reg.CR_IIP, cpu.ip & -16)
    shared.set_cr(reg.CR_IFS, 0)


def _disable(xen: XenMachine) -> None:
    shared = xen.shared
    shared.set_byte(layout.VPSR_DFH, 0)
    shared.set_byte(layout.UPCALL_MASK, 1)
    shared.set_int4(layout.PSR_IC, 0)


def reflect(xen: XenMachine, vector: int, isr: int) -> None:
    """reflect_interruption: deliver to the guest's vector."""
    if not xen.shared.collecting:
        check_nesting(xen, vector, isr)
    _reflect_to(xen, xen.vcpu.iva + vector & ~0xFF, isr)


def reflect_event(xen: XenMachine) -> None:
    """Deliver an event, if one is pending and not masked."""
    shared = xen.shared
    if not shared.byte(layout.UPCALL_PENDING) or shared.masked:
        return
    xen.count("event", "delivered")
    if not shared.collecting:
        xen.log(f"psr.ic off, delivering event, iip={xen.cpu.ip & -16:x},viip={shared.cr(reg.CR_IIP):#x}")
    _reflect_to(xen, xen.events.callback, (xen.cpu.ip & 3) << reg.PSR_RI_SHIFT)


def _reflect_to(xen: XenMachine, address: int, isr: int) -> None:
    xen.shared.set_word(layout.UNAT, xen.cpu.ar[reg.AR_UNAT])
    _save(xen, xen.vcpu.full_psr(), isr)
    xen.vcpu.switch_bank(0)
    _enter(xen, address)
    _disable(xen)


def nested_miss(xen: XenMachine, vector: int, isr: int) -> None:
    """The end of ia64_do_page_fault with virtual psr.ic 0: the Nested Data TLB vector, nothing saved."""
    check_nesting(xen, vector, isr)
    _enter(xen, xen.vcpu.iva + reg.NESTED_DTLB_FAULT)
    xen.shared.set_byte(layout.VPSR_DFH, 0)


def _fast_bank_0(xen: XenMachine, first_poisoned: int) -> None:
    """Save r16 to r31 as bank 1, whichever bank they are; of bank 0 only some registers come back, without NaTs."""
    cpu, shared = xen.cpu, xen.shared
    xen.vcpu.save_bank(layout.BANK1, layout.BANK1_NATS, 0)
    for n in range(16):
        cpu.gr[16 + n] = shared.word(layout.BANK0 + 8 * n) if 16 + n < first_poisoned else _POISON + n
        cpu.nat[16 + n] = 0
    shared.set_int4(layout.BANK_NUMBER, 0)


def _real_psr(xen: XenMachine) -> int:
    cpu = xen.cpu
    level = 0 if cpu.cpl == layout.GUEST_LEVEL else cpu.psr & reg.PSR_CPL
    return cpu.psr & ~(reg.PSR_CPL | reg.PSR_BN | reg.PSR_DFH) | (cpu.ip & 3) << reg.PSR_RI_SHIFT | level


def fast_break_reflect(xen: XenMachine, iim: int, isr: int) -> None:
    """A break that is the guest's own. Virtual psr.ic is not looked at, and cr.ipsr says translation is on."""
    shared = xen.shared
    shared.set_cr(reg.CR_IIM, iim)
    ipsr = _real_psr(xen) & ~(reg.PSR_PP | reg.PSR_IC | reg.PSR_I) | TRANSLATING
    ipsr |= (reg.PSR_IC if shared.collecting else 0) | (0 if shared.masked else reg.PSR_I)
    ipsr |= reg.PSR_DFH if shared.byte(layout.VPSR_DFH) else 0
    _save(xen, ipsr, isr)
    _fast_bank_0(xen, 24)
    _enter(xen, xen.vcpu.iva + reg.BREAK_INSTRUCTION)
    _disable(xen)


def fast_ssm_i(xen: XenMachine, slot: int) -> None:
    """hyper_ssm_i: deliver an event, pending or not. A break in slot 1 is executed again: the saved slot is 1 or 0."""
    cpu, shared = xen.cpu, xen.shared
    cpu.ip = (cpu.ip & -16) + 16 if slot == 2 else cpu.ip & -16 | 1
    ipsr = _real_psr(xen) | TRANSLATING | reg.PSR_I | reg.PSR_IC
    ipsr |= reg.PSR_DFH if shared.byte(layout.VPSR_DFH) else 0
    _save(xen, ipsr, (cpu.ip & 3) << reg.PSR_RI_SHIFT)
    _fast_bank_0(xen, 16)
    _enter(xen, xen.events.callback)
    _disable(xen)


def hyper_rfi(xen: XenMachine) -> None:
    """The rfi hyperprivop. Its assembly always ends in bank 1 and does not keep bank 0."""
    cpu, shared, vcpu = xen.cpu, xen.shared, xen.vcpu
    ipsr = shared.cr(reg.CR_IPSR)
    slow = (shared.byte(layout.UPCALL_PENDING) and ipsr & reg.PSR_I) or ipsr & TRANSLATING != TRANSLATING
    if slow or shared.metaphysical:
        vcpu.rfi()
        return
    level = max(ipsr >> 32 & 3, layout.GUEST_LEVEL)
    shared.set_byte(layout.UPCALL_MASK, int(not ipsr & reg.PSR_I))
    shared.set_int4(layout.PSR_IC, int(bool(ipsr & reg.PSR_IC)))
    shared.set_byte(layout.VPSR_DFH, int(bool(ipsr & reg.PSR_DFH)))
    psr = ipsr & (NOT_VIRTUAL | reg.PSR_DI | reg.PSR_SI | reg.PSR_DFH) | FORCED | level << 32
    psr |= reg.PSR_DFH if shared.byte(layout.HPSR_DFH) else 0
    if not shared.int4(layout.BANK_NUMBER):
        vcpu.load_bank(layout.BANK1, layout.BANK1_NATS, 0)
        shared.set_int4(layout.BANK_NUMBER, 1)
    cpu.set_psr(psr)
    vcpu.restore_frame()
    cpu.ip = shared.cr(reg.CR_IIP) & -16 | ipsr >> reg.PSR_RI_SHIFT & 3
