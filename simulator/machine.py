"""The machine: processor, memory, TLBs, interrupt controller; and the loop that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.control_flow import ControlFlow, FrameFault
from simulator.cpu import CAREFUL, NATS, Cpu
from simulator.memory import PAGE_LEN, Memory
from simulator.sapic import InterruptBlock, Sapic
from simulator.tlb import Tlb
from simulator.translate.runtime import names
from simulator.translate.translator import FILE_NAME, Run, translate

if TYPE_CHECKING:
    from collections.abc import Callable

_CAREFUL_PSR = reg.PSR_SS | reg.PSR_TB | reg.PSR_ONE_INSTRUCTION
_CODE_PSR = reg.PSR_IT | reg.PSR_CPL | reg.PSR_DFL | reg.PSR_DFH | _CAREFUL_PSR
_FOREVER = 1 << 62


class Stopped(Exception):  # noqa: N818 - not an error
    """Raised by a break handler to end the run. status: what the guest gave."""

    def __init__(self, status: int) -> None:
        super().__init__(f"stopped with status {status}")
        self.status = status


class Machine(ControlFlow):
    """One processor and its memory.

    memory_len: bytes of RAM from physical address 0; memory: RAM of another kind in its place. break_handlers:
    immediate of a break instruction -> what is called in place of the Break Instruction fault. cycles: instructions
    executed, which is also the interval timer's unit.
    """

    def __init__(self, memory_len: int = 256 << 20, *, memory: Memory | None = None) -> None:
        self.memory = Memory(memory_len) if memory is None else memory
        self.itlb = Tlb()
        self.dtlb = Tlb()
        self.cycles = 0
        self.itc_offset = 0
        self.deadline = 0
        self.limit = _FOREVER
        self.sof = 0
        self._runs: dict[tuple[int, ...], dict[int, Run]] = {}
        self._compiled: dict[tuple[int, ...], Run] = {}
        self._where: dict[int, tuple[int, ...]] = {}  # by identity: code objects of two runs may be equal
        self._code_pages: dict[int, list[tuple[int, ...]]] = {}
        self._maps: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self._current: dict[int, Run] = {}
        self._key: tuple[int, ...] = ()
        self.break_handlers: dict[int, Callable[[Machine], None]] = {}
        self.cpu = Cpu(self)
        self.sapic = Sapic(self.cpu)
        self.cpu.cr[reg.CR_ITV] = 1 << 16
        self.memory.devices.append(InterruptBlock(self.sapic))
        self._names = names(self)
        self.choose_code()

    def choose_code(self) -> None:
        """Take up a change of state that code or translations depend on, and look for interrupts again."""
        cpu = self.cpu
        psr = cpu.psr
        self._key = (cpu.variant, psr & _CODE_PSR)
        self._current = self._runs.setdefault(self._key, {})
        context = psr & (reg.PSR_DT | reg.PSR_CPL)
        if psr & (reg.PSR_BE | reg.PSR_DA | reg.PSR_DD):
            cpu.readable, cpu.writable = {}, {}
        else:
            cpu.readable, cpu.writable = self._maps.setdefault(context, ({}, {}))
        self.deadline = 0

    def forget_code(self) -> None:
        """Drop what is known about where code is; what was compiled is kept by physical address."""
        for runs in self._runs.values():
            runs.clear()

    def forget_data(self) -> None:
        """Drop what is known about where data are."""
        for readable, writable in self._maps.values():
            readable.clear()
            writable.clear()

    def forget_mappings(self, pa: int, *, write_only: bool = False) -> None:
        """Make the next access to a 4 KiB page (the next write) ask for it again: see `Memory.acquire`."""
        page = pa & -PAGE_LEN
        for readable, writable in self._maps.values():
            for known in (writable,) if write_only else (readable, writable):
                for number in [number for number, place in known.items() if place == page]:
                    del known[number]

    def flush_line(self, va: int) -> None:
        """fc, fc.i: code translated from the line's page is translated again when next run."""
        isr = reg.ISR_R | reg.ISR_NA | 1
        pa, _ = self.translate(va, 0, isr, self.cpu.cpl)
        self.forget_page(pa)

    def forget_page(self, pa: int) -> None:
        """Drop the code translated from a 4 KiB page; whoever writes code from outside calls it."""
        keys = self._code_pages.pop(pa >> 12, None)
        if keys:
            for key in keys:
                run = self._compiled.pop(key, None)
                if run is not None:
                    del self._where[id(run.function.__code__)]
            self.forget_code()

    def _find_run(self, ip: int) -> Run:
        """Return the run at ip for the present state, translating it if need be. Raises the fetch faults."""
        cpu = self.cpu
        pa = self._code_address(ip)
        key = (ip, pa, *self._key)
        run = self._compiled.get(key)
        if run is None:
            run = self._translate(ip, pa, key, cpu.variant | (CAREFUL if cpu.psr & _CAREFUL_PSR else 0))
        self._current[ip] = run
        return run

    def _code_address(self, ip: int) -> int:
        """Return the physical address of the bundle at ip, which may then be read. Raises the fetch faults."""
        pa = self.fetch_address(ip & -16)
        if self.memory.is_ram(pa):
            self.memory.acquire(pa, write=False)
        return pa

    def _translate(self, ip: int, pa: int, key: tuple[int, ...], variant: int) -> Run:
        cpu = self.cpu
        run = translate(self.memory, self._names, ip, pa, variant=variant, cpl=cpu.cpl, fp_disabled=cpu.psr >> 18 & 3)
        self._compiled[key] = run
        self._where[id(run.function.__code__)] = run.where
        self._code_pages.setdefault(pa >> 12, []).append(key)
        return run

    def run_carefully(self, ip: int) -> int:
        """Run one instruction with every check: the way out of a run whose frame turned out too small for it."""
        cpu = self.cpu
        pa = self._code_address(ip)
        key = (ip, pa, -1, *self._key)
        run = self._compiled.get(key) or self._translate(ip, pa, key, cpu.variant | CAREFUL)
        return run.function(cpu.base, cpu.readable, cpu.writable)

    def run(self, limit: int = _FOREVER) -> None:
        """Run until `cycles` reaches the limit or a break handler raises Stopped."""
        self.limit = limit
        cpu = self.cpu
        while self.cycles < limit:
            try:
                self._before_instructions()
                while self.cycles < self.deadline:
                    run = self._current.get(cpu.ip) or self._find_run(cpu.ip)
                    cpu.ip = run.function(cpu.base, cpu.readable, cpu.writable)
                    self.cycles += run.count
            except reg.Interruption as interruption:
                self.cycles += 1  # so that faults in the handler of a fault end too
                self._interrupt(interruption)
            except FrameFault as frame:
                self.cycles += 1
                self.deliver(frame.fault, cpu.ip, cpu.ip & 3)

    def step(self) -> None:
        """Run one instruction, or take one interruption."""
        cpu = self.cpu
        try:
            self._before_instructions()
            if cpu.psr & _CAREFUL_PSR:
                self._one_careful()
            else:
                cpu.ip = self.run_carefully(cpu.ip)
                self.cycles += 1
        except reg.Interruption as interruption:
            self._interrupt(interruption)
        except FrameFault as frame:
            self.deliver(frame.fault, cpu.ip, cpu.ip & 3)

    def _before_instructions(self) -> None:
        """Take a pending interrupt, set how long to run before looking again, deal with one-instruction psr bits."""
        cpu = self.cpu
        self._check_timer()
        if cpu.psr & reg.PSR_I and self.sapic.pending and self.sapic.deliverable():
            raise reg.Interruption(reg.EXTERNAL_INTERRUPT)
        if cpu.variant & NATS:
            cpu.drop_nats()
        self.deadline = min(self.limit, self._timer_cycle(), self.cycles + (256 if cpu.variant & NATS else 1 << 20))
        while cpu.psr & _CAREFUL_PSR and self.cycles < self.limit:
            self._one_careful()

    def _one_careful(self) -> None:
        """Run one instruction with psr.ss, psr.tb or a one-instruction bit on, then the Single Step trap."""
        cpu = self.cpu
        single_step = cpu.psr & reg.PSR_SS
        before = cpu.psr & reg.PSR_ONE_INSTRUCTION
        cpu.ip = self.run_carefully(cpu.ip)
        self.cycles += 1
        if before:
            cpu.set_psr(cpu.psr & ~(before & reg.PSR_ONE_INSTRUCTION))
        if single_step:
            raise reg.Interruption(reg.SINGLE_STEP, 8, trap=True)

    def _timer_cycle(self) -> int:
        """Return the cycle at which the interval timer next matches."""
        match = self.cpu.cr[reg.CR_ITM] - self.itc_offset
        return match if match > self.cycles else _FOREVER

    _timer_seen = 0

    def _check_timer(self) -> None:
        match = self.cpu.cr[reg.CR_ITM] - self.itc_offset
        if self._timer_seen < match <= self.cycles and not self.cpu.cr[reg.CR_ITV] >> 16 & 1:
            self.sapic.pend(self.cpu.cr[reg.CR_ITV] & 0xFF)
        self._timer_seen = self.cycles

    def break_instruction(self, immediate: int) -> None:
        """Break: a handler's work, or the Break Instruction fault."""
        handler = self.break_handlers.get(immediate)
        if handler is None:
            raise reg.Interruption(reg.BREAK_INSTRUCTION, iim=immediate)
        handler(self)

    def _interrupt(self, interruption: reg.Interruption) -> None:
        """Find which instruction an interruption belongs to, and deliver it."""
        cpu = self.cpu
        if interruption.trap:
            self.deliver(interruption, cpu.ip, (cpu.ip & 3))
            return
        ip = cpu.ip
        trace = interruption.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == FILE_NAME:
                ip = self._where[id(trace.tb_frame.f_code)][trace.tb_lineno - 1]
                break
            trace = trace.tb_next
        self.deliver(interruption, ip, ip & 3)

    def deliver(self, interruption: reg.Interruption, ip: int, slot: int) -> None:
        """Save what the interruption registers hold and go to the vector (SDM volume 2, 5.5 and 8.3).

        A monitor overrides this: it is where a hypervisor takes over from its guest.
        """
        cpu, cr = self.cpu, self.cpu.cr
        psr = cpu.psr
        if psr & reg.PSR_IC:
            cr[reg.CR_IPSR] = psr & ~reg.PSR_RI | slot << reg.PSR_RI_SHIFT
            cr[reg.CR_IIP] = ip & -16
            cr[reg.CR_IIPA] = ip & -16
            cr[reg.CR_IFS] = 0
            for number, value in (
                (reg.CR_IFA, interruption.ifa),
                (reg.CR_ITIR, interruption.itir),
                (reg.CR_IIM, interruption.iim),
                (reg.CR_IHA, interruption.iha),
            ):
                if value is not None:
                    cr[number] = value
        if interruption.vector != reg.NESTED_DTLB_FAULT:
            cr[reg.CR_ISR] = interruption.isr | slot << reg.ISR_EI_SHIFT | (0 if psr & reg.PSR_IC else reg.ISR_NI)
        kept = psr & reg.PSR_KEPT_BY_INTERRUPTION
        dcr = cr[reg.CR_DCR]
        kept |= (reg.PSR_BE if dcr & reg.DCR_BE else 0) | (reg.PSR_PP if dcr & reg.DCR_PP else 0)
        cpu.set_psr(kept)
        cpu.ip = cr[reg.CR_IVA] + interruption.vector
        self.choose_code()
