"""Trap and emulate: decode a privileged instruction that trapped and do it on a virtual CPU.

For monitors that run their guest at a lower privilege level. The monitor gives the virtual CPU's behaviour as a
`VirtualCpu`; `emulate` reads the operands, calls the method that belongs to the instruction and writes the result.
Mnemonics and formats: SDM rev. 2.3 volume 3, chapter 4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from linker.sites.ia64.isa.decoder import TEMPLATES, decode_slot, slot_words
from simulator import registers as reg

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.cpu import Cpu
    from simulator.machine import Machine


class VirtualCpu(Protocol):
    """What privileged instructions do. A method raises `Interruption` where the guest is to see a fault instead."""

    def read_cr(self, number: int) -> int:
        """Mov r1=cr3."""

    def write_cr(self, number: int, value: int) -> None:
        """Mov cr3=r2."""

    def write_ar(self, number: int, value: int) -> None:
        """Mov ar3=r2 or imm8, where the register is privileged: kr0 to kr7, itc."""

    def read_psr(self) -> int:
        """Mov r1=psr."""

    def write_psr_l(self, value: int) -> None:
        """Mov psr.l=r2."""

    def ssm(self, mask: int) -> None:
        """Set system mask bits."""

    def rsm(self, mask: int) -> None:
        """Reset system mask bits."""

    def read_indexed(self, name: str, index: int) -> int:
        """Mov r1=rr[r3]; name: rr, pkr, dbr, ibr or pmc."""

    def write_indexed(self, name: str, index: int, value: int) -> None:
        """Mov rr[r3]=r2; name: rr, pkr, dbr, ibr, pmc or pmd."""

    def insert_cached(self, pte: int, *, instruction: bool) -> None:
        """itc.d and itc.i; where to is in the virtual cr.ifa and cr.itir."""

    def insert_register(self, slot: int, pte: int, *, instruction: bool) -> None:
        """itr.d and itr.i."""

    def purge(self, name: str, va: int, itir: int) -> None:
        """ptc.l, ptc.g, ptc.ga, ptr.d and ptr.i, named by name; itir: the page size, in the format of cr.itir."""

    def purge_all(self, va: int) -> None:
        """ptc.e."""

    def tpa(self, va: int) -> int:
        """Return the guest's physical address."""

    def tak(self, va: int) -> int:
        """Return the protection key, or 1."""

    def switch_bank(self, bank: int) -> None:
        """bsw.0 and bsw.1."""

    def rfi(self) -> None:
        """Return from interruption: the only method that sets where to go on."""


class NotPrivilegedError(Exception):
    """The instruction is none that a monitor emulates: undefined bits, or one that is privileged for another reason."""


def instruction_at(bundle: int, slot: int) -> SlotInstruction:
    """Decode one slot of a 128-bit bundle. Raises NotPrivilegedError for what is no instruction of a 41-bit slot."""
    template = TEMPLATES.get(bundle & 31)
    if template is None or (template[0] == "MLX" and slot):
        raise NotPrivilegedError
    insn = decode_slot(template[0][slot], slot_words(bundle)[slot])
    if insn is None:
        raise NotPrivilegedError
    return insn


def skip_instruction(cpu: Cpu, ip: int, slot: int) -> None:
    """Go on behind the instruction in a slot (0 to 2; an MLX bundle's long instruction is slot 2)."""
    cpu.ip = (ip & -16) + 16 if slot == 2 else ip & -16 | slot + 1


def emulate(machine: Machine, bundle: int, ip: int, slot: int, vcpu: VirtualCpu) -> SlotInstruction:
    """Emulate the instruction at ip and slot, which is in the 128 bits of bundle; return it.

    The processor goes on behind it, or where the virtual CPU's rfi says. Nothing is changed if an `Interruption` or
    NotPrivilegedError is raised, but by the method that raised it.
    """
    insn = instruction_at(bundle, slot)
    work = _work_of(insn)
    if work is None:
        raise NotPrivilegedError
    cpu = machine.cpu
    work(cpu, insn, vcpu)
    if insn.key != "rfi":
        skip_instruction(cpu, ip, slot)
    return insn


def read_gr(cpu: Cpu, number: int) -> int:
    """Return a general register. Raises the Register NaT Consumption fault."""
    index = cpu.index(number)
    if cpu.nat[index]:
        raise reg.Interruption(reg.NAT_CONSUMPTION, 0x10)
    return cpu.gr[index]


