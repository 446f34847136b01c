"""Signals: actions, masks, what is pending, and the frame on the program's stack.

Source: Linux 6.1, arch/ia64/kernel/{signal.c,sigframe.h}, kernel/signal.c, include/uapi/asm-generic/siginfo.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.monitors.linux import abi, gate
from simulator.monitors.linux.address_space import LinuxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.cpu import Cpu
    from simulator.monitors.linux.process import Process

_UNBLOCKABLE = 1 << abi.SIGKILL - 1 | 1 << abi.SIGSTOP - 1
_KEPT_SCRATCH = (1, 8, 9, 10, 11, 12, 13, 15)
_SCRATCH = (2, 3, 14, *range(16, 32))
"""General registers in sigcontext always, and only where no system call was interrupted (setup_sigcontext)."""


@dataclass(frozen=True)
class SignalInfo:
    """struct siginfo. fields: what stands from byte 16 on."""

    number: int
    code: int
    fields: bytes = b""

    def encode(self) -> bytes:
        """Return the 128 bytes the program sees."""
        return (struct.pack("<iii4x", self.number, 0, self.code) + self.fields).ljust(128, b"\0")


def fault_info(  # noqa: PLR0917 - the arguments of force_sig_fault()
    number: int, code: int, address: int, imm: int = 0, flags: int = 0, isr: int = 0
) -> SignalInfo:
    """force_sig_fault(): address, si_imm, si_flags, si_isr."""
    return SignalInfo(number, code, struct.pack("<QiIQ", address, imm, flags, isr))


@dataclass
class Action:
    """struct sigaction. mask: bit n-1 is signal n."""

    handler: int = abi.SIG_DFL
    flags: int = 0
    mask: int = 0


@dataclass
class Signals:
    """What one process has of signals."""

    actions: dict[int, Action] = field(default_factory=dict)
    blocked: int = 0
    saved_mask: int | None = None  # rt_sigsuspend: what the frame is to restore
    pending: dict[int, SignalInfo] = field(default_factory=dict)
    stack_va: int = 0
    stack_len: int = 0

    def action(self, number: int) -> Action:
        """Return the action of a signal."""
        return self.actions.setdefault(number, Action())

    def block(self, mask: int) -> None:
        """Set the mask."""
        self.blocked = mask & ~_UNBLOCKABLE

    def send(self, info: SignalInfo) -> None:
        """Make a signal pending; one that is ignored is dropped, a second one of a number is lost."""
        action = self.action(info.number)
        ignored = action.handler == abi.SIG_IGN or (
            action.handler == abi.SIG_DFL and info.number in abi.IGNORED_BY_DEFAULT
        )
        if not ignored or self.blocked >> info.number - 1 & 1:
            self.pending.setdefault(info.number, info)

    def force(self, info: SignalInfo) -> None:
        """force_sig_info(): one that is blocked or ignored becomes fatal."""
        action = self.action(info.number)
        bit = 1 << info.number - 1
        if action.handler == abi.SIG_IGN or self.blocked & bit:
            self.actions[info.number] = Action()
            self.blocked &= ~bit
        self.pending[info.number] = info

    def deliverable(self) -> int | None:
        """Return the next signal: those an instruction causes first, then by number."""
        ready = [number for number in self.pending if not self.blocked >> number - 1 & 1]
        synchronous = {abi.SIGILL, abi.SIGTRAP, abi.SIGBUS, abi.SIGFPE, abi.SIGSEGV}
        return min(ready, key=lambda number: (number not in synchronous, number), default=None)

    def on_stack(self, sp: int) -> bool:
        """Tell whether an address is in the signal stack, as on_sig_stack(): above its base."""
        return self.stack_va < sp <= self.stack_va + self.stack_len

    def stack_flags(self, sp: int) -> int:
        """sas_ss_flags()."""
        if not self.stack_len:
            return abi.SS_DISABLE
        return abi.SS_ONSTACK if self.on_stack(sp) else 0


def set_up_frame(process: Process, number: int, info: SignalInfo, *, in_syscall: bool) -> None:
    """setup_frame(): the frame and the registers the trampoline starts with. Raises LinuxError if it does not fit."""
    signals, cpu = process.signals, process.cpu
    action = signals.action(number)
    sp = cpu.gr[12]
    new_sp, rbs_base = sp, 0
    if action.flags & abi.SA_ONSTACK:
        flags = signals.stack_flags(sp)
        if flags == 0:
            new_sp = signals.stack_va + signals.stack_len
            if not 0 <= cpu.rse.bspstore_va - signals.stack_va < signals.stack_len:
                rbs_base = signals.stack_va + 7 & -8
        elif flags == abi.SS_ONSTACK and not signals.on_stack(new_sp - abi.FRAME_LEN & -16):
            raise LinuxError(abi.EFAULT)
    frame_va = (new_sp - abi.FRAME_LEN) & ((1 << 64) - 16)
    context = _context(process, rbs_base, frame_va + abi.FRAME_CONTEXT, in_syscall=in_syscall)
    head = struct.pack("<QQQQ", number, frame_va + abi.FRAME_INFO, frame_va + abi.FRAME_CONTEXT, action.handler)
    process.space.write(frame_va, head + info.encode() + context)
    if not in_syscall:
        cpu.rse.cover()
    cpu.gr[12] = frame_va - 16
    for register in (*_KEPT_SCRATCH, *_SCRATCH):
        cpu.nat[register] = 0
    cpu.ar[reg.AR_FPSR] = abi.FPSR_DEFAULT
    cpu.set_psr(cpu.psr & ~(reg.PSR_BE | reg.PSR_MFH))
    cpu.ip = abi.GATE_VA + gate.TRAMPOLINE_OFFSET
    signals.block(signals.blocked | action.mask | (0 if action.flags & abi.SA_NODEFER else 1 << number - 1))
    if action.flags & abi.SA_RESETHAND:
        signals.actions[number] = Action()


def _context(process: Process, rbs_base: int, context_va: int, *, in_syscall: bool) -> bytes:
    """setup_sigcontext(): what the program cannot save itself."""
    cpu, signals = process.cpu, process.signals
    sc = bytearray(abi.SC_LEN)

    def put(offset: int, *values: int) -> None:
        struct.pack_into(f"<{len(values)}Q", sc, offset, *values)

    flags = (abi.SC_FLAG_ONSTACK if signals.on_stack(context_va) else 0) | (abi.SC_FLAG_IN_SYSCALL if in_syscall else 0)
    if process.flush_high_fp():
        flags |= abi.SC_FLAG_FPH_VALID
        for number, value in enumerate(process.high_fp or ()):
            put(abi.SC_FR + 16 * (32 + number), value & (1 << 64) - 1, value >> 64)
    saved = _KEPT_SCRATCH if in_syscall else (*_KEPT_SCRATCH, *_SCRATCH)
    put(abi.SC_FLAGS, flags, sum(cpu.nat[number] << number for number in saved))
    struct.pack_into("<QixxxxQ", sc, abi.SC_STACK, signals.stack_va, signals.stack_flags(cpu.gr[12]), signals.stack_len)
    put(abi.SC_IP, cpu.ip, cpu.cfm, cpu.psr & reg.PSR_USER_MASK, cpu.ar[reg.AR_RSC])
    put(abi.SC_UNAT, cpu.ar[reg.AR_UNAT], cpu.ar[reg.AR_FPSR], cpu.ar[reg.AR_PFS])
    put(abi.SC_PR, cpu.predicates())
    for number in (0, 6) if in_syscall else (0, 6, 7):
        put(abi.SC_BR + 8 * number, cpu.br[number])
    for number in saved:
        put(abi.SC_GR + 8 * number, cpu.gr[number])
    if not in_syscall:
        put(abi.SC_CCV, cpu.ar[reg.AR_CCV])
        put(abi.SC_AR25, cpu.ar[reg.AR_CSD], cpu.ar[26])
    put(abi.SC_RBS_BASE, rbs_base, 0)
    put(abi.SC_MASK, signals.blocked if signals.saved_mask is None else signals.saved_mask)
    signals.saved_mask = None
    return bytes(sc)


def return_from_handler(process: Process) -> None:
    """rt_sigreturn: everything from the frame at r12 + 16, r8 and r10 too; the frame of registers may need filling.

    Raises LinuxError EFAULT.
    """
    cpu, signals = process.cpu, process.signals
    sc = process.space.read(cpu.gr[12] + 16 + abi.FRAME_CONTEXT, abi.SC_LEN)

    def get(offset: int) -> int:
        return int.from_bytes(sc[offset : offset + 8], "little")

    signals.block(get(abi.SC_MASK))
    _restore_application_registers(cpu, get)
    flags, nat = get(abi.SC_FLAGS), get(abi.SC_NAT)
    registers = _KEPT_SCRATCH if flags & abi.SC_FLAG_IN_SYSCALL else (*_KEPT_SCRATCH, *_SCRATCH)
    for number in registers:
        cpu.gr[number] = get(abi.SC_GR + 8 * number)
        cpu.nat[number] = nat >> number & 1
    if any(cpu.nat[:32]):
        cpu.note_nat()
    for number in (0, 6) if flags & abi.SC_FLAG_IN_SYSCALL else (0, 6, 7):
        cpu.br[number] = get(abi.SC_BR + 8 * number)
    if not flags & abi.SC_FLAG_IN_SYSCALL:
        cpu.ar[reg.AR_CCV] = get(abi.SC_CCV)
        cpu.ar[reg.AR_CSD], cpu.ar[26] = get(abi.SC_AR25), get(abi.SC_AR25 + 8)
    if flags & abi.SC_FLAG_FPH_VALID:
        process.load_high_fp([get(abi.SC_FR + 16 * n) | get(abi.SC_FR + 16 * n + 8) << 64 for n in range(32, 128)])
    stack_va, stack_flags, stack_len = struct.unpack_from("<QixxxxQ", sc, abi.SC_STACK)
    if not signals.on_stack(cpu.gr[12]) and (stack_len >= abi.MINSIGSTKSZ or stack_flags & abi.SS_DISABLE):
        disabled = stack_flags & abi.SS_DISABLE
        signals.stack_va, signals.stack_len = (0, 0) if disabled else (stack_va, stack_len)
    cfm = get(abi.SC_CFM) & (1 << 38) - 1
    cpu.rse.restore_frame(cfm, cfm & 127)
    cpu.set_psr(cpu.psr & ~reg.PSR_USER_MASK | get(abi.SC_UM) & reg.PSR_USER_MASK)
    cpu.ip = get(abi.SC_IP) & ~0xC
    process.choose_code()


def _restore_application_registers(cpu: Cpu, get: Callable[[int], int]) -> None:
    cpu.ar[reg.AR_RSC] = get(abi.SC_RSC) & 0x3FFF001F | 3 << 2
    cpu.ar[reg.AR_UNAT] = get(abi.SC_UNAT)
    cpu.ar[reg.AR_FPSR] = get(abi.SC_FPSR)
    cpu.ar[reg.AR_PFS] = get(abi.SC_PFS)
    cpu.set_predicates(get(abi.SC_PR), (1 << 64) - 1)
