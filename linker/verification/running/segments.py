"""The model's descriptors (Intel SDM vol. 3, 3.4 and 3.5), transfers that load CS, and the IDT (6.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple
from linker.verification.running import cpu as c
from linker.verification.running.cpu import FaultError
from linker.verification.running.operands import operand_va

if TYPE_CHECKING:
    from linker.sites.codec import Instruction
    from linker.verification.running.cpu import EmulatedCpu

LDT, TSS_AVAILABLE, TSS_BUSY, CALL_GATE = 2, 9, 11, 12
LAR_TYPES = frozenset({LDT, TSS_AVAILABLE, TSS_BUSY, CALL_GATE})
LSL_TYPES = frozenset({LDT, TSS_AVAILABLE, TSS_BUSY})
BUSY_BIT = 1 << 41
INTERRUPT_GATE = 14


class Descriptor(NamedTuple):
    """A segment descriptor: its 8 bytes as a number, and the upper 8 of a system descriptor."""

    va: int
    low: int
    high: int

    @property
    def is_system(self) -> bool:
        """Bit S is clear."""
        return not self.low >> 44 & 1

    @property
    def type(self) -> int:
        """Four bits: for code and data 8 code, 4 conforming or expand-down, 2 readable or writable, 1 accessed."""
        return self.low >> 40 & 15

    @property
    def dpl(self) -> int:
        """Descriptor privilege level."""
        return self.low >> 45 & 3

    @property
    def base(self) -> int:
        """64 bits for a system descriptor."""
        base = self.low >> 16 & 0xFFFFFF | self.low >> 56 << 24
        return base | (self.high & 0xFFFFFFFF) << 32 if self.is_system else base

    @property
    def limit(self) -> int:
        """In bytes."""
        limit = self.low & 0xFFFF | self.low >> 32 & 0xF0000
        return limit << 12 | 0xFFF if self.low >> 55 & 1 else limit

    @property
    def access_rights(self) -> int:
        """What LAR gives: the second word, its base and limit bits masked (00F?FF00)."""
        return self.low >> 32 & 0x00F0FF00

    def visible_to(self, name: str, cpl: int, rpl: int = 0) -> bool:
        """Whether VERR, VERW, LAR or LSL set ZF."""
        if self.is_system and self.type not in {"lar": LAR_TYPES, "lsl": LSL_TYPES}.get(name, frozenset()):
            return False
        is_code = not self.is_system and bool(self.type & 8)
        conforming = is_code and bool(self.type & 4)
        if not conforming and self.dpl < max(cpl, rpl):
            return False
        if name == "verr":
            return not is_code or bool(self.type & 2)
        if name == "verw":
            return not is_code and bool(self.type & 2)
        return True


def lookup(cpu: EmulatedCpu, selector: int) -> Descriptor | None:
    """The descriptor a selector names; None for a null one and outside the table."""
    if not selector & ~3:
        return None
    base, limit = cpu.gdt if not selector & 4 else (cpu.ldt[1], cpu.ldt[2] if cpu.ldt[0] & ~3 else -1)
    offset = selector & ~7
    if offset + 7 > limit:
        return None
    low = cpu.read_word(base + offset, 64)
    high = 0
    if not low >> 44 & 1:
        if offset + 15 > limit:
            return None
        high = cpu.read_word(base + offset + 8, 64)
    return Descriptor(base + offset, low, high)


def load_segment(cpu: EmulatedCpu, segment: int, selector: int) -> None:
    """MOV to, POP, far-pointer loads. The operands of trials pass all checks."""
    found = lookup(cpu, selector)
    if found is None and selector & ~3:
        raise FaultError(c.GP, selector & ~3)
    cpu.selectors[segment] = selector
    if segment == c.FS:
        cpu.msr[c.MSR_FS_BASE] = found.base if found is not None else 0
    if segment == c.GS:
        cpu.msr[c.MSR_GS_BASE] = found.base if found is not None else 0


def load_system_segment(cpu: EmulatedCpu, name: str, selector: int) -> None:
    """LLDT, LTR."""
    found = lookup(cpu, selector)
    wanted = LDT if name == "lldt" else TSS_AVAILABLE
    if found is None:
        if name == "ltr" or selector & ~3:
            raise FaultError(c.GP, selector & ~3)
        cpu.ldt = (selector, 0, 0)
        return
    if not found.is_system or found.type != wanted:
        raise FaultError(c.GP, selector & ~3)
    if name == "ltr":
        cpu.write_word(found.va, 64, found.low | BUSY_BIT)
        cpu.task = (selector, found.base, found.limit)
    else:
        cpu.ldt = (selector, found.base, found.limit)


def load_far_pointer(cpu: EmulatedCpu, insn: Instruction) -> None:
    """LSS, LFS, LGS: 0F B2, 0F B4, 0F B5."""
    opcode = insn.code[insn.code.index(0x0F) + 1]
    segment = {0xB2: c.SS, 0xB4: c.FS, 0xB5: c.GS}[opcode]
    va, bits = operand_va(cpu, insn), insn.width_bits
    offset, selector = cpu.read_word(va, bits), cpu.read_word(va + bits // 8, 16)
    load_segment(cpu, segment, selector)
    cpu.set_register(insn.registers[0], bits, offset)


def _load_code(cpu: EmulatedCpu, selector: int, level: int) -> None:
    cpu.selectors[c.CS] = selector & ~3 | level
    cpu.cpl = level


def _outer_level(cpu: EmulatedCpu, level: int, rsp: int, ss: int) -> None:
    """A return to an outer level drops data segments that it may not use."""
    cpu.regs[c.RSP], cpu.selectors[c.SS] = rsp, ss
    for segment in (c.ES, c.DS, c.FS, c.GS):
        selector = cpu.selectors[segment]
        found = lookup(cpu, selector) if selector is not None else None
        if found is not None and found.dpl < level and not (found.type & 12 == 12 and not found.is_system):
            cpu.selectors[segment] = 0


def iret(cpu: EmulatedCpu, insn: Instruction) -> None:
    """IRET in 64-bit mode always pops SS:RSP."""
    bits = insn.width_bits
    rip, cs, flags, rsp, ss = (cpu.read_word(cpu.regs[c.RSP] + n * bits // 8, bits) for n in range(5))
    old_level, level = cpu.cpl, cs & 3
    changed = c.DEFINED_FLAGS & (1 << bits) - 1
    _load_code(cpu, cs & 0xFFFF, level)
    cpu.flags = cpu.flags & ~changed | flags & changed | c.FLAG_ONE
    if level > old_level:
        _outer_level(cpu, level, rsp, ss & 0xFFFF)
    else:
        cpu.regs[c.RSP], cpu.selectors[c.SS] = rsp, ss & 0xFFFF
    cpu.rip = rip


def far_return(cpu: EmulatedCpu, insn: Instruction) -> None:
    """RET far, with what it releases."""
    bits, release = insn.width_bits, insn.immediate or 0
    base = cpu.regs[c.RSP]
    rip, cs = cpu.read_word(base, bits), cpu.read_word(base + bits // 8, bits)
    level = cs & 3
    behind = base + 2 * bits // 8 + release
    if level > cpu.cpl:
        rsp, ss = cpu.read_word(behind, bits), cpu.read_word(behind + bits // 8, bits)
        _load_code(cpu, cs & 0xFFFF, level)
        _outer_level(cpu, level, rsp + release, ss & 0xFFFF)
    else:
        _load_code(cpu, cs & 0xFFFF, level)
        cpu.regs[c.RSP] = behind & c.WORD_MASK
    cpu.rip = rip


def far_call(cpu: EmulatedCpu, insn: Instruction) -> None:
    """JMP and CALL far through memory: offset, then selector."""
    bits = insn.width_bits - 16
    va = operand_va(cpu, insn)
    offset, selector = cpu.read_word(va, bits), cpu.read_word(va + bits // 8, 16)
    if insn.class_name == "lcall":
        cs = cpu.selectors[c.CS]
        cpu.push(bits, cs or 0)
        if cs is None:
            cpu.unknown_memory.append((cpu.regs[c.RSP], cpu.regs[c.RSP] + 2))
        cpu.push(bits, cpu.rip)
        cpu.return_slots.append((cpu.regs[c.RSP], bits))
    _load_code(cpu, selector, cpu.cpl)
    cpu.rip = offset


def sysret(cpu: EmulatedCpu, insn: Instruction) -> None:
    """SYSRET to 64-bit code."""
    del insn
    if not cpu.msr[c.MSR_EFER] & c.EFER_SCE:
        raise FaultError(c.UD)
    cpu.rip = cpu.regs[c.RCX]
    cpu.flags = cpu.regs[c.R11] & c.DEFINED_FLAGS & ~c.RF | c.FLAG_ONE
    base = cpu.msr[c.MSR_STAR] >> 48
    _load_code(cpu, base + 16, 3)
    cpu.selectors[c.SS] = base + 8 | 3


def sysexit(cpu: EmulatedCpu, insn: Instruction) -> None:
    """SYSEXIT to 64-bit code."""
    del insn
    base = cpu.msr[c.MSR_SYSENTER_CS]
    if not base & ~3:
        raise FaultError(c.GP, 0)
    cpu.regs[c.RSP], cpu.rip = cpu.regs[c.RCX], cpu.regs[c.RDX]
    _load_code(cpu, base + 32 & 0xFFFF, 3)
    cpu.selectors[c.SS] = base + 40 & 0xFFFF | 3


def deliver(cpu: EmulatedCpu, vector: int, error: int | None, *, fault: bool) -> None:
    """An exception or INT n through a 64-bit gate of the same level (vol. 3, 6.14): the trials' IDT has no others.

    A fault pushes RF set (vol. 3, 17.3.1.1) and stands at the instruction, INT n behind it.
    """
    cpu.vector = vector
    low, high = cpu.read_word(cpu.idt[0] + 16 * vector, 64), cpu.read_word(cpu.idt[0] + 16 * vector + 8, 64)
    flags, rsp = cpu.flags, cpu.regs[c.RSP]
    cs, ss = cpu.selectors[c.CS], cpu.selectors[c.SS]
    cpu.unknown_memory.append((rsp & ~15, rsp))  # below the old stack pointer, above the frame
    cpu.regs[c.RSP] &= ~15
    for value in (ss or 0, rsp, flags | (c.RF if fault else 0), cs or 0, cpu.rip):
        cpu.push(64, value)
    if not fault:
        cpu.return_slots.append((cpu.regs[c.RSP], 64))
    for slot, selector in ((4, ss), (1, cs)):
        if selector is None:
            va = cpu.regs[c.RSP] + 8 * slot
            cpu.unknown_memory.append((va, va + 2))
    if error is not None:
        cpu.push(64, error)
    cpu.rip = low & 0xFFFF | low >> 48 << 16 | (high & 0xFFFFFFFF) << 32
    _load_code(cpu, low >> 16 & 0xFFFF, 0)
    cleared = c.TF | c.NT | c.RF | c.VM | (c.IF if low >> 40 & 15 == INTERRUPT_GATE else 0)
    cpu.flags &= ~cleared
