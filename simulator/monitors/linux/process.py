"""The process: the processor at level 3 with Linux below it. Faults, breaks, floating point on demand, signals.

Source: Linux 6.1, arch/ia64/kernel/{ivt.S,traps.c,unaligned.c,entry.S}, arch/ia64/mm/fault.c.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.control_flow import FrameFault
from simulator.machine import Machine, Stopped
from simulator.monitors import EXIT_LIMIT
from simulator.monitors.linux import abi, unaligned
from simulator.monitors.linux.address_space import AddressSpace, LinuxError
from simulator.monitors.linux.files import Files
from simulator.monitors.linux.load import load_program
from simulator.monitors.linux.signals import SignalInfo, Signals, fault_info, set_up_frame
from simulator.monitors.linux.system_calls import SystemCalls
from simulator.monitors.linux.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.monitors import Settings

USER_PSR = (
    reg.PSR_IC | reg.PSR_I | reg.PSR_DT | reg.PSR_DFH | reg.PSR_SP | reg.PSR_RT | reg.PSR_CPL | reg.PSR_IT | reg.PSR_BN
)
ITC_AT_START = 0x1_2345_6789

_PAGE_FAULTS = frozenset(
    (
        reg.VHPT_FAULT, reg.ITLB_FAULT, reg.DTLB_FAULT, reg.ALT_ITLB_FAULT, reg.ALT_DTLB_FAULT, reg.PAGE_NOT_PRESENT,
        reg.INSTRUCTION_ACCESS_RIGHTS, reg.DATA_ACCESS_RIGHTS,
    )
)  # fmt: skip

_BAD_BREAKS = {
    0: (abi.SIGILL, abi.ILL_ILLOPC), 1: (abi.SIGFPE, abi.FPE_INTDIV), 2: (abi.SIGFPE, abi.FPE_INTOVF),
    3: (abi.SIGFPE, abi.FPE_FLTSUB), 4: (abi.SIGSEGV, abi.SEGV_MAPERR), 5: (abi.SIGSEGV, abi.BUS_ADRALN),
    6: (abi.SIGFPE, abi.FPE_DECOVF), 7: (abi.SIGFPE, abi.FPE_DECDIV), 8: (abi.SIGFPE, abi.FPE_DECERR),
    9: (abi.SIGFPE, abi.FPE_INVASC), 10: (abi.SIGFPE, abi.FPE_INVDEC), 11: (abi.SIGSEGV, abi.SEGV_PSTKOVF),
}  # fmt: skip
"""ia64_bad_break()."""

_LFETCH = 4
_REGISTER = (1 << 82) - 1


class Process(Machine):
    """One process with one thread.

    put: takes what is written to file descriptors 1 and 2. system_calls, signals_taken: how many of each, by name or
    number. death: why the process was killed, or empty.
    """

    def __init__(self, memory_len: int, put: Callable[[bytes], object]) -> None:
        super().__init__(memory_len)
        cpu = self.cpu
        cpu.set_psr(USER_PSR)
        for region in range(8):
            cpu.rr[region] = region + 1 << 8 | abi.PAGE_SHIFT << 2
        self.itc_offset = ITC_AT_START
        self.space = AddressSpace(self)
        self.files = Files(self.space.frames, put)
        self.signals = Signals()
        self.timers = Timers()
        self.calls = SystemCalls(self)
        self.high_fp: list[int] | None = None
        self.unaligned_sigbus = False
        self.system_calls: Counter[str] = Counter()
        self.signals_taken: Counter[int] = Counter()
        self.death = ""
        self.choose_code()

    # Time. The interval timer stays off; the process's timers end a run instead.

    def _check_timer(self) -> None:
        for info in self.timers.expire(self.cycles):
            self.signals.send(info)
        if self.signals.pending:
            self.take_signals(in_syscall=False)

    def _timer_cycle(self) -> int:
        return self.timers.next_cycle()

    def sleep(self, until_cycle: int | None) -> None:
        """Let time pass until a signal can be taken, or until a cycle."""
        while self.signals.deliverable() is None:
            wake = self.timers.next_cycle()
            if until_cycle is not None and until_cycle <= wake:
                self.cycles = max(self.cycles, until_cycle)
                return
            self.cycles = min(wake, self.limit)
            if self.cycles >= self.limit:
                return
            for info in self.timers.expire(self.cycles):
                self.signals.send(info)

    # Floating point on demand (disabled_fph_fault, ia64_flush_fph).

    def flush_high_fp(self) -> bool:
        """Save f32-f127 if they changed; tell whether a saved copy is there."""
        cpu = self.cpu
        if not cpu.psr & reg.PSR_DFH and cpu.psr & reg.PSR_MFH:
            self.high_fp = cpu.fr[32:]
            cpu.set_psr(cpu.psr & ~reg.PSR_MFH)
        return self.high_fp is not None

    def load_high_fp(self, values: list[int]) -> None:
        """Take what a signal frame holds of f32-f127, 16 bytes each; what is above a register's 82 bits is kept."""
        self.high_fp = values
        self.cpu.fr[32:] = [value & _REGISTER for value in values]
        self.cpu.set_psr(self.cpu.psr & ~reg.PSR_MFH)

    def _enable_high_fp(self) -> None:
        cpu = self.cpu
        if self.high_fp is None:
            cpu.fr[32:] = [0] * 96
            cpu.set_psr(cpu.psr & ~reg.PSR_DFH | reg.PSR_MFH)
        else:
            cpu.fr[32:] = [value & _REGISTER for value in self.high_fp]
            cpu.set_psr(cpu.psr & ~(reg.PSR_DFH | reg.PSR_MFH))

    # Interruptions.

    def deliver(self, interruption: reg.Interruption, ip: int, slot: int) -> None:
        """Do what Linux's handler of the interruption does, and take signals on the way back."""
        cpu = self.cpu
        cpu.ip = ip & -16 | slot
        if interruption.vector == reg.BREAK_INSTRUCTION and interruption.iim == abi.BREAK_SYSCALL:
            self._system_call()
        else:
            self._fault(interruption, ip & -16, slot)
            self.take_signals(in_syscall=False)
        self._fill_frame()

    def _fill_frame(self) -> None:
        """Read the registers the current frame lacks, as the kernel's rfi does, taking the faults of that."""
        while self.cpu.rse.dirty < 0:
            try:
                self.fill_frame()
            except FrameFault as frame:
                self._fault(frame.fault, self.cpu.ip & -16, self.cpu.ip & 3)
                self.take_signals(in_syscall=False)

    def next_instruction(self, ip: int, slot: int) -> int:
        """Return the address after a slot."""
        return (ip & -16) + 16 if slot == 2 else ip & -16 | slot + 1

    def _system_call(self) -> None:
        cpu = self.cpu
        site = cpu.ip
        cpu.ip = self.next_instruction(site, site & 3)
        restored = self.calls.make(site)
        self.take_signals(in_syscall=not restored)

    def _fault(self, fault: reg.Interruption, ip: int, slot: int) -> None:
        vector, isr, ifa = fault.vector, fault.isr | slot << reg.ISR_EI_SHIFT, fault.ifa or 0
        where = ip + slot
        if vector in _PAGE_FAULTS:
            self._page_fault(ifa, isr)
        elif vector == reg.BREAK_INSTRUCTION:
            self._bad_break(fault.iim or 0, where)
        elif vector == reg.GENERAL_EXCEPTION and not isr >> 4 & 15:
            self.signals.force(fault_info(abi.SIGILL, abi.ILL_ILLOPC, where))
        elif vector == reg.DISABLED_FP_REGISTER and isr & 2:
            self._enable_high_fp()
        elif vector == reg.NAT_CONSUMPTION:
            self.signals.force(fault_info(abi.SIGILL, abi.ILL_ILLOPN, where, 26, abi.ISR_VALID, isr))
        elif vector == reg.UNSUPPORTED_REFERENCE:
            self.signals.force(fault_info(abi.SIGILL, abi.ILL_ILLOPN, where, 31, abi.ISR_VALID, isr))
        elif vector == reg.UNALIGNED_REFERENCE:
            if self.unaligned_sigbus or not unaligned.emulate(self, ip, slot, ifa):
                self.signals.force(fault_info(abi.SIGBUS, abi.BUS_ADRALN, ifa))
        elif vector == reg.FP_FAULT:
            # There is no floating-point software assist here, which is what fpswa_interface == NULL means.
            self.signals.force(fault_info(abi.SIGFPE, abi.FPE_FLTINV, where, 0, abi.ISR_VALID, isr))
        elif vector in {reg.TAKEN_BRANCH, reg.SINGLE_STEP}:
            code = abi.TRAP_BRANCH if vector == reg.TAKEN_BRANCH else abi.TRAP_TRACE
            self.signals.force(fault_info(abi.SIGTRAP, code, 0, 0, abi.ISR_VALID, isr))
        else:  # force_sig(): no address
            self.signals.force(SignalInfo(abi.SIGILL, abi.SI_KERNEL))

    def _page_fault(self, va: int, isr: int) -> None:
        """ia64_do_page_fault()."""
        wanted = (
            (abi.PROT_READ if isr & reg.ISR_R else 0)
            | (abi.PROT_WRITE if isr & reg.ISR_W else 0)
            | (abi.PROT_EXEC if isr & reg.ISR_X else 0)
        )
        if va < abi.PAGE_LEN and not isr & reg.ISR_X:  # the NaT page of ia64_init_addr_space()
            if isr & reg.ISR_SP:
                self.cpu.set_psr(self.cpu.psr | reg.PSR_ED)
            else:
                info = fault_info(abi.SIGSEGV, abi.SEGV_ACCERR, va, 26, abi.ISR_VALID, isr | 0x20)
                self.signals.force(info)
            return
        area, pa = self.space.resolve(va, wanted)
        if area is not None and pa is not None:
            entry = self.space.translate_page(area, va, pa)
            (self.itlb if isr & reg.ISR_X else self.dtlb).insert_cached(entry)
            return
        if isr & reg.ISR_SP or (isr & reg.ISR_NA and isr & 15 == _LFETCH):
            self.cpu.set_psr(self.cpu.psr | reg.PSR_ED)
            return
        behind_file = area is not None and pa is None and not wanted & ~area.prot
        number, code = (abi.SIGBUS, 2) if behind_file else (abi.SIGSEGV, abi.SEGV_ACCERR)
        if area is None:
            code = abi.SEGV_MAPERR
        self.signals.force(fault_info(number, code, va, 0, abi.ISR_VALID, isr))

    def _bad_break(self, immediate: int, where: int) -> None:
        """ia64_bad_break()."""
        if immediate in _BAD_BREAKS:
            number, code = _BAD_BREAKS[immediate]
        elif 0x3F000 <= immediate <= 0x3FFFF:
            number, code = abi.SIGILL, abi.ILL_BNDMOD
        elif immediate < 0x80000:
            number, code = abi.SIGILL, abi.ILL_BREAK
        else:
            number, code = abi.SIGTRAP, abi.TRAP_BRKPT
        signed = immediate - (1 << 32) if immediate >> 31 & 1 else immediate
        self.signals.force(fault_info(number, code, where, signed))

    # Signals.

    def take_signals(self, *, in_syscall: bool) -> None:
        """ia64_do_signal(): set up the frame of the next signal, or end the process."""
        number = self.signals.deliverable()
        if number is None:
            if in_syscall:
                self.calls.restart_without_handler()
            return
        if in_syscall:
            self.calls.interrupted()
        while number is not None:
            info = self.signals.pending.pop(number)
            action = self.signals.action(number)
            if action.handler == abi.SIG_IGN:
                number = self.signals.deliverable()
                continue
            if action.handler == abi.SIG_DFL:
                if number not in abi.IGNORED_BY_DEFAULT:
                    self._die(number, info)
                number = self.signals.deliverable()
                continue
            self.signals_taken[number] += 1
            try:
                set_up_frame(self, number, info, in_syscall=in_syscall)
            except LinuxError:
                self.signals.actions[abi.SIGSEGV] = type(action)()
                self._die(abi.SIGSEGV, info)
            return

    def _die(self, number: int, info: SignalInfo) -> None:
        self.death = f"killed by signal {number}, code {info.code}, at {self.cpu.ip:#x}, {info.fields.hex()}"
        raise Stopped(128 + number)


def run(settings: Settings, arguments: Sequence[str] = ()) -> int:
    """Run a static program to its end: see `Settings`. Raises ImageError, OSError.

    Killed by a signal, it ends with status 128 + the signal's number, as a shell says it.
    """
    process = Process(settings.memory_len, settings.put)
    load_program(process, settings.image, [str(settings.image), *arguments])
    return run_process(process, settings)


def run_process(process: Process, settings: Settings) -> int:
    """Run a loaded process to its end or to the limit; return the exit status."""
    start_s = time.monotonic()
    try:
        process.run(settings.limit)
        status = EXIT_LIMIT
    except Stopped as stopped:
        status = stopped.status
    if settings.report is not None:
        elapsed_s = time.monotonic() - start_s
        if process.death:
            settings.report(process.death)
        settings.report(f"{process.cycles} instructions, {process.cycles / elapsed_s:.0f} a second")
        for what, counts in (("system calls", process.system_calls), ("signals", process.signals_taken)):
            settings.report(f"{what}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    return status
