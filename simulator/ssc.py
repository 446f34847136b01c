"""The simulator's system calls: break 0x80001 with the call's number in r15 and arguments from r32 on.

The convention is that of the simulators bare IA-64 images were made for: 31 writes the character in r32, 66 ends the
run with the status in r32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.machine import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.machine import Machine

SSC_BREAK = 0x80001
SSC_PUT_CHARACTER = 31
SSC_EXIT = 66


def attach(machine: Machine, put: Callable[[bytes], object]) -> None:
    """Let a machine make simulator calls. put: takes each byte written."""

    def call(machine: Machine) -> None:
        cpu = machine.cpu
        number, argument = cpu.gr[15], cpu.gr[cpu.index(32)]
        if number == SSC_PUT_CHARACTER:
            put(bytes((argument & 0xFF,)))
        elif number == SSC_EXIT:
            raise Stopped(argument & 0xFF)
        else:
            cpu.gr[8] = (1 << 64) - 1

    machine.break_handlers[SSC_BREAK] = call
