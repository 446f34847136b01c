"""The emulator, unicorn, with a world in it: sites run from their start to where control goes on."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, TypeAlias

import unicorn as u
from unicorn import x86_const as x

from linker.quick.tuples import NamedTuple
from linker.verification.running.cpu import CR0_ET, CR0_NE, CR0_PE, CR0_PG, CR0_WP, CR4_PAE, MSR_EFER, REGISTERS
from linker.verification.running.world import LARGE_LEN, PAGE_LEN, PageTables, descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.verification.running.world import World

TIMEOUT_US = 20_000_000
LONGEST_RUN = 2_000_000  # instructions
GENERAL = [getattr(x, f"UC_X86_REG_{name.upper()}") for name in REGISTERS]
PRIVATE_LEN = 8 << 20
PRIVATE_TABLES_LEN = 4 << 20
# Linux: __USER_DS, __USER_CS; what a process has, and what modules ask for when they return.
PROCESS_SS, PROCESS_CS = 0x2B, 0x33
CR4_OSFXSR = 1 << 9
EFER_SCE_LME_LMA_NXE = 0xD01
INVALID_OPCODE, PAGE_FAULT = 6, 14
MOST_REDIRECTIONS = 64


Redirection: TypeAlias = "Callable[[], int]"


class RunOutcome(NamedTuple):
    """How a run ended: `left` is empty when it got to where it should, else what happened; `exception`: its vector."""

    left: str
    exception: int | None = None
    is_exit: bool = False  # left for the monitor below: not wrong, but the run cannot go on


class EmulatedMachine:
    """One processor. Private memory (what only a process has: its own copy of the module, a stack) is behind RAM."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.uc = u.Uc(u.UC_ARCH_X86, u.UC_MODE_64)
        self._ram = (ctypes.c_char * world.ram_len).from_buffer(world.ram)
        self.uc.mem_map_ptr(0, world.ram_len, u.UC_PROT_ALL, ctypes.addressof(self._ram))
        self.private_pa = world.ram_len
        self.private = bytearray(PRIVATE_LEN)
        self._private = (ctypes.c_char * PRIVATE_LEN).from_buffer(self.private)
        self.uc.mem_map_ptr(self.private_pa, PRIVATE_LEN, u.UC_PROT_ALL, ctypes.addressof(self._private))
        self._private_free = PRIVATE_TABLES_LEN
        self.root_pa = world.tables.root_pa
        self.outcome: RunOutcome | None = None
        self.uc.hook_add(u.UC_HOOK_INTR, self._interrupted)
        self.uc.hook_add(u.UC_HOOK_INSN_INVALID, self._invalid)
        self.on_interrupt: Callable[[int], RunOutcome | Redirection | None] = lambda number: None
        self._redirection: Redirection | None = None

    def _interrupted(self, uc: u.Uc, number: int, _data: object) -> None:
        outcome = self.on_interrupt(number)
        if outcome is not None and not isinstance(outcome, RunOutcome):
            self.redirect(outcome)
            return
        if outcome is None:
            where = f"at {uc.reg_read(x.UC_X86_REG_RIP):#x}"
            if number == PAGE_FAULT:
                where += f", address {uc.reg_read(x.UC_X86_REG_CR2):#x}"
            outcome = RunOutcome(f"exception {number} {where}", exception=number)
        self.stop(outcome)

    def redirect(self, redirection: Redirection) -> None:
        """Stop, call this, and go on at the address it gives."""
        self._redirection = redirection
        self.uc.emu_stop()

    def _invalid(self, uc: u.Uc, _data: object) -> bool:
        outcome = self.on_interrupt(INVALID_OPCODE)
        if outcome is not None and not isinstance(outcome, RunOutcome):
            self.redirect(outcome)
            return False
        where = f"at {uc.reg_read(x.UC_X86_REG_RIP):#x}"
        self.stop(RunOutcome(f"an instruction that does not decode {where}", exception=INVALID_OPCODE))
        return False

    def stop(self, outcome: RunOutcome) -> None:
        """End the run."""
        if self.outcome is None:
            self.outcome = outcome
        self.uc.emu_stop()

    def start_paging(self, efer: int = EFER_SCE_LME_LMA_NXE) -> None:
        """Long mode with the tables chosen."""
        self.uc.reg_write(x.UC_X86_REG_CR4, CR4_PAE | CR4_OSFXSR)
        self.uc.reg_write(x.UC_X86_REG_CR3, self.root_pa)
        self.uc.reg_write(x.UC_X86_REG_CR0, CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
        self.uc.msr_write(MSR_EFER, efer)

    # ---- a process ----

    def take_private(self, length: int) -> int:
        """Private pages; gives their offset in `private`."""
        off = self._private_free
        self._private_free += length + -length % PAGE_LEN
        if self._private_free > PRIVATE_LEN:
            raise ValueError("no room for private memory")
        return off

    def become_process(self, hidden: list[tuple[int, bytes]], window_va: int) -> None:
        """Tables of a process's own: the guest's pages, a window on all RAM, and private copies of what is `hidden`."""
        tables = PageTables(
            self.private, self.private_pa, self.private_pa + PRIVATE_TABLES_LEN, memory_pa=self.private_pa
        )
        world = self.world
        for load in world.loads:
            first_va, end_va = load.va & -PAGE_LEN, load.va + load.memory_len
            tables.map(first_va, load.pa & -PAGE_LEN, end_va - first_va)
        # To stop at a page's first byte the emulator reads the page in front of it.
        before_va = (world.loads[0].va & -PAGE_LEN) - PAGE_LEN
        if not world.is_mapped(before_va, PAGE_LEN):
            tables.map(before_va, self.private_pa + self.take_private(PAGE_LEN), PAGE_LEN)
        tables.map(world.scratch_va, world.scratch_pa, world.scratch.end_va - world.scratch_va)
        tables.map(window_va, 0, world.ram_len - world.ram_len % LARGE_LEN, large_pages=True)
        for va, contents in hidden:
            off = self.take_private(len(contents))
            self.private[off : off + len(contents)] = contents
            tables.map(va, self.private_pa + off, len(contents))
        self.root_pa = tables.root_pa
        self.start_paging()
        self._enter_ring_3(tables)

    def _enter_ring_3(self, tables: PageTables) -> None:
        off = self.take_private(PAGE_LEN)
        gdt = bytes(0x28) + descriptor(0xF3, 0xC) + descriptor(0xFB, 0xA)
        self.private[off : off + len(gdt)] = gdt
        gdt_va = 0x7E0000000000
        tables.map(gdt_va, self.private_pa + off, PAGE_LEN)
        self.uc.reg_write(x.UC_X86_REG_GDTR, (0, gdt_va, len(gdt) - 1, 0))
        self.uc.reg_write(x.UC_X86_REG_SS, PROCESS_SS)
        self.uc.reg_write(x.UC_X86_REG_CS, PROCESS_CS)

    # ---- memory by address ----

    def _pa(self, va: int) -> int:
        """Where the machine's own tables lead."""
        table, level = self.root_pa, 3
        while True:
            at = table + 8 * (va >> 12 + 9 * level & 511)
            entry = int.from_bytes(self.uc.mem_read(at, 8), "little")
            if not entry & 1:
                raise LookupError(f"{va:#x} is not mapped")
            if level == 0 or entry & 0x80:
                page_len = 1 << 12 + 9 * level
                return (entry & 0x000FFFFFFFFFF000 & -page_len) + va % page_len
            table, level = entry & 0x000FFFFFFFFFF000, level - 1

    def read(self, va: int, length: int) -> bytes:
        """What the running code sees."""
        read = b""
        while length:
            part = min(length, PAGE_LEN - va % PAGE_LEN)
            read += bytes(self.uc.mem_read(self._pa(va), part))
            va, length = va + part, length - part
        return read

    def write(self, va: int, data: bytes) -> None:
        """Change what the running code sees."""
        while data:
            part = min(len(data), PAGE_LEN - va % PAGE_LEN)
            self.uc.mem_write(self._pa(va), data[:part])
            va, data = va + part, data[part:]

    # ---- registers ----

    def get(self) -> list[int]:
        """General registers."""
        return [int(self.uc.reg_read(one)) for one in GENERAL]

    def set(self, regs: list[int]) -> None:
        """General registers."""
        for one, value in zip(GENERAL, regs, strict=True):
            self.uc.reg_write(one, value)

    @property
    def rip(self) -> int:
        """Where it stands."""
        return int(self.uc.reg_read(x.UC_X86_REG_RIP))

    @property
    def flags(self) -> int:
        """RFLAGS of the hardware."""
        return int(self.uc.reg_read(x.UC_X86_REG_EFLAGS))

    @flags.setter
    def flags(self, value: int) -> None:
        self.uc.reg_write(x.UC_X86_REG_EFLAGS, value)

    def run(self, start_va: int, until_va: int) -> RunOutcome:
        """Run until the address is reached."""
        self.outcome = None
        # Code translated for a run that was to pass the place would not stop there.
        self.uc.ctl_remove_cache(until_va, until_va + 1)
        at_va = start_va
        before = self.uc.context_save()
        for _ in range(MOST_REDIRECTIONS):
            self._redirection = None
            try:
                self.uc.emu_start(at_va, until_va, timeout=TIMEOUT_US, count=LONGEST_RUN)
            except u.UcError as error:
                if self._redirection is None:
                    return self.outcome or RunOutcome(f"the emulator stops at {self.rip:#x}: {error}")
            if self._redirection is None or self.outcome is not None:
                break
            if self.rip == start_va:
                # The first instruction trapped. The emulator never hears that somebody took the exception: the next one
                # would be a double fault to it, and then it stops. Nothing else has changed.
                self.uc.context_restore(before)
                self.uc.reg_write(x.UC_X86_REG_RIP, start_va)
            try:
                at_va = self._redirection()
            except LookupError as error:
                return RunOutcome(f"a signal cannot be delivered: {error}")
            if at_va == until_va:
                return RunOutcome("")
        if self.outcome is not None:
            return self.outcome
        if self.rip != until_va:
            return RunOutcome(f"control goes to {self.rip:#x} and not to {until_va:#x}")
        return RunOutcome("")

    # ---- snapshots ----

    def save(self) -> tuple[object, bytes]:
        """Registers and private memory, to go back to."""
        return self.uc.context_save(), bytes(self.private[PRIVATE_TABLES_LEN : self._private_free])

    def load(self, saved: tuple[object, bytes]) -> None:
        """Go back."""
        context, private = saved
        self.uc.context_restore(context)
        self.private[PRIVATE_TABLES_LEN : self._private_free] = private
