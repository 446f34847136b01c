"""What stands below the interface module, as far as sites need it. A host prepares the machine and the model's CPU.

bare   the machine itself
lol    a Linux host: the image's process starts by its own entry, its system calls are answered here
xen    nothing: only what needs no hypercall is run; a trap to Xen ends the run
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, ClassVar, Protocol

import unicorn as u
from unicorn import x86_const as x

from linker.verification.running import cpu as c
from linker.verification.running.machine import RunOutcome
from linker.verification.running.signals import HostSignals
from linker.verification.running.world import PAGE_LEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.verification.image import BoundImage
    from linker.verification.running.cpu import EmulatedCpu
    from linker.verification.running.machine import EmulatedMachine, Redirection
    from linker.verification.running.world import World

CONTROL_REGISTERS = (0, 2, 3, 4, 8)
WINDOW_VA = 0x7F0000000000  # docs/lol.md: guest memory as the module sees it
PROCESS_STACK_VA, PROCESS_STACK_LEN = 0x7FF000000000, 0x10000
AT_EXECFN, AT_HWCAP2 = 31, 26
ENOSYS, ENOTTY = 38, 25
ARCH_SET_GS, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS = 0x1001, 0x1002, 0x1003, 0x1004
INT_80 = 0x80
ARGUMENTS = [getattr(x, f"UC_X86_REG_{name}") for name in ("RDI", "RSI", "RDX", "R10", "R8", "R9")]


class StartError(Exception):
    """The world below could not be made: why."""


class Host(Protocol):
    """A monitor, or what stands for it.

    host_flags  RFLAGS bits that the hardware keeps for the guest; the others are virtual
    real_flags  RFLAGS bits that are set in the hardware whatever the guest thinks
    not_run     class, class/operand, or form, -> why it is not run here
    takes_exceptions  whether an exception is the module's work, and not the processor's
    bases       bases of FS and GS, where the host keeps them
    """

    host_flags: int
    real_flags: int
    not_run: ClassVar[dict[str, str]]
    takes_exceptions: bool
    bases: dict[int, int]

    def start(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Get to the guest's first instruction; StartError says why not."""

    def about_to_run(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Before each trial."""


HARDWARE_FLAGS = c.ARITHMETIC | c.DF | c.ID


def _all_ones(_uc: u.Uc, _port: int, length: int, _data: object) -> int:
    return (1 << 8 * length) - 1


def _no_device(_uc: u.Uc, _port: int, _length: int, _value: int, _data: object) -> None:
    return


REFUSED_OTHERWISE = "native: the emulator refuses it otherwise than processors"


class BareHost:
    """The processor, at ring 0."""

    host_flags = c.DEFINED_FLAGS & ~(c.TF | c.RF)
    real_flags = 0
    not_run: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("rdpmc", "monitor", "mwait", "invpcid"), REFUSED_OTHERWISE),
        **dict.fromkeys(("mov_to_cr/8", "mov_from_cr/8"), "native: the emulator has no local APIC"),
        "load_far_pointer/64": "native: the emulator takes an offset of 32 bits, as AMD's processors do",
        "hlt": "native: it halts; only its padding was run",
    }
    takes_exceptions = False

    def __init__(self) -> None:
        self.bases: dict[int, int] = {}

    def start(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Nothing below but ports without devices."""
        machine.uc.hook_add(u.UC_HOOK_INSN, _all_ones, None, 1, 0, x.UC_X86_INS_IN)
        machine.uc.hook_add(u.UC_HOOK_INSN, _no_device, None, 1, 0, x.UC_X86_INS_OUT)
        machine.start_paging(cpu.msr[c.MSR_EFER])
        cpu.cr[3] = machine.root_pa

    def about_to_run(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Nothing."""


class XenHost:
    """Xen's user mode, without Xen."""

    host_flags = HARDWARE_FLAGS
    real_flags = c.IF
    not_run: ClassVar[dict[str, str]] = {"trap": "it is a trap to Xen, which would bring it to the module"}
    takes_exceptions = True

    def __init__(self) -> None:
        self.bases: dict[int, int] = {}

    def start(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Ring 3; the module's data are as in the file."""
        machine.become_process(module_memory(machine.world.image), WINDOW_VA)
        machine.on_interrupt = lambda number: RunOutcome("traps to Xen", is_exit=True) if number == INT_80 else None

    def about_to_run(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Control registers are words of the module, that its start of day would have set."""
        put_control_registers(machine, cpu)


def put_control_registers(machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
    """Into the exported words that inline forms read."""
    va = machine.world.image.exports["vcpu_cr"]
    for number in CONTROL_REGISTERS:
        machine.write(va + 8 * number, cpu.cr[number].to_bytes(8, "little"))


def module_memory(image: BoundImage) -> list[tuple[int, bytes]]:
    """The reserve's parts as the file has them: a process has its own copy."""
    reserve = image.reserve
    if reserve is None:
        return []
    parts = [(reserve.text_va, reserve.text_len), (reserve.data_va, reserve.data_len)]
    return [(va, image.present_at(va, length) or b"") for va, length in parts]


def _entered_va(world: World, entry_va: int) -> int:
    """Where a guest is entered: where its entry is loaded."""
    load = next((load for load in world.loads if load.va <= entry_va < load.va + load.memory_len), None)
    return entry_va if load is None else entry_va - load.va + load.pa


class LolHost:
    """A Linux host."""

    host_flags = HARDWARE_FLAGS
    real_flags = c.IF
    not_run: ClassVar[dict[str, str]] = {
        "hlt": "it sleeps in the host until an interrupt comes",
    }
    takes_exceptions = True

    def __init__(self) -> None:
        self.bases = {c.FS: 0, c.GS: 0}
        self._said = b""
        self._now_ns = 1_000_000_000
        self._image: BoundImage | None = None
        self._signals = HostSignals()

    def start(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """As execve() would: the image's entry, a stack with arguments; to the guest's first instruction."""
        image = machine.world.image
        self._image = image
        reserve = image.reserve
        if reserve is None or not reserve.entry_va:
            raise StartError("the image names no 64-bit entry")
        stack, rsp = self._stack(f"{machine.world.ram_len >> 20}M")
        entry_va = _entered_va(machine.world, reserve.entry_va)
        hidden = [*module_memory(image), (PROCESS_STACK_VA, stack)]
        if entry_va != reserve.entry_va:  # to stop there the emulator reads the page, and the one in front
            hidden.append(((entry_va & -PAGE_LEN) - PAGE_LEN, bytes(2 * PAGE_LEN)))
        machine.become_process(hidden, WINDOW_VA)
        machine.uc.hook_add(u.UC_HOOK_INSN, self._system_call, machine, 1, 0, x.UC_X86_INS_SYSCALL)
        machine.on_interrupt = lambda number: self._exception(machine, number)
        machine.set([rsp if number == c.RSP else 0 for number in range(16)])
        machine.flags = c.FLAG_ONE | c.IF
        outcome = machine.run(image.plan.entry_va, entry_va)
        if outcome.left:
            raise StartError(f"the module's start of day does not get to the guest's entry: {outcome.left}")
        for area in machine.world.areas:  # the module read the image's file into guest memory
            machine.world.ram[area.pa : area.pa + len(area.shadow)] = bytes(area.shadow)
        cpu.cr[3] = machine.world.tables.root_pa
        put_control_registers(machine, cpu)

    @staticmethod
    def _stack(memory: str) -> tuple[bytes, int]:
        """argc, argv, envp, auxiliary vector (System V ABI, AMD64 supplement, 3.4.1); strings behind them."""
        strings, pointers = b"", []
        strings_va = PROCESS_STACK_VA + PROCESS_STACK_LEN - 0x100
        for text in ("guest", "-m", memory):
            pointers.append(strings_va + len(strings))
            strings += text.encode() + b"\0"
        words = [3, *pointers, 0, 0, AT_EXECFN, pointers[0], AT_HWCAP2, 0, 0, 0]
        rsp = PROCESS_STACK_VA + PROCESS_STACK_LEN - 0x400
        contents = bytearray(PROCESS_STACK_LEN)
        contents[rsp - PROCESS_STACK_VA : rsp - PROCESS_STACK_VA + 8 * len(words)] = struct.pack(
            f"<{len(words)}Q", *words
        )
        contents[strings_va - PROCESS_STACK_VA : strings_va - PROCESS_STACK_VA + len(strings)] = strings
        return bytes(contents), rsp

    def about_to_run(self, machine: EmulatedMachine, cpu: EmulatedCpu) -> None:
        """Nothing."""

    def _exception(self, machine: EmulatedMachine, number: int) -> Redirection | None:
        return (lambda: self._signals.deliver(machine, number)) if self._signals.takes(number) else None

    # ---- system calls (asm/unistd_64.h) ----

    def _system_call(self, uc: u.Uc, machine: EmulatedMachine) -> None:
        number = int(uc.reg_read(x.UC_X86_REG_RAX))
        arguments = [int(uc.reg_read(one)) for one in ARGUMENTS]
        try:
            result = _CALLS[number](self, machine, arguments) if number in _CALLS else -ENOSYS
        except LookupError as error:
            machine.stop(RunOutcome(f"a system call with a bad address: {error}"))
            return
        uc.reg_write(x.UC_X86_REG_RAX, result & c.WORD_MASK)

    def _succeed(self, _machine: EmulatedMachine, _arguments: list[int]) -> int:
        return 0

    def _set_action(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        self._signals.set_action(machine, arguments[0], arguments[1])
        return 0

    def _set_stack(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        self._signals.set_stack(machine, arguments[0])
        return 0

    def _return_from_signal(self, machine: EmulatedMachine, _arguments: list[int]) -> int:
        rsp = machine.get()[c.RSP]
        machine.redirect(lambda: self._signals.take_back(machine, rsp))
        return 0

    def _write(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        self._said += machine.read(arguments[1], min(arguments[2], PAGE_LEN))
        return arguments[2]

    def _open(self, _machine: EmulatedMachine, _arguments: list[int]) -> int:
        return 3

    def _mmap(self, _machine: EmulatedMachine, arguments: list[int]) -> int:
        """All that is ever asked for is there already."""
        return arguments[0]

    def _pread(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        _, to_va, length, off = arguments[:4]
        if self._image is None:
            return -ENOSYS
        data = bytes(self._image.examination.present[off : off + length])
        machine.write(to_va, data)
        return len(data)

    def _no_terminal(self, _machine: EmulatedMachine, _arguments: list[int]) -> int:
        return -ENOTTY

    def _arch_prctl(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        code, value = arguments[:2]
        if code in (ARCH_SET_FS, ARCH_SET_GS):
            self.bases[c.FS if code == ARCH_SET_FS else c.GS] = value
        elif code in (ARCH_GET_FS, ARCH_GET_GS):
            base = self.bases[c.FS if code == ARCH_GET_FS else c.GS]
            machine.write(value, base.to_bytes(8, "little"))
        else:
            return -ENOSYS
        return 0

    def _clock(self, machine: EmulatedMachine, arguments: list[int]) -> int:
        self._now_ns += 1000
        machine.write(arguments[1], struct.pack("<qq", *divmod(self._now_ns, 1_000_000_000)))
        return 0

    def _exit(self, machine: EmulatedMachine, _arguments: list[int]) -> int:
        said = self._said.decode("ascii", "replace").strip().splitlines()
        self._said = b""
        machine.stop(RunOutcome(f"the module ends: {said[0] if said else 'without a word'}"))
        return 0


_CALLS: dict[int, Callable[[LolHost, EmulatedMachine, list[int]], int]] = {
    1: LolHost._write,
    2: LolHost._open,
    3: LolHost._succeed,  # close
    9: LolHost._mmap,
    10: LolHost._succeed,  # mprotect
    11: LolHost._succeed,  # munmap
    13: LolHost._set_action,  # rt_sigaction
    15: LolHost._return_from_signal,
    16: LolHost._no_terminal,  # ioctl
    17: LolHost._pread,
    39: LolHost._open,  # getpid
    72: LolHost._succeed,  # fcntl
    77: LolHost._succeed,  # ftruncate
    131: LolHost._set_stack,  # sigaltstack
    157: LolHost._succeed,  # prctl
    158: LolHost._arch_prctl,
    222: LolHost._succeed,  # timer_create
    223: LolHost._succeed,  # timer_settime
    228: LolHost._clock,
    231: LolHost._exit,
    319: LolHost._open,  # memfd_create
}

# (target, architecture) -> what to make
HOSTS: dict[tuple[str, str], Callable[[], Host]] = {
    ("bare", "x86_64"): BareHost,
    ("lol", "x86_64"): LolHost,
    ("xen", "x86_64"): XenHost,
}