def _target(cpu: Cpu, insn: SlotInstruction) -> int:
    """Return where the result goes. Raises the Illegal Operation fault for r0 and registers beyond the frame."""
    number = insn.ops["r1"]
    if number == 0 or number >= 32 + cpu.sof:
        raise reg.general_exception(reg.GE_ILLEGAL_OPERATION)
    return cpu.index(number)


def _give(cpu: Cpu, index: int, value: int) -> None:
    cpu.gr[index] = value
    cpu.nat[index] = 0


def _control(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    if "r1" in insn.ops:
        target = _target(cpu, insn)
        _give(cpu, target, vcpu.read_cr(insn.ops["cr3"]))
    else:
        vcpu.write_cr(insn.ops["cr3"], read_gr(cpu, insn.ops["r2"]))


def _application(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    if "r2" in insn.ops:
        vcpu.write_ar(insn.ops["ar3"], read_gr(cpu, insn.ops["r2"]))
    else:
        vcpu.write_ar(insn.ops["ar3"], insn.ops["imm8"] & (1 << 64) - 1)


def _psr(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    if "r1" in insn.ops:
        target = _target(cpu, insn)
        _give(cpu, target, vcpu.read_psr())
    else:
        vcpu.write_psr_l(read_gr(cpu, insn.ops["r2"]))


def _indexed(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    match = re.search(r"(rr|dbr|ibr|pkr|pmc|pmd)\[r3\]", insn.shape)
    assert match is not None
    if "r1" in insn.ops:
        target = _target(cpu, insn)
        _give(cpu, target, vcpu.read_indexed(match[1], read_gr(cpu, insn.ops["r3"])))
    else:
        vcpu.write_indexed(match[1], read_gr(cpu, insn.ops["r3"]), read_gr(cpu, insn.ops["r2"]))


def _mask(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    del cpu
    (vcpu.ssm if insn.key == "ssm" else vcpu.rsm)(insn.ops["imm24"])


def _insert(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    pte = read_gr(cpu, insn.ops["r2"])
    instruction = insn.key.endswith(".i")
    if insn.key.startswith("itr"):
        vcpu.insert_register(read_gr(cpu, insn.ops["r3"]), pte, instruction=instruction)
    else:
        vcpu.insert_cached(pte, instruction=instruction)


def _purge(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    if insn.key == "ptc.e":
        vcpu.purge_all(read_gr(cpu, insn.ops["r3"]))
    else:
        vcpu.purge(insn.key, read_gr(cpu, insn.ops["r3"]), read_gr(cpu, insn.ops["r2"]))


def _query(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    target = _target(cpu, insn)
    va = read_gr(cpu, insn.ops["r3"])
    _give(cpu, target, vcpu.tpa(va) if insn.key == "tpa" else vcpu.tak(va))


def _bank(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    del cpu
    vcpu.switch_bank(int(insn.key == "bsw.1"))


def _rfi(cpu: Cpu, insn: SlotInstruction, vcpu: VirtualCpu) -> None:
    del cpu, insn
    vcpu.rfi()


_BY_KEY: dict[str, Callable[[Cpu, SlotInstruction, VirtualCpu], None]] = {
    **dict.fromkeys(("mov.m", "mov.i"), _application),
    **dict.fromkeys(("ssm", "rsm"), _mask),
    **dict.fromkeys(("itc.d", "itc.i", "itr.d", "itr.i"), _insert),
    **dict.fromkeys(("ptc.l", "ptc.g", "ptc.ga", "ptc.e", "ptr.d", "ptr.i"), _purge),
    **dict.fromkeys(("tpa", "tak"), _query),
    **dict.fromkeys(("bsw.0", "bsw.1"), _bank),
    "rfi": _rfi,
}

_MOVES: tuple[tuple[str, Callable[[Cpu, SlotInstruction, VirtualCpu], None]], ...] = (
    (r"cr3=r2|r1=cr3", _control),
    (r"r1=psr|psr\.l=r2", _psr),
    (r"(rr|dbr|ibr|pkr|pmc|pmd)\[r3\]=r2|r1=(rr|dbr|ibr|pkr|pmc)\[r3\]", _indexed),
)


def _work_of(insn: SlotInstruction) -> Callable[[Cpu, SlotInstruction, VirtualCpu], None] | None:
    if insn.key == "mov":
        return next((work for pattern, work in _MOVES if re.fullmatch(pattern, insn.shape)), None)
    if insn.key in {"mov.m", "mov.i"} and "r1" in insn.ops:
        return None
    return _BY_KEY.get(insn.key)
