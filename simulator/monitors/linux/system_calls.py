"""System calls: number in r15, arguments in the output registers, result in r8, r10 -1 for an error.

Source: Linux 6.1, arch/ia64/kernel/{ivt.S (ia64_syscall_setup), entry.S (ia64_leave_syscall), signal.c}, and the files
that define each call.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.machine import Stopped
from simulator.monitors.linux import abi
from simulator.monitors.linux.address_space import LinuxError
from simulator.monitors.linux.signals import Action, SignalInfo, return_from_handler
from simulator.monitors.linux.timers import NEVER

if TYPE_CHECKING:
    from simulator.monitors.linux.process import Process

MINUS_ONE = (1 << 64) - 1
PROCESS_ID = 1234
SIGEV_SIGNAL, SIGEV_NONE = 0, 1
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2
SIGSET_LEN = 8
_STACK_T = struct.Struct("<QixxxxQ")
_SIGEVENT = struct.Struct("<Qii")


def _int(value: int) -> int:
    """Return an argument of C type int."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


class SystemCalls:
    """The calls of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._site = 0
        self._restart_number = 0
        self._sleep_end: int | None = None

    def make(self, site: int) -> bool:
        """Do the call asked for by the break at site; tell whether rt_sigreturn replaced all registers."""
        process, cpu = self._process, self._process.cpu
        self._site = site
        number = cpu.gr[15]
        name = abi.SYSCALL_NAMES.get(number, str(number))
        process.system_calls[name] += 1
        self._restart_number = 0
        if name == "rt_sigreturn":
            try:
                return_from_handler(process)
            except LinuxError:
                process.signals.force(SignalInfo(abi.SIGSEGV, abi.SI_KERNEL))
            return True
        try:
            if cpu.sof > cpu.sol + 8 or cpu.nat[15]:
                raise LinuxError(abi.EINVAL)
            call = getattr(self, f"_{name}", None) if number in abi.SYSCALL_NAMES else None
            if call is None:
                raise LinuxError(abi.ENOSYS)
            result = call(*self._arguments())
            self._leave(result & MINUS_ONE, 0)
        except LinuxError as error:
            if error.number in {abi.ERESTARTNOHAND, abi.ERESTART_RESTARTBLOCK}:
                self._restart_number = error.number
                error = LinuxError(abi.EINTR)
            self._leave(error.number, MINUS_ONE)
        return False

    def _arguments(self) -> list[int]:
        """The output registers of the calling frame, six of them; a NaT and one outside the frame are -1 and 0."""
        cpu = self._process.cpu
        values = []
        for number in range(cpu.sol, cpu.sol + 6):
            index = cpu.index(32 + number)
            values.append(0 if number >= cpu.sof else MINUS_ONE if cpu.nat[index] else cpu.gr[index])
        return values

    def _leave(self, result: int, error: int) -> None:
        """Set what entry.S leaves in the scratch registers ("known-to-be-safe values")."""
        cpu = self._process.cpu
        cpu.gr[8], cpu.gr[10] = result, error
        values = {
            2: 0, 3: 1, 14: abi.GATE_VA, 16: 0, 17: 0, 18: cpu.br[6], 19: 0, 20: cpu.ar[reg.AR_FPSR], 21: cpu.br[0],
            22: 0, 23: cpu.rse.bspstore_va, 24: cpu.rse.rnat, 25: cpu.ar[reg.AR_UNAT], 26: cpu.ar[reg.AR_PFS],
            27: cpu.ar[reg.AR_RSC], 28: cpu.ip & -16, 29: cpu.psr, 30: cpu.cfm, 31: cpu.predicates(),
        }  # fmt: skip
        for number, value in values.items():
            cpu.gr[number] = value
        for number in (8, 10, *values):
            cpu.nat[number] = 0
        cpu.fr[6:12] = [0] * 6
        cpu.br[7] = abi.GATE_VA
        cpu.ar[reg.AR_CCV] = cpu.ar[reg.AR_CSD] = cpu.ar[26] = 0

    def interrupted(self) -> None:
        """A handler is about to run: the call that waited returns EINTR, which is what r8 and r10 say already."""
        self._restart_number = 0
        self._sleep_end = None

    def restart_without_handler(self) -> None:
        """The call that waited was woken for nothing: it is made again."""
        if self._restart_number:
            self._process.cpu.ip = self._site
            self._restart_number = 0

    # Processes

    def _exit_group(self, status: int, *_: int) -> int:
        raise Stopped(status & 0xFF)

    _exit = _exit_group

    def _getpid(self, *_: int) -> int:
        return PROCESS_ID

    _gettid = _getpid

    def _kill(self, pid: int, number: int, *_: int) -> int:
        return self._send(pid, number, abi.SI_USER)

    def _tkill(self, pid: int, number: int, *_: int) -> int:
        return self._send(pid, number, abi.SI_TKILL)

    def _tgkill(self, group: int, pid: int, number: int, *_: int) -> int:
        del group
        return self._send(pid, number, abi.SI_TKILL)

    def _send(self, pid: int, number: int, code: int) -> int:
        if pid != PROCESS_ID:
            raise LinuxError(abi.ESRCH)
        if not 0 <= number <= abi.NSIG:
            raise LinuxError(abi.EINVAL)
        if number:
            self._process.signals.send(SignalInfo(number, code, struct.pack("<ii", PROCESS_ID, 1000)))
        return 0

    def _prctl(self, option: int, value: int, *_: int) -> int:
        process = self._process
        if option == abi.PR_SET_UNALIGN:
            process.unaligned_sigbus = bool(value & abi.PR_UNALIGN_SIGBUS)
            return 0
        if option == abi.PR_GET_UNALIGN:
            state = abi.PR_UNALIGN_SIGBUS if process.unaligned_sigbus else 0
            process.space.write(value, struct.pack("<I", state))
            return 0
        raise LinuxError(abi.EINVAL)

    # Files and memory

    def _write(self, number: int, va: int, length: int, *_: int) -> int:
        files = self._process.files
        files.find(_int(number))  # EBADF comes before EFAULT
        return files.write(_int(number), self._process.space.read(va, length))

    def _pwrite64(self, number: int, va: int, length: int, offset: int, *_: int) -> int:
        return self._process.files.write_at(_int(number), self._process.space.read(va, length), offset)

    def _writev(self, number: int, va: int, count: int, *_: int) -> int:
        if count > 1024:
            raise LinuxError(abi.EINVAL)
        words = self._process.space.read_words(va, 2 * count)
        return sum(self._write(number, words[at], words[at + 1]) for at in range(0, len(words), 2))

    def _read(self, number: int, va: int, length: int, *_: int) -> int:
        data = self._process.files.read(_int(number))[:length]
        self._process.space.write(va, data)
        return len(data)

    def _close(self, number: int, *_: int) -> int:
        self._process.files.close(_int(number))
        return 0

    def _memfd_create(self, name_va: int, flags: int, *_: int) -> int:
        if flags & ~3:  # MFD_CLOEXEC, MFD_ALLOW_SEALING
            raise LinuxError(abi.EINVAL)
        self._process.space.read(name_va, 1)
        return self._process.files.create()

    def _ftruncate(self, number: int, length: int, *_: int) -> int:
        self._process.files.truncate(_int(number), length)
        return 0

    def _mmap(  # noqa: PLR0917
        self, va: int, length: int, prot: int, flags: int, number: int, offset: int
    ) -> int:
        if offset & abi.PAGE_LEN - 1 or flags & abi.MAP_TYPE not in {abi.MAP_SHARED, abi.MAP_PRIVATE}:
            raise LinuxError(abi.EINVAL)
        anonymous = flags & abi.MAP_ANONYMOUS
        backing = None if anonymous else self._process.files.memory_file(_int(number))
        return self._process.space.map(va, length, prot, flags, backing, offset)

    def _mmap2(  # noqa: PLR0917
        self, va: int, length: int, prot: int, flags: int, number: int, page: int
    ) -> int:
        return self._mmap(va, length, prot, flags, number, page << abi.PAGE_SHIFT)

    def _munmap(self, va: int, length: int, *_: int) -> int:
        self._process.space.unmap(va, length)
        return 0

    def _mprotect(self, va: int, length: int, prot: int, *_: int) -> int:
        self._process.space.protect(va, length, prot)
        return 0

    # Signals

    def _rt_sigaction(self, number: int, new_va: int, old_va: int, set_len: int, *_: int) -> int:
        signals, space = self._process.signals, self._process.space
        if set_len != SIGSET_LEN or not 1 <= number <= abi.NSIG:
            raise LinuxError(abi.EINVAL)
        old = signals.action(number)
        if new_va:
            handler, flags, mask = space.read_words(new_va, 3)
            if number in {abi.SIGKILL, abi.SIGSTOP}:
                raise LinuxError(abi.EINVAL)
            signals.actions[number] = Action(handler, flags, mask)
        if old_va:
            space.write(old_va, struct.pack("<QQQ", old.handler, old.flags, old.mask))
        return 0

    def _rt_sigprocmask(self, how: int, new_va: int, old_va: int, set_len: int, *_: int) -> int:
        signals, space = self._process.signals, self._process.space
        if set_len != SIGSET_LEN:
            raise LinuxError(abi.EINVAL)
        old = signals.blocked
        if new_va:
            (mask,) = space.read_words(new_va, 1)
            if how not in {SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK}:
                raise LinuxError(abi.EINVAL)
            signals.block({SIG_BLOCK: old | mask, SIG_UNBLOCK: old & ~mask, SIG_SETMASK: mask}[how])
        if old_va:
            space.write(old_va, struct.pack("<Q", old))
        return 0

    def _rt_sigpending(self, va: int, *_: int) -> int:
        signals = self._process.signals
        pending = sum(1 << number - 1 for number in signals.pending) & signals.blocked
        self._process.space.write(va, struct.pack("<Q", pending))
        return 0

    def _rt_sigsuspend(self, va: int, set_len: int, *_: int) -> int:
        process = self._process
        if set_len != SIGSET_LEN:
            raise LinuxError(abi.EINVAL)
        (mask,) = process.space.read_words(va, 1)
        saved = process.signals.blocked
        process.signals.block(mask)
        process.sleep(None)
        if process.signals.deliverable() is None:  # the run's limit came first
            process.signals.block(saved)
        else:
            process.signals.saved_mask = saved
        raise LinuxError(abi.ERESTARTNOHAND)

    def _sigaltstack(self, new_va: int, old_va: int, *_: int) -> int:
        process = self._process
        signals, sp = process.signals, process.cpu.gr[12]
        old = _STACK_T.pack(signals.stack_va, signals.stack_flags(sp), signals.stack_len)
        if new_va:
            va, flags, length = _STACK_T.unpack(process.space.read(new_va, _STACK_T.size))
            if signals.stack_len and signals.on_stack(sp):
                raise LinuxError(abi.EPERM)
            if flags not in {0, abi.SS_ONSTACK, abi.SS_DISABLE}:
                raise LinuxError(abi.EINVAL)
            if flags == abi.SS_DISABLE:
                va = length = 0
            elif length < abi.MINSIGSTKSZ:
                raise LinuxError(abi.ENOMEM)
            signals.stack_va, signals.stack_len = va, length
        if old_va:
            process.space.write(old_va, old)
        return 0

    # Time

    def _cycles(self, seconds: int, fraction: int, unit: int) -> int:
        """Return cycles of a time; fraction counts 1/unit seconds. Raises LinuxError EINVAL."""
        if seconds >> 63 or fraction >= unit:
            raise LinuxError(abi.EINVAL)
        return abi.cycles_from_ns(seconds * 10**9 + fraction * (10**9 // unit))

    def _left(self, cycle: int, unit: int) -> tuple[int, int]:
        if cycle == NEVER:
            return 0, 0
        ns = abi.ns_from_cycles(max(cycle - self._process.cycles, 0))
        return ns // 10**9, ns % 10**9 // (10**9 // unit)

    def _set_timer(self, number: int, new: list[int], unit: int, *, absolute: bool) -> tuple[int, int, int, int]:
        process = self._process
        if number not in process.timers.timers:
            raise LinuxError(abi.EINVAL)
        timer = process.timers.timers[number]
        interval = self._cycles(new[0], new[1], unit)
        value = self._cycles(new[2], new[3], unit)
        old = (*self._left(timer.interval + process.cycles if timer.interval else NEVER, unit),
               *self._left(timer.cycle, unit))  # fmt: skip
        timer.interval = interval
        timer.cycle = (value if absolute else process.cycles + value) if value else NEVER
        process.choose_code()  # the run ends at the new time
        return old

    def _setitimer(self, which: int, new_va: int, old_va: int, *_: int) -> int:
        if which:
            raise LinuxError(abi.EINVAL)
        new = self._process.space.read_words(new_va, 4) if new_va else [0] * 4
        old = self._set_timer(-1, new, 10**6, absolute=False)
        if old_va:
            self._process.space.write(old_va, struct.pack("<4Q", *old))
        return 0

    def _timer_create(self, clock: int, event_va: int, number_va: int, *_: int) -> int:
        process = self._process
        if clock not in {0, 1}:
            raise LinuxError(abi.EINVAL)
        signal, value = abi.SIGALRM, None
        if event_va:
            value, signal, notify = _SIGEVENT.unpack(process.space.read(event_va, _SIGEVENT.size))
            if notify != SIGEV_SIGNAL or not 1 <= signal <= abi.NSIG:
                raise LinuxError(abi.EINVAL)
        number = process.timers.create(signal, value)
        process.space.write(number_va, struct.pack("<i", number))
        return 0

    def _timer_settime(self, number: int, flags: int, new_va: int, old_va: int, *_: int) -> int:
        new = self._process.space.read_words(new_va, 4)
        old = self._set_timer(_int(number) if _int(number) >= 0 else NEVER, new, 10**9, absolute=bool(flags & 1))
        if old_va:
            self._process.space.write(old_va, struct.pack("<4Q", *old))
        return 0

    def _timer_delete(self, number: int, *_: int) -> int:
        if self._process.timers.timers.pop(_int(number) if _int(number) >= 0 else NEVER, None) is None:
            raise LinuxError(abi.EINVAL)
        return 0

    def _clock_gettime(self, clock: int, va: int, *_: int) -> int:
        if clock not in {0, 1}:
            raise LinuxError(abi.EINVAL)
        ns = abi.ns_from_cycles(self._process.cycles)
        self._process.space.write(va, struct.pack("<QQ", ns // 10**9, ns % 10**9))
        return 0

    def _nanosleep(self, va: int, left_va: int, *_: int) -> int:
        process = self._process
        seconds, ns = process.space.read_words(va, 2)
        end = process.cycles + self._cycles(seconds, ns, 10**9)
        process.sleep(end)
        if process.signals.deliverable() is None:
            return 0
        if left_va:
            process.space.write(left_va, struct.pack("<QQ", *self._left(end, 10**9)))
        raise LinuxError(abi.ERESTART_RESTARTBLOCK)
