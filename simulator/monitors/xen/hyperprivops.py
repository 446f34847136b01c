"""Hyperprivops: `break 1` to `break 0x1a` at the guest kernel's level; operands r8, r9 (r10, r11, r14), result r8.

Source: Xen 4.1.6, xen/arch/ia64/xen/privop.c (ia64_hyperprivop) and hyperprivop.S.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.monitors.privileged import skip_instruction
from simulator.monitors.xen import interruptions, layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.monitors.xen.monitor import XenMachine

_VISIBLE = (1 << 32) - 1 | reg.PSR_MC | reg.PSR_IT


def dispatch(xen: XenMachine, number: int, slot: int) -> None:
    """Do a hyperprivop and go on behind it, or where it leads."""
    cpu, shared = xen.cpu, xen.shared
    xen.count("hyperprivop", layout.HYPERPRIVOP_NAMES[number - 1])
    if number == layout.SSM_I:
        interruptions.fast_ssm_i(xen, slot)
        return
    if number == layout.RFI:
        interruptions.hyper_rfi(xen)
        return
    fast = shared.masked or not shared.byte(layout.UPCALL_PENDING)
    result = _get_psr(xen, fast=fast) if number == layout.GET_PSR else _WORK[number](xen, cpu.gr[8], cpu.gr[9])
    if result is not None:
        cpu.gr[8] = result
        cpu.nat[8] = 0
    skip_instruction(cpu, cpu.ip, slot)


def _get_psr(xen: XenMachine, *, fast: bool) -> int:
    """The assembly loses, in metaphysical mode, all but psr.i and psr.dfh: it clears where it should deposit."""
    if not fast:
        return xen.vcpu.read_psr()
    shared = xen.shared
    psr = xen.cpu.psr & _VISIBLE & ~(reg.PSR_IC | reg.PSR_PP)
    psr |= (reg.PSR_IC if shared.collecting else 0) | (reg.PSR_PP if shared.byte(layout.VPSR_PP) else 0)
    if shared.metaphysical:
        psr = (psr & 1) << 17
    psr = psr & ~(reg.PSR_I | reg.PSR_DFH) | (0 if shared.masked else reg.PSR_I)
    return psr | (reg.PSR_DFH if shared.byte(layout.VPSR_DFH) else 0)


def _set_rr(xen: XenMachine, va: int, value: int) -> None:
    """A value that cannot be is passed over silently."""
    if not xen.virtual_memory.is_reserved(value):
        xen.virtual_memory.set_region_register(va, value)


def _set_rr0_to_rr4(xen: XenMachine) -> None:
    values = [xen.cpu.gr[number] for number in (8, 9, 10, 11, 14)]
    if any(xen.virtual_memory.is_reserved(value) for value in values):
        return
    for region, value in enumerate(values):
        xen.virtual_memory.set_region_register(region << 61, value)


def _fc(xen: XenMachine, va: int) -> None:
    """A miss is passed over silently."""
    try:
        address = xen.vcpu.tpa(va)
    except reg.Interruption:
        return
    machine_pa = xen.domain.machine_address(address)
    if machine_pa is not None:
        xen.forget_page(machine_pa)


def _quietly(work: Callable[[], object]) -> None:
    """Hyperprivops do not look at the fault their work returns."""
    try:
        work()
    except reg.Interruption:
        return


_WORK: dict[int, Callable[[XenMachine, int, int], int | None]] = {
    layout.RSM_DT: lambda xen, a, b: xen.virtual_memory.set_metaphysical(True),
    layout.SSM_DT: lambda xen, a, b: xen.virtual_memory.set_metaphysical(False),
    layout.COVER: lambda xen, a, b: xen.vcpu.cover(),
    layout.ITC_D: lambda xen, a, b: xen.vcpu.insert_cached(a, instruction=False),
    layout.ITC_I: lambda xen, a, b: xen.vcpu.insert_cached(a, instruction=True),
    layout.GET_IVR: lambda xen, a, b: xen.vcpu.read_cr(reg.CR_IVR),
    layout.GET_TPR: lambda xen, a, b: xen.vcpu.read_cr(reg.CR_TPR),
    layout.SET_TPR: lambda xen, a, b: _quietly(lambda: xen.vcpu.write_cr(reg.CR_TPR, a)),
    layout.EOI: lambda xen, a, b: xen.vcpu.write_cr(reg.CR_EOI, 0),
    layout.SET_ITM: lambda xen, a, b: xen.vcpu.write_cr(reg.CR_ITM, a),
    layout.THASH: lambda xen, a, b: xen.virtual_memory.thash(a),
    layout.PTC_GA: lambda xen, a, b: xen.vcpu.purge("ptc.ga", a, b),
    layout.ITR_D: lambda xen, a, b: _quietly(lambda: xen.vcpu.insert_register(a, b, instruction=False)),
    layout.GET_RR: lambda xen, a, b: xen.virtual_memory.region_register(a),
    layout.SET_RR: _set_rr,
    layout.SET_KR: lambda xen, a, b: _quietly(lambda: xen.vcpu.write_ar(a, b)),
    layout.FC: lambda xen, a, b: _fc(xen, a),
    layout.GET_CPUID: lambda xen, a, b: xen.vcpu.read_cpuid(a),
    layout.GET_PMD: lambda xen, a, b: xen.read_indexed("pmd", a),
    layout.GET_EFLAG: lambda xen, a, b: 0,
    layout.SET_EFLAG: lambda xen, a, b: None,
    layout.RSM_BE: lambda xen, a, b: xen.vcpu.rsm(reg.PSR_BE),
    layout.SET_RR0_TO_RR4: lambda xen, a, b: _set_rr0_to_rr4(xen),
}
