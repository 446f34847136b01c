"""Unaligned references: Linux makes the access itself unless prctl says otherwise.

Source: Linux 6.1, arch/ia64/kernel/unaligned.c: integer loads and stores that are neither semaphores, spills nor 16
bytes wide; floating-point ones are not done here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker.sites.ia64.isa.decoder import decode_bundle
from simulator.monitors.linux.address_space import LinuxError

if TYPE_CHECKING:
    from simulator.monitors.linux.process import Process

_ACCESS = re.compile(r"(ld|st)([1248])(\.(a|bias|acq|c\.clr|c\.nc|c\.clr\.acq|rel))?")


def emulate(process: Process, ip: int, slot: int, va: int) -> bool:
    """Make the access of an instruction in pieces and step over it; tell whether that could be done."""
    cpu, space = process.cpu, process.space
    try:
        bundle = decode_bundle(int.from_bytes(space.read(ip, 16), "little"))
        insn = bundle.slots[slot] if bundle is not None else None
        match = None if insn is None else _ACCESS.fullmatch(insn.key)
        if insn is None or match is None:
            return False
        size, ops = int(match[2]), insn.ops
        base = cpu.index(ops["r3"])
        if match[1] == "ld":
            value = int.from_bytes(space.read(va, size), "little")
            increment = cpu.gr[cpu.index(ops["r2"])] if "r2" in ops else ops.get("imm9ld", 0)
            target = cpu.index(ops["r1"])
            cpu.gr[target], cpu.nat[target] = value, 0
        else:
            value = cpu.gr[cpu.index(ops["r2"])] & (1 << 8 * size) - 1
            space.write(va, value.to_bytes(size, "little"))
            increment = ops.get("imm9st", 0)
    except LinuxError:
        return False
    if increment:
        cpu.gr[base] = va + increment & (1 << 64) - 1
    cpu.ip = process.next_instruction(ip, slot)
    return True
