"""Operands for trials: random registers, flags and memory for which an instruction does what it is for.

Each function of INPUTS returns why there is no trial, or an empty string. The general part comes first: random
registers, a stack, an address for the memory operand. Values are those every target can take (docs/machine.md).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from linker.verification.running import cpu as c
from linker.verification.running import world as w
from linker.verification.running.model import ALWAYS_FAULT, is_device
from linker.verification.running.operands import operand_va

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from linker.sites.codec import Instruction
    from linker.verification.running.cpu import EmulatedCpu
    from linker.verification.running.world import World

ONE_OPERAND_LEN = 128
LOWER_HALF_BITS = 46
USER_FLAGS = c.ARITHMETIC | c.DF | c.ID
NO_PORTS = range(0x200, 0x300)
DATA_SELECTORS = (w.DATA, w.BASED_DATA, w.USER_DATA | 3)
ANY_SELECTORS = (0, w.CODE, w.DATA, w.USER_DATA | 3, w.USER_CODE | 3, w.LDT, w.TASK, w.CONFORMING, 0x7F0, 0xC, 0x14)
MSRS = (
    *(c.MSR_SYSENTER_CS, c.MSR_SYSENTER_ESP, c.MSR_SYSENTER_EIP, c.MSR_EFER, c.MSR_STAR, c.MSR_LSTAR, c.MSR_CSTAR),
    *(c.MSR_SFMASK, c.MSR_FS_BASE, c.MSR_GS_BASE, c.MSR_KERNEL_GS_BASE, c.MSR_TSC_AUX),
)
UNKNOWN_MSR = 0xC0009999
USER_STAR = (w.USER_DATA - 8) << 48 | w.CODE << 32  # SYSRET: CS is this plus 16, SS plus 8
USER_SYSENTER_CS = 0x08  # SYSEXIT: CS is this plus 32


class Trial:
    """One run to prepare: `cpu` and the world's memory are set up for `insn`."""

    def __init__(self, cpu: EmulatedCpu, world: World, insn: Instruction, random: Random) -> None:
        self.cpu, self.world, self.insn, self.random = cpu, world, insn, random
        self.msr: int | None = None  # what rdmsr shall read
        self.may_fault = True  # whether what runs it refuses an unknown model-specific register

    def word(self, bits: int = 64) -> int:
        """A random number, often a small or a special one."""
        if self.random.random() < 0.2:
            return self.random.choice((0, 1, (1 << bits) - 1, 1 << bits - 1))
        return self.random.getrandbits(bits)

    def address(self) -> int:
        """A random canonical address in the lower half, which every host can give."""
        return self.random.getrandbits(LOWER_HALF_BITS)

    def flags(self, mask: int) -> int:
        """Random bits of a mask."""
        return self.random.getrandbits(32) & mask

    def put_operand(self, data: bytes) -> None:
        """Contents of the memory operand."""
        self.world.put(operand_va(self.cpu, self.insn), data)

    def put_stack(self, *words: int, bits: int = 64) -> None:
        """What stands at RSP."""
        data = b"".join((word & (1 << bits) - 1).to_bytes(bits // 8, "little") for word in words)
        self.world.put(self.cpu.regs[c.RSP], data)


def prepare(trial: Trial) -> str:
    """All of it; why there is no trial, or nothing."""
    cpu, world = trial.cpu, trial.world
    cpu.forget()
    for number in range(16):
        cpu.regs[number] = trial.word()
    cpu.regs[c.RSP] = world.at(w.STACK_MIDDLE_OFF) + 8 * trial.random.randrange(64)
    cpu.flags = cpu.flags & ~USER_FLAGS | trial.flags(USER_FLAGS)
    world.put(world.at(w.DATA_OFF), trial.random.randbytes(w.DATA_LEN))
    world.put(world.at(w.STACK_OFF), trial.random.randbytes(w.STACK_END_OFF - w.STACK_OFF))
    if trial.insn.memory is not None:
        why = _place_operand(trial)
        if why:
            return why
    return INPUTS[trial.insn.class_name](trial) if trial.insn.class_name in INPUTS else ""


def _place_operand(trial: Trial) -> str:
    """Registers such that the memory operand is in the data, the stack, or where the image has it."""
    cpu, memory, world = trial.cpu, trial.insn.memory, trial.world
    if memory is None:
        return ""
    if trial.insn.class_name == "invlpg":
        return ""  # any address will do
    offset = w.DATA_OFF + 8 * trial.random.randrange((w.DATA_LEN - ONE_OPERAND_LEN) // 8)
    wanted = world.at(offset) - memory.displacement - cpu.segment_base(memory.segment)
    if memory.index is not None and memory.index != memory.base:
        cpu.regs[memory.index] = trial.random.randrange(16)
        wanted -= cpu.regs[memory.index] * memory.scale
    if memory.base is not None and memory.base != c.RSP:
        if memory.index == memory.base:
            return "one register is base and index of its operand"
        cpu.regs[memory.base] = wanted & (1 << memory.address_bits) - 1
    elif memory.base is None and memory.index is not None:
        whole = wanted + cpu.regs[memory.index] * memory.scale
        cpu.regs[memory.index] = whole // memory.scale & (1 << memory.address_bits) - 1
    if not world.is_mapped(operand_va(cpu, trial.insn), ONE_OPERAND_LEN // 4):
        return "its operand is at an address outside the image"
    return ""


def _flags_on_stack(trial: Trial) -> str:
    """All but TF, which would trap, and NT, which would make IRET fail."""
    mask = USER_FLAGS | c.IF
    if trial.random.random() < 0.4:
        mask |= c.IOPL | c.AC
    trial.put_stack(trial.flags(mask) | c.FLAG_ONE)
    return ""


def _table(trial: Trial) -> str:
    world = trial.world
    if trial.insn.class_name == "lgdt":
        base, limit = world.at(trial.random.choice((w.GDT_OFF, w.GDT_OTHER_OFF))), world.gdt_limit
        limit += trial.random.randrange(8)
    else:
        base, limit = world.at(trial.random.choice((w.IDT_OFF, w.IDT_OTHER_OFF))), 16 * w.GATE_COUNT - 1
    trial.put_operand(struct.pack("<HQ", limit, base))
    return ""


def _word_operand(trial: Trial, value: int, operand: int = 0) -> None:
    insn = trial.insn
    if insn.memory is not None:
        trial.put_operand(struct.pack("<H", value))
    else:
        number = insn.registers[operand]
        trial.cpu.regs[number] = trial.cpu.regs[number] & ~0xFFFF | value


def _lmsw(trial: Trial) -> str:
    value = c.CR0_PE | trial.flags(c.CR0_MP | c.CR0_EM | c.CR0_TS) | trial.random.getrandbits(12) << 4
    _word_operand(trial, value)
    if trial.insn.memory is None and trial.insn.registers[0] == c.RSP:
        return "its operand is the stack pointer"
    return ""


def _mov_to_cr(trial: Trial) -> str:
    number, source = trial.insn.registers
    cpu = trial.cpu
    if number == 0:
        kept = c.CR0_PE | c.CR0_ET | c.CR0_NE | c.CR0_PG
        value = kept | trial.flags(c.CR0_MP | c.CR0_EM | c.CR0_TS | c.CR0_WP | c.CR0_AM)
    elif number == 3:
        value = cpu.cr[3] & ~0xFFF | trial.flags(0x18)  # PWT, PCD
    elif number == 4:
        offered = c.CR4_DE | c.CR4_PSE | c.CR4_MCE | c.CR4_PGE | c.CR4_OSFXSR | c.CR4_OSXMMEXCPT
        value = c.CR4_PAE | trial.flags(offered)
    elif number == 8:
        value = trial.random.randrange(16)
    else:
        value = trial.word()
    if source == c.RSP:
        return "its operand is the stack pointer"
    cpu.regs[source] = value
    return ""


def _mov_to_dr(trial: Trial) -> str:
    number, source = trial.insn.registers
    if source == c.RSP:
        return "its operand is the stack pointer"
    # Breakpoints stay off in DR7 (bits 0 to 7), or the emulator would take them.
    value = {6: trial.flags(0xE00F), 4: trial.flags(0xE00F), 7: 0x400 | trial.flags(0x0300), 5: 0x400}.get(number)
    trial.cpu.regs[source] = trial.address() if value is None else value
    return ""


def _port(trial: Trial) -> str:
    if trial.insn.immediate is None:
        dx = trial.random.choice(NO_PORTS[:-4])
        trial.cpu.regs[c.RDX] = trial.cpu.regs[c.RDX] & ~0xFFFF | dx
    elif trial.insn.class_name == "out" and is_device(trial.insn.immediate, trial.insn.width_bits):
        trial.cpu.regs[c.RAX] &= ~0xFF  # command zero: no device starts anything
    return ""


def _string_port(trial: Trial) -> str:
    cpu, memory, world = trial.cpu, trial.insn.memory, trial.world
    if memory is None or memory.base is None:
        return "it has no operand"
    _port(trial)
    cpu.regs[memory.base] = world.at(w.DATA_OFF + w.DATA_LEN // 2) - (
        cpu.segment_base(memory.segment) if trial.insn.class_name == "outs" else 0
    )
    if not 0 <= cpu.regs[memory.base] < 1 << memory.address_bits:
        return "its segment's base is above its operand"
    if trial.insn.repeat:
        cpu.regs[c.RCX] = trial.random.randrange(8)
    return ""


def _needs_gdt(trial: Trial) -> str:
    return "" if trial.cpu.gdt[1] else "no lgdt of the image can be run before it"


def _needs_idt(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    if missing or not trial.cpu.idt[1]:
        return missing or "no lidt of the image can be run before it"
    return ""


def _iret(trial: Trial) -> str:
    """To the same level, or, every third time, to ring 3."""
    missing = _needs_gdt(trial)
    if missing:
        return missing
    world = trial.world
    user = trial.random.random() < 0.3
    bits = trial.insn.width_bits
    rsp = world.at(w.USER_STACK_OFF if user else w.STACK_MIDDLE_OFF + 0x800)
    cs, ss = (w.USER_CODE | 3, w.USER_DATA | 3) if user else (w.CODE, w.DATA)
    if bits < 32:
        return "its operands are too narrow for the addresses of the trial"
    flags = trial.flags(USER_FLAGS | c.IF) | c.FLAG_ONE
    trial.put_stack(world.at(w.TARGET_OFF) + 16 * trial.random.randrange(16), cs, flags, rsp, ss, bits=bits)
    return ""


def _lret(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    bits = trial.insn.width_bits
    if missing or bits < 32:
        return missing or "its operands are too narrow for the addresses of the trial"
    trial.put_stack(trial.world.at(w.TARGET_OFF) + 16 * trial.random.randrange(16), w.CODE, bits=bits)
    return ""


def _far_transfer(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    bits = trial.insn.width_bits - 16
    if missing or bits < 32:
        return missing or "its operand is too narrow for the addresses of the trial"
    target = trial.world.at(w.TARGET_OFF) + 16 * trial.random.randrange(16)
    trial.put_operand(target.to_bytes(bits // 8, "little") + struct.pack("<H", w.CODE))
    return ""


def _sysret(trial: Trial) -> str:
    missing = _needs_idt(trial)
    if missing:
        return missing
    if trial.insn.width_bits != 64:
        return "it goes to 32-bit code"
    if trial.cpu.msr[c.MSR_EFER] & c.EFER_SCE and trial.cpu.msr[c.MSR_STAR] != USER_STAR:
        return "no wrmsr of the image has set STAR before it"
    trial.cpu.regs[c.RCX] = trial.world.at(w.TARGET_OFF) + 16 * trial.random.randrange(16)
    trial.cpu.regs[c.R11] = trial.flags(USER_FLAGS | c.IF) | c.FLAG_ONE
    return ""


def _sysexit(trial: Trial) -> str:
    missing = _needs_idt(trial)
    if missing:
        return missing
    if trial.insn.width_bits != 64:
        return "it goes to 32-bit code"
    trial.cpu.regs[c.RDX] = trial.world.at(w.TARGET_OFF) + 16 * trial.random.randrange(16)
    trial.cpu.regs[c.RCX] = trial.world.at(w.USER_STACK_OFF)
    return ""


def _rdmsr(trial: Trial) -> str:
    numbers: tuple[int, ...] = (*MSRS, c.MSR_PAT)
    cpu = trial.cpu
    if trial.may_fault and cpu.idt[1] and trial.random.random() < 0.15:
        numbers = (UNKNOWN_MSR,)
    number = trial.msr if trial.msr in cpu.msr else trial.random.choice(numbers)
    cpu.regs[c.RCX] = trial.word(32) << 32 | (number or 0)
    return ""


def _wrmsr(trial: Trial) -> str:
    cpu = trial.cpu
    number = trial.random.choice(MSRS)
    if trial.may_fault and cpu.idt[1] and trial.random.random() < 0.15:
        number = UNKNOWN_MSR
    if number == c.MSR_EFER:
        value = c.EFER_LME | c.EFER_LMA | trial.flags(c.EFER_SCE | c.EFER_NXE)
    elif number == c.MSR_STAR:
        value = USER_STAR | trial.random.getrandbits(32) if trial.random.random() < 0.3 else USER_STAR
    elif number == c.MSR_SYSENTER_CS:
        value = USER_SYSENTER_CS
    elif number in (c.MSR_SFMASK, c.MSR_TSC_AUX):
        value = trial.word(32)
    else:
        value = trial.address()
    cpu.regs[c.RCX] = number
    cpu.regs[c.RAX] = trial.word(32) << 32 | value & 0xFFFFFFFF
    cpu.regs[c.RDX] = trial.word(32) << 32 | value >> 32
    return ""


def _to_segment(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    if missing:
        return missing
    insn = trial.insn
    segment = insn.registers[0]
    selector = w.DATA if segment == c.SS else trial.random.choice((0, *DATA_SELECTORS))
    if insn.class_name == "pop_seg":
        trial.put_stack(selector, bits=insn.width_bits)
    elif insn.memory is not None:
        trial.put_operand(struct.pack("<H", selector))
    else:
        number = insn.registers[1]
        if number == c.RSP:
            return "its operand is the stack pointer"
        trial.cpu.regs[number] = trial.cpu.regs[number] & ~0xFFFF | selector
    return ""


def _far_pointer(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    if missing:
        return missing
    insn = trial.insn
    ss = insn.code[insn.code.index(0x0F) + 1] == 0xB2
    selector = w.DATA if ss else trial.random.choice(DATA_SELECTORS)
    offset = trial.world.at(w.STACK_MIDDLE_OFF) if insn.registers[0] == c.RSP else trial.word(insn.width_bits)
    trial.put_operand((offset & (1 << insn.width_bits) - 1).to_bytes(insn.width_bits // 8, "little"))
    va = operand_va(trial.cpu, insn) + insn.width_bits // 8
    trial.world.put(va, struct.pack("<H", selector))
    return ""


def _segment_base(trial: Trial) -> str:
    if not trial.cpu.cr[4] & c.CR4_FSGSBASE:
        return _needs_idt(trial)
    if trial.insn.class_name.startswith("wr"):
        trial.cpu.regs[trial.insn.registers[0]] = trial.address()
    return ""


def _inspected(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    if missing:
        return missing
    two = trial.insn.class_name in ("lar", "lsl")
    if trial.insn.memory is None and trial.insn.registers[1 if two else 0] == c.RSP:
        return "its operand is the stack pointer"
    _word_operand(trial, trial.random.choice(ANY_SELECTORS), 1 if two else 0)
    return ""


def _system_segment(trial: Trial) -> str:
    missing = _needs_gdt(trial)
    if missing:
        return missing
    if trial.insn.class_name == "ltr":
        for off in (w.GDT_OFF, w.GDT_OTHER_OFF):  # available again
            va = trial.world.at(off + w.TASK + 5)
            trial.world.put(va, b"\x89")
        _word_operand(trial, w.TASK)
    else:
        _word_operand(trial, trial.random.choice((0, w.LDT)))
    return ""


INPUTS: dict[str, Callable[[Trial], str]] = {
    **dict.fromkeys(ALWAYS_FAULT, _needs_idt),
    "popf": _flags_on_stack,
    "lgdt": _table,
    "lidt": _table,
    "lldt": _system_segment,
    "ltr": _system_segment,
    "lmsw": _lmsw,
    "mov_to_cr": _mov_to_cr,
    "mov_from_dr": lambda trial: "" if trial.insn.registers[1] not in (4, 5) else _needs_idt(trial),
    "mov_to_dr": _mov_to_dr,
    "in": _port,
    "out": _port,
    "ins": _string_port,
    "outs": _string_port,
    "iret": _iret,
    "lret": _lret,
    "ljmp": _far_transfer,
    "lcall": _far_transfer,
    "sysret": _sysret,
    "sysexit": _sysexit,
    "rdmsr": _rdmsr,
    "wrmsr": _wrmsr,
    "mov_to_seg": _to_segment,
    "pop_seg": _to_segment,
    "load_far_pointer": _far_pointer,
    "rdfsbase": _segment_base,
    "rdgsbase": _segment_base,
    "wrfsbase": _segment_base,
    "wrgsbase": _segment_base,
    "verr": _inspected,
    "verw": _inspected,
    "lar": _inspected,
    "lsl": _inspected,
    "int": _needs_idt,
    "int3": _needs_idt,
}
