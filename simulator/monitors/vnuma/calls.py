"""What hypercalls and calls of firmware do (docs/vnuma-abi.md, sections 3 and 5).

Sources: Itanium SAL specification, July 2008, chapter 9; SDM rev. 2.3 volume 2, chapter 11 (PAL); UEFI 2.3, chapter 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.monitors.privileged import read_gr, skip_instruction
from simulator.monitors.vnuma import abi
from simulator.rse import PHYSICAL_REGISTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.monitors.vnuma.node import NodeMachine

_OK, _NOT_IMPLEMENTED, _INVALID_ARGUMENT = 0, (1 << 64) - 1, (1 << 64) - 2
_EFI_UNSUPPORTED = 1 << 63 | 3
_EFI_SET_VIRTUAL_ADDRESS_MAP, _EFI_RESET = 4, 10

_SAL_SET_VECTORS, _SAL_FREQUENCY_BASE = 0x01000000, 0x01000012
_SAL_BOOT_RENDEZVOUS = 2

_PAL_CACHE_FLUSH, _PAL_PTCE_INFO, _PAL_VM_SUMMARY, _PAL_FREQUENCY_BASE, _PAL_FREQUENCY_RATIOS = 1, 6, 8, 13, 14
_PAL_RSE_INFO, _PAL_HALT_LIGHT, _PAL_PAGE_SIZES = 19, 29, 34
_ONE_TO_ONE = 1 << 32 | 1
_PAGE_SIZES = sum(1 << size_log2 for size_log2 in (12, 13, 14, 16, 18, 20, 22, 24, 26, 28))
_VM_INFO_1 = 1 | 50 << 1 | 24 << 8 | 15 << 16 | 1 << 24 | 15 << 32 | 15 << 40 | 2 << 48 | 1 << 56
_VM_INFO_2 = 60 | 24 << 8

_BORROWED = range(14, 18)


def hypercall(machine: NodeMachine, immediate: int, ip: int, slot: int) -> None:
    """Do what a break in the hypercall range asks for, and go on behind it."""
    work = _HYPERCALLS.get(immediate >> 7 & 31)
    if work is None:
        raise reg.Interruption(reg.BREAK_INSTRUCTION, iim=immediate)
    skip_instruction(machine.cpu, ip, slot)
    work(machine, immediate & 127)


def _cover(machine: NodeMachine, argument: int) -> None:
    del argument
    machine.vcpu.cover()


def _console_put(machine: NodeMachine, argument: int) -> None:
    machine.console(bytes((read_gr(machine.cpu, argument) & 0xFF,)))


def _exit(machine: NodeMachine, argument: int) -> None:
    machine.stop(read_gr(machine.cpu, argument) & 0xFF)


def _borrow(machine: NodeMachine, argument: int) -> None:
    del argument
    cpu = machine.cpu
    general = [(cpu.gr[number], cpu.nat[number]) for number in _BORROWED]
    machine.borrowed.append((general, cpu.predicates(), cpu.br[6]))


def _give_back(machine: NodeMachine, argument: int) -> None:
    del argument
    if not machine.borrowed:
        raise reg.Interruption(reg.BREAK_INSTRUCTION, iim=abi.hypercall(abi.GIVE_BACK))
    cpu = machine.cpu
    general, predicates, branch = machine.borrowed.pop()
    for number, (value, nat) in zip(_BORROWED, general, strict=True):
        cpu.gr[number], cpu.nat[number] = value, nat
    cpu.set_predicates(predicates, (1 << 64) - 1)
    cpu.br[6] = branch
    machine.look_again()


def _results(machine: NodeMachine, *values: int) -> None:
    for number, value in enumerate((*values, 0, 0, 0, 0)[:4], 8):
        machine.cpu.gr[number], machine.cpu.nat[number] = value, 0


def _call_sal(machine: NodeMachine, argument: int) -> None:
    """Arguments are the frame's r32 and up; status in r8."""
    del argument
    cpu = machine.cpu
    arguments = [cpu.gr[cpu.index(32 + number)] for number in range(8)]
    function = arguments[0]
    if function == _SAL_SET_VECTORS:
        if arguments[1] != _SAL_BOOT_RENDEZVOUS:
            _results(machine, _OK)
        elif arguments[2] & 15:
            _results(machine, _INVALID_ARGUMENT)
        else:
            machine.set_rendezvous(arguments[2], arguments[3])
            _results(machine, _OK)
    elif function == _SAL_FREQUENCY_BASE:
        _results(machine, _OK, abi.ITC_FREQUENCY_HZ, (1 << 64) - 1)
    else:
        _results(machine, _NOT_IMPLEMENTED)


def _call_pal(machine: NodeMachine, argument: int) -> None:
    """Static procedures: index in r28, arguments r29 to r31. There is none of the stacked ones (index bit 8)."""
    del argument
    cpu = machine.cpu
    index = cpu.gr[28]
    if index >> 8 & 1:
        cpu.ip = (cpu.ip & -16) + 32  # the return that belongs to a frame: firmware.py
    known = {
        _PAL_CACHE_FLUSH: (),
        _PAL_PTCE_INFO: (0, _ONE_TO_ONE, 0),
        _PAL_VM_SUMMARY: (_VM_INFO_1, _VM_INFO_2),
        _PAL_FREQUENCY_BASE: (abi.ITC_FREQUENCY_HZ,),
        _PAL_FREQUENCY_RATIOS: (_ONE_TO_ONE, _ONE_TO_ONE, _ONE_TO_ONE),
        _PAL_RSE_INFO: (PHYSICAL_REGISTERS, 0),
        _PAL_PAGE_SIZES: (_PAGE_SIZES, _PAGE_SIZES | 1 << 32),
        _PAL_HALT_LIGHT: (),
    }
    if index not in known:
        _results(machine, _NOT_IMPLEMENTED)
        return
    _results(machine, _OK, *known[index])
    if index == _PAL_HALT_LIGHT:
        machine.halt()


def _call_efi(machine: NodeMachine, argument: int) -> None:
    """Runtime services by their place in the table; reset ends the run with the status in the second argument."""
    cpu = machine.cpu
    if argument == _EFI_RESET:
        machine.stop(cpu.gr[cpu.index(33)] & 0xFF)
    _results(machine, _OK if argument == _EFI_SET_VIRTUAL_ADDRESS_MAP else _EFI_UNSUPPORTED)


def _ap_return(machine: NodeMachine, argument: int) -> None:
    del argument
    machine.park()


_HYPERCALLS: dict[int, Callable[[NodeMachine, int], None]] = {
    abi.COVER: _cover,
    abi.CONSOLE_PUT: _console_put,
    abi.EXIT: _exit,
    abi.BORROW: _borrow,
    abi.GIVE_BACK: _give_back,
    abi.CALL_PAL: _call_pal,
    abi.CALL_SAL: _call_sal,
    abi.CALL_EFI: _call_efi,
    abi.AP_RETURN: _ap_return,
}
