"""Signals as Linux on x86-64 delivers them: what the processor refuses comes to the process's handler.

The frame on the alternate stack is `struct rt_sigframe` (arch/x86/include/asm/sigframe.h): return address, ucontext,
siginfo. The context in it is `struct sigcontext` (asm/sigcontext.h); rt_sigreturn takes it back.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from unicorn import x86_const as x

from linker.quick.tuples import NamedTuple
from linker.verification.running import cpu as c

if TYPE_CHECKING:
    from linker.verification.running.machine import EmulatedMachine

# Exception -> signal (Linux, arch/x86/kernel/traps.c).
SIGILL, SIGTRAP, SIGFPE, SIGSEGV = 4, 5, 8, 11
SIGNAL_OF = {0: SIGFPE, 1: SIGTRAP, 3: SIGTRAP, 6: SIGILL, 13: SIGSEGV, 14: SIGSEGV}
ACTION = struct.Struct("<QQQ")  # handler, flags, restorer
STACK = struct.Struct("<QQQ")  # base, flags, length
# Registers by encoding number in the order of struct sigcontext; behind them RIP, flags.
CONTEXT_ORDER = (8, 9, 10, 11, 12, 13, 14, 15, c.RDI, c.RSI, c.RBP, c.RBX, c.RDX, c.RAX, c.RCX, c.RSP)
CONTEXT = struct.Struct("<18Q4H4Q")  # ..., cs, gs, fs, ss, error, trap, old mask, cr2
UCONTEXT_HEAD_LEN = 40  # flags, link, stack
UCONTEXT_LEN = UCONTEXT_HEAD_LEN + 256 + 8
INFO_LEN = 128
PROCESS_CS, PROCESS_SS = 0x33, 0x2B


class Handler(NamedTuple):
    """What rt_sigaction was told."""

    va: int
    restorer_va: int


class HostSignals:
    """The process's handlers and the stack they run on."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._stack_end_va = 0

    def set_action(self, machine: EmulatedMachine, number: int, action_va: int) -> None:
        """rt_sigaction."""
        handler_va, _, restorer_va = ACTION.unpack(machine.read(action_va, ACTION.size))
        self._handlers[number] = Handler(handler_va, restorer_va)

    def set_stack(self, machine: EmulatedMachine, stack_va: int) -> None:
        """sigaltstack."""
        base_va, _, length = STACK.unpack(machine.read(stack_va, STACK.size))
        self._stack_end_va = base_va + length

    def takes(self, exception: int) -> bool:
        """Whether an exception has a handler."""
        return SIGNAL_OF.get(exception) in self._handlers

    def deliver(self, machine: EmulatedMachine, exception: int) -> int:
        """Make the frame; gives the handler's address."""
        number = SIGNAL_OF[exception]
        handler = self._handlers[number]
        regs = machine.get()
        cr2 = int(machine.uc.reg_read(x.UC_X86_REG_CR2))
        frame_va = (self._stack_end_va - UCONTEXT_LEN - INFO_LEN - 8 & ~15) - 8
        context = CONTEXT.pack(
            *(regs[one] for one in CONTEXT_ORDER),
            *(machine.rip, machine.flags, PROCESS_CS, 0, 0, PROCESS_SS),
            *(0, exception, 0, cr2),
        )
        ucontext = bytes(UCONTEXT_HEAD_LEN) + context.ljust(256, b"\0") + bytes(8)
        info = struct.pack("<i", number).ljust(INFO_LEN, b"\0")
        machine.write(frame_va, struct.pack("<Q", handler.restorer_va) + ucontext + info)
        regs[c.RSP] = frame_va
        regs[c.RDI], regs[c.RSI], regs[c.RDX] = number, frame_va + 8 + UCONTEXT_LEN, frame_va + 8
        regs[c.RAX] = 0
        machine.set(regs)
        machine.flags &= ~(c.DF | c.TF | c.RF)
        return handler.va

    def take_back(self, machine: EmulatedMachine, ucontext_va: int) -> int:
        """rt_sigreturn; gives the address to go on at."""
        fields = CONTEXT.unpack(machine.read(ucontext_va + UCONTEXT_HEAD_LEN, CONTEXT.size))
        regs = [0] * 16
        for number, value in zip(CONTEXT_ORDER, fields, strict=False):
            regs[number] = value
        machine.set(regs)
        machine.flags = fields[17]
        return int(fields[16])
