"""The machine with Xen on it: every interruption of the processor enters here.

Source: Xen 4.1.6, xen/arch/ia64/xen/ivt.S and faults.c.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.control_flow import FrameFault
from simulator.machine import Machine, Stopped
from simulator.monitors import privileged
from simulator.monitors.xen import domain as domains
from simulator.monitors.xen import firmware, hypercalls, hyperprivops, interruptions, layout
from simulator.monitors.xen.events import EventChannels
from simulator.monitors.xen.shared import SharedPage
from simulator.monitors.xen.translation import DomainCrashedError, VirtualMemory
from simulator.monitors.xen.vcpu import FORCED, VirtualProcessor, illegal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXIT_CRASHED = 125

_TIMER_VECTOR = 0xEF
_MISSES = frozenset((reg.VHPT_FAULT, reg.ITLB_FAULT, reg.DTLB_FAULT, reg.ALT_ITLB_FAULT, reg.ALT_DTLB_FAULT))
_LAZY_COVER = frozenset((reg.DATA_ACCESS_BIT, reg.PAGE_NOT_PRESENT, reg.DATA_ACCESS_RIGHTS))
_LFETCH = 4


class XenMachine(Machine):
    """One processor, one domain: dom0. put: takes the console's bytes. memory_len: the domain's, in bytes."""

    TICK = 1 << 20
    """Cycles between Xen's own timer interrupts, after which a timer of the guest's that has passed is noticed."""
    TICKS_A_SECOND = 100_000_000

    def __init__(self, memory_len: int, put: Callable[[bytes], object]) -> None:
        memory_len &= -layout.PAGE_LEN
        super().__init__(layout.XEN_LEN + memory_len)
        self.put = put
        self.counts: Counter[tuple[str, str]] = Counter()
        self.shared = SharedPage(self.memory)
        self.domain = domains.Domain(self.memory, memory_len)
        self.events = EventChannels(self.shared)
        self.next_tick = self.TICK
        self.cpu.cr[reg.CR_PTA] = layout.VHPT_PTA
        self.shared.set_int4(layout.METAPHYSICAL, 1)
        self.virtual_memory: VirtualMemory = VirtualMemory(self, self.shared, self.domain, self.log)
        self.vcpu: VirtualProcessor = VirtualProcessor(self, self.shared, self.virtual_memory, self.set_timer, self.log)

    def count(self, kind: str, name: str) -> None:
        """Count an entry into Xen for the statistics."""
        self.counts[kind, name] += 1

    def log(self, message: str) -> None:
        """Print a message of Xen's on the console, which it shares with dom0."""
        self.put(f"(XEN) {message}\n".encode())

    def start(self, image: Path) -> None:
        """Build the domain and its first state (construct_dom0, vcpu_init_regs). Raises ImageError, OSError."""
        entry, start_info_pa = domains.load(self.domain, image)
        boot_param_pa = firmware.install(self.domain, start_info_pa)
        cpu, shared = self.cpu, self.shared
        shared.set_word(layout.START_INFO_PFN, start_info_pa >> layout.PAGE_SHIFT)
        shared.set_int4(layout.BANK_NUMBER, 1)
        shared.set_word(layout.PSR_I_ADDRESS, layout.DEFAULT_SHARED_VA + layout.UPCALL_MASK)
        shared.set_byte(layout.UPCALL_MASK, 0xFF)
        shared.set_cr(reg.CR_ITV, 1 << 16)
        shared.set_cr(reg.CR_PTA, 15 << 2)
        shared.set_byte(layout.HPSR_DFH, 1)
        cpu.set_psr(FORCED | reg.PSR_DFH | layout.GUEST_LEVEL << 32)
        cpu.cfm = 0
        cpu.ar[reg.AR_RSC] = layout.GUEST_LEVEL << 2
        cpu.gr[28] = boot_param_pa
        cpu.ip = entry
        cpu.cr[reg.CR_ITV] = _TIMER_VECTOR
        self.set_timer()

    # Time.

    def _now(self) -> int:
        return self.cycles + self.itc_offset

    def set_timer(self) -> None:
        """vcpu_set_next_timer: the real timer goes to the guest's time if that comes before Xen's next tick."""
        now = self._now()
        while self.next_tick <= now:
            self.next_tick += self.TICK
        guest = self.vcpu.itm
        self.cpu.cr[reg.CR_ITM] = guest if now < guest < self.next_tick else self.next_tick
        self.choose_code()

    def _timer_interrupt(self) -> None:
        """xen_timer_interrupt and vcpu_pend_timer."""
        vcpu = self.vcpu
        itv = self.shared.cr(reg.CR_ITV)
        expired = vcpu.itm and self._now() >= vcpu.itm and itv and not itv >> 16 & 1
        wanted = expired and vcpu.itm != vcpu.itm_delivered and self.events.callback
        if wanted and self.events.raise_virq(layout.VIRQ_ITC):
            vcpu.itm_delivered = vcpu.itm
        self.set_timer()

    def block(self) -> None:
        """SCHEDOP_block: let time pass until an event is pending; events are unmasked from then on."""
        shared = self.shared
        shared.set_byte(layout.UPCALL_MASK, 0)
        while not shared.byte(layout.UPCALL_PENDING):
            self.cycles = max(self.cycles, self.cpu.cr[reg.CR_ITM] - self.itc_offset)
            if self.cycles >= self.limit:
                return
            self._timer_interrupt()

    # Interruptions.

    def deliver(self, interruption: reg.Interruption, ip: int, slot: int) -> None:
        """Take an interruption of the processor in Xen, and resume the guest."""
        self.cpu.ip = ip & -16 | slot
        try:
            self._handle(interruption)
            self._resume()
        except DomainCrashedError as error:
            self.log(f"{error}")
            self.log(f"domain_crash called: iip={self.cpu.ip & -16:016x} slot {self.cpu.ip & 3}")
            self.log("Domain 0 crashed: rebooting machine.")
            raise Stopped(EXIT_CRASHED) from None

    def _resume(self) -> None:
        """Leave Xen: deliver an event, return with the frame complete."""
        while True:
            interruptions.reflect_event(self)
            try:
                self.fill_frame()
            except FrameFault as frame:
                self._handle(frame.fault)
            else:
                break
        self.choose_code()

    def _handle(self, interruption: reg.Interruption) -> None:
        cpu = self.cpu
        if interruption.ifa is not None:
            cpu.cr[reg.CR_IFA] = interruption.ifa
        isr = interruption.isr | (cpu.ip & 3) << reg.ISR_EI_SHIFT
        vector = interruption.vector
        if vector == reg.EXTERNAL_INTERRUPT:
            self.sapic.read(reg.CR_IVR)
            self.sapic.end_of_interrupt()
            self._timer_interrupt()
        elif vector == reg.BREAK_INSTRUCTION:
            self._break(interruption.iim or 0, isr)
        elif vector in _MISSES:
            self._page_fault(cpu.cr[reg.CR_IFA], isr)
        elif vector == reg.GENERAL_EXCEPTION and isr & 0xFFFFFFFF <= reg.GE_PRIVILEGED_REGISTER:
            self._privileged(isr)
        else:
            self._reflection(vector, isr, interruption.iim)

    def _break(self, iim: int, isr: int) -> None:
        level = self.cpu.cpl
        if level == layout.GUEST_LEVEL:
            if 1 <= iim <= len(layout.HYPERPRIVOP_NAMES):
                hyperprivops.dispatch(self, iim, self.cpu.ip & 3)
                return
            if iim == layout.HYPERCALL_BREAK:
                hypercalls.dispatch(self)
                return
            if iim in layout.SIMULATOR_BREAKS:
                raise DomainCrashedError(f"break {iim:#x} is a call of a simulator, which this machine is not")
        self.count("fault", "break")
        if iim:
            interruptions.fast_break_reflect(self, iim, isr)
        else:
            self.shared.set_cr(reg.CR_IIM, 0)
            interruptions.reflect(self, reg.BREAK_INSTRUCTION, isr)

    def _page_fault(self, va: int, isr: int) -> None:
        """ia64_do_page_fault: insert the translation the guest has, or hand it the miss."""
        cpu, shared = self.cpu, self.shared
        if isr & reg.ISR_SP or (isr & reg.ISR_NA and isr & 0xF == _LFETCH):
            cpu.set_psr(cpu.psr | reg.PSR_ED)
            return
        data = not isr & reg.ISR_X
        try:
            pte, itir = self.virtual_memory.translate(va, data=data)
        except reg.Interruption as miss:
            if isr & reg.ISR_IR and self._lazy_cover():
                return
            self.count("fault", f"{miss.vector:#06x}")
            if not shared.collecting:
                interruptions.nested_miss(self, miss.vector, isr)
                return
            shared.set_cr(reg.CR_ITIR, self.virtual_memory.fault_itir(va))
            shared.set_cr(reg.CR_IFA, va)
            interruptions.reflect(self, miss.vector, isr)
            return
        self.count("TLB", "filled")
        self.virtual_memory.insert(va, pte, itir, instruction=not data)

    def _lazy_cover(self) -> bool:
        """handle_lazy_cover: a frame that cannot be filled while virtual psr.ic is 0 is put away."""
        if self.shared.collecting:
            return False
        self.vcpu.cover()
        return True

    def _privileged(self, isr: int) -> None:
        """ia64_handle_privop and priv_emulate."""
        cpu = self.cpu
        try:
            raw = self._bundle_at(cpu.ip & -16)
            if cpu.cpl > layout.GUEST_LEVEL:
                raise illegal()
            try:
                insn = privileged.emulate(self, int.from_bytes(raw, "little"), cpu.ip, cpu.ip & 3, self.vcpu)
            except privileged.NotPrivilegedError:
                raise illegal() from None
            self.count("emulated", f"{insn.key} {insn.shape}".strip())
        except reg.Interruption as fault:
            self.count("fault", f"{fault.vector:#06x}")
            if fault.vector == reg.GENERAL_EXCEPTION:
                isr = fault.isr
            interruptions.reflect(self, fault.vector, isr)

    def _bundle_at(self, va: int) -> bytes:
        """vcpu_get_domain_bundle: read the code as data, or through what translations of it are remembered."""
        vm = self.virtual_memory
        raw = vm.read_guest(va, 16)
        if raw is not None:
            return raw
        rid = vm.rid(va)
        for entry in (
            vm.register_entry(va, rid, instruction=True),
            vm.cached[True],
            vm.register_entry(va, rid, instruction=False),
            vm.cached[False],
        ):
            if entry is not None and entry.matches(va, rid):
                mask = entry.size_len - 1
                raw = self.domain.read(entry.pte & (1 << 50) - (1 << 12) & ~mask | va & mask, 16)
                if raw is not None:
                    return raw
        raise self.vcpu.force_inst_miss(va)

    def _reflection(self, vector: int, isr: int, iim: int | None) -> None:
        """ia64_handle_reflection."""
        cpu, shared = self.cpu, self.shared
        if vector == reg.DISABLED_FP_REGISTER:
            shared.set_byte(layout.HPSR_DFH, 0)
            shared.set_byte(layout.HPSR_MFH, 1)
            if not shared.byte(layout.VPSR_DFH):
                cpu.set_psr(cpu.psr & ~reg.PSR_DFH)
                return
        if vector == reg.UNSUPPORTED_REFERENCE:
            raise DomainCrashedError("ia64_handle_reflection: unhandled vector=0x1f")
        if vector == reg.SPECULATION:
            shared.set_cr(reg.CR_IIM, iim or 0)
        if vector in _LAZY_COVER and isr & reg.ISR_IR and self._lazy_cover():
            return
        self.count("fault", f"{vector:#06x}")
        ifa = cpu.cr[reg.CR_IFA]
        shared.set_cr(reg.CR_IFA, ifa)
        shared.set_cr(reg.CR_ITIR, self.virtual_memory.fault_itir(ifa))
        interruptions.reflect(self, vector, isr)
