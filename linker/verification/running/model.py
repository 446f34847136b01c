"""What sensitive instructions do to a CPU in 64-bit mode, from the Intel SDM, vol. 2 (the entry of each mnemonic) and
vol. 3 (descriptors: 3.4, interrupts: 6.14). Written from the manual and sharing nothing with any interface module.

Faults that a trial cannot meet, its operands being what `inputs.py` makes them, are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.verification.running import cpu as c
from linker.verification.running.cpu import FaultError
from linker.verification.running.operands import operand_va
from linker.verification.running.segments import (
    deliver,
    far_call,
    far_return,
    iret,
    load_far_pointer,
    load_segment,
    load_system_segment,
    lookup,
    sysexit,
    sysret,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.codec import Instruction
    from linker.verification.running.cpu import EmulatedCpu

POPF_KEEPS = c.RF | c.VM | c.VIF | c.VIP
EVERYTHING_ON_A_PORT = 0xFFFFFFFF  # docs/machine.md: what is no device reads all ones
DEVICE_PORTS = (*range(0x20, 0x22), *range(0x40, 0x44), 0x61, *range(0xA0, 0xA2), *range(0x3F8, 0x400))
DEVICE_PORTS_MORE = (*range(0x4D0, 0x4D2), *range(0x604, 0x606))
LAR_UNDEFINED = 0x000F0000
DR6_FIXED, DR6_KNOWN = 0xFFFF0FF0, 0xE00F
DR7_FIXED, DR7_KNOWN = 0x400, 0xFFFF23FF


def _source(cpu: EmulatedCpu, insn: Instruction, operand: int, bits: int = 16) -> int:
    if insn.memory is not None:
        return cpu.read_word(operand_va(cpu, insn), bits)
    return cpu.register(insn.registers[operand], bits)


def _store_system_word(cpu: EmulatedCpu, insn: Instruction, value: int) -> None:
    """SLDT, STR, SMSW, MOV from a segment: 16 bits to memory, the whole register otherwise."""
    if insn.memory is not None:
        cpu.write_word(operand_va(cpu, insn), 16, value)
    else:
        cpu.set_register(insn.registers[0], insn.width_bits, value)


def _cli(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    cpu.flags &= ~c.IF


def _sti(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    cpu.flags |= c.IF


def _pushf(cpu: EmulatedCpu, insn: Instruction) -> None:
    cpu.push(insn.width_bits, cpu.flags & ~(c.RF | c.VM))


def _popf(cpu: EmulatedCpu, insn: Instruction) -> None:
    value = cpu.pop(insn.width_bits)
    changed = c.DEFINED_FLAGS & ~POPF_KEEPS & (1 << insn.width_bits) - 1
    cpu.flags = cpu.flags & ~changed & ~c.RF | value & changed | c.FLAG_ONE


def _load_table(cpu: EmulatedCpu, insn: Instruction) -> tuple[int, int]:
    va = operand_va(cpu, insn)
    return cpu.read_word(va + 2, 64), cpu.read_word(va, 16)


def _store_table(cpu: EmulatedCpu, insn: Instruction, table: tuple[int, int]) -> None:
    va = operand_va(cpu, insn)
    cpu.write_word(va, 16, table[1])
    cpu.write_word(va + 2, 64, table[0])


def _lgdt(cpu: EmulatedCpu, insn: Instruction) -> None:
    cpu.gdt = _load_table(cpu, insn)


def _lidt(cpu: EmulatedCpu, insn: Instruction) -> None:
    cpu.idt = _load_table(cpu, insn)


def _lmsw(cpu: EmulatedCpu, insn: Instruction) -> None:
    """PE can be set, not cleared."""
    low = c.CR0_PE | c.CR0_MP | c.CR0_EM | c.CR0_TS
    cpu.cr[0] = cpu.cr[0] & ~(low & ~c.CR0_PE) | _source(cpu, insn, 0) & low


def _clts(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    cpu.cr[0] &= ~c.CR0_TS


def _mov_from_cr(cpu: EmulatedCpu, insn: Instruction) -> None:
    cpu.regs[insn.registers[0]] = cpu.cr[insn.registers[1]]


def _mov_to_cr(cpu: EmulatedCpu, insn: Instruction) -> None:
    number, source = insn.registers
    value = cpu.regs[source]
    cpu.cr[number] = value | c.CR0_ET if number == 0 else value
    cpu.unknown_flags |= c.ARITHMETIC  # "undefined"


def _debug_number(cpu: EmulatedCpu, number: int) -> int:
    """DR4 and DR5 are DR6 and DR7 while CR4.DE is clear (vol. 3, 17.2.2)."""
    if number in (4, 5):
        if cpu.cr[4] & c.CR4_DE:
            raise FaultError(c.UD)
        return number + 2
    return number


def _mov_from_dr(cpu: EmulatedCpu, insn: Instruction) -> None:
    cpu.regs[insn.registers[0]] = cpu.dr[_debug_number(cpu, insn.registers[1])]
    cpu.unknown_flags |= c.ARITHMETIC


def _mov_to_dr(cpu: EmulatedCpu, insn: Instruction) -> None:
    number, value = _debug_number(cpu, insn.registers[0]), cpu.regs[insn.registers[1]]
    if number == 6:
        value = value & DR6_KNOWN | DR6_FIXED
    if number == 7:
        value = value & DR7_KNOWN | DR7_FIXED
    cpu.dr[number] = value
    cpu.unknown_flags |= c.ARITHMETIC


def _port(cpu: EmulatedCpu, insn: Instruction) -> int:
    return insn.immediate if insn.immediate is not None else cpu.register(c.RDX, 16)


def is_device(port: int, bits: int) -> bool:
    """Whether an access meets a device of docs/machine.md, whose answers the model does not know."""
    return any(one in DEVICE_PORTS or one in DEVICE_PORTS_MORE for one in range(port, port + bits // 8))


def _in(cpu: EmulatedCpu, insn: Instruction) -> None:
    bits = insn.width_bits
    cpu.set_register(c.RAX, bits, EVERYTHING_ON_A_PORT)
    if is_device(_port(cpu, insn), bits):
        cpu.leave_open(c.RAX, mask=(1 << bits) - 1)


def _nothing(cpu: EmulatedCpu, insn: Instruction) -> None:
    """Caches, translations, ports that nobody watches: not in the model's state."""


def _string_step(cpu: EmulatedCpu, bits: int) -> int:
    return -(bits // 8) if cpu.flags & c.DF else bits // 8


def _string_port(cpu: EmulatedCpu, insn: Instruction) -> None:
    """INS, OUTS; REP counts in (E)CX."""
    memory = insn.memory
    if memory is None or memory.base is None:
        raise ValueError(insn.text)
    pointer, address_bits = memory.base, memory.address_bits
    while not insn.repeat or cpu.register(c.RCX, address_bits):
        if insn.class_name == "ins":
            va = cpu.register(pointer, address_bits)
            cpu.write_word(va, insn.width_bits, EVERYTHING_ON_A_PORT)
        moved = cpu.register(pointer, address_bits) + _string_step(cpu, insn.width_bits)
        cpu.set_register(pointer, address_bits, moved)
        if not insn.repeat:
            break
        cpu.set_register(c.RCX, address_bits, cpu.register(c.RCX, address_bits) - 1)


def _swapgs(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    msr = cpu.msr
    msr[c.MSR_GS_BASE], msr[c.MSR_KERNEL_GS_BASE] = msr[c.MSR_KERNEL_GS_BASE], msr[c.MSR_GS_BASE]


def _rdmsr(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    number = cpu.register(c.RCX, 32)
    if number not in cpu.msr:
        raise FaultError(c.GP, 0)
    cpu.regs[c.RAX], cpu.regs[c.RDX] = cpu.msr[number] & 0xFFFFFFFF, cpu.msr[number] >> 32


def _wrmsr(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    number = cpu.register(c.RCX, 32)
    if number not in cpu.msr:
        raise FaultError(c.GP, 0)
    value = cpu.register(c.RDX, 32) << 32 | cpu.register(c.RAX, 32)
    cpu.msr[number] = value | c.EFER_LMA if number == c.MSR_EFER else value


def _time_stamp(cpu: EmulatedCpu, insn: Instruction) -> None:
    del insn
    cpu.leave_open(c.RAX, c.RDX)


def _rdtscp(cpu: EmulatedCpu, insn: Instruction) -> None:
    _time_stamp(cpu, insn)
    cpu.regs[c.RCX] = cpu.msr[c.MSR_TSC_AUX]


def _cpuid(cpu: EmulatedCpu, insn: Instruction) -> None:
    """What it says is the processor's business; that nothing else changes is not."""
    del insn
    cpu.leave_open(c.RAX, c.RBX, c.RCX, c.RDX, mask=0xFFFFFFFF)
    for number in (c.RAX, c.RBX, c.RCX, c.RDX):
        cpu.set_register(number, 32, 0)


def _general_protection(cpu: EmulatedCpu, insn: Instruction) -> None:
    """RDPMC where no counter exists."""
    raise FaultError(c.GP, 0)


def _undefined(cpu: EmulatedCpu, insn: Instruction) -> None:
    """UD2, and what cpuid does not offer."""
    raise FaultError(c.UD)


def _mov_from_seg(cpu: EmulatedCpu, insn: Instruction) -> None:
    selector = cpu.selectors[insn.registers[0 if insn.memory is not None else 1]]
    _store_system_word(cpu, insn, selector or 0)
    if selector is None:
        if insn.memory is not None:
            va = operand_va(cpu, insn)
            cpu.unknown_memory.append((va, va + 2))
        else:
            cpu.leave_open(insn.registers[0], mask=0xFFFF)


def _mov_to_seg(cpu: EmulatedCpu, insn: Instruction) -> None:
    load_segment(cpu, insn.registers[0], _source(cpu, insn, 1))


def _push_seg(cpu: EmulatedCpu, insn: Instruction) -> None:
    """Only the low 16 bits of the slot are certain: some processors leave the others (PUSH, "IA-32 compatibility")."""
    selector = cpu.selectors[insn.registers[0]]
    cpu.push(insn.width_bits, selector or 0)
    if selector is None:
        cpu.unknown_memory.append((cpu.regs[c.RSP], cpu.regs[c.RSP] + 2))


def _pop_seg(cpu: EmulatedCpu, insn: Instruction) -> None:
    load_segment(cpu, insn.registers[0], cpu.read_word(cpu.regs[c.RSP], 16))
    cpu.regs[c.RSP] = cpu.regs[c.RSP] + insn.width_bits // 8 & c.WORD_MASK


def _segment_base(cpu: EmulatedCpu, insn: Instruction) -> None:
    if not cpu.cr[4] & c.CR4_FSGSBASE:
        raise FaultError(c.UD)
    number = c.MSR_FS_BASE if "fs" in insn.class_name else c.MSR_GS_BASE
    if insn.class_name.startswith("rd"):
        cpu.set_register(insn.registers[0], insn.width_bits, cpu.msr[number])
    else:
        cpu.msr[number] = cpu.register(insn.registers[0], insn.width_bits)


def _inspect(cpu: EmulatedCpu, insn: Instruction) -> None:
    """VERR, VERW, LAR, LSL."""
    name = insn.class_name
    two = name in ("lar", "lsl")
    selector = _source(cpu, insn, 1 if two else 0)
    found = lookup(cpu, selector)
    good = found is not None and found.visible_to(name, cpu.cpl, selector & 3)
    cpu.flags = cpu.flags & ~c.ZF | (c.ZF if good else 0)
    if good and found is not None and two:
        cpu.set_register(insn.registers[0], insn.width_bits, found.access_rights if name == "lar" else found.limit)
        if name == "lar":
            cpu.leave_open(insn.registers[0], mask=LAR_UNDEFINED)


def _int(cpu: EmulatedCpu, insn: Instruction) -> None:
    deliver(cpu, insn.immediate if insn.immediate is not None else 3, None, fault=False)


def _system_selector(cpu: EmulatedCpu, insn: Instruction) -> None:
    load_system_segment(cpu, insn.class_name, _source(cpu, insn, 0))


# Class -> what it does. RIP is behind the instruction already; a transfer sets it.
MODEL: dict[str, Callable[[EmulatedCpu, Instruction], None]] = {
    "cli": _cli,
    "sti": _sti,
    "pushf": _pushf,
    "popf": _popf,
    "lgdt": _lgdt,
    "lidt": _lidt,
    "lldt": _system_selector,
    "ltr": _system_selector,
    "sgdt": lambda cpu, insn: _store_table(cpu, insn, cpu.gdt),
    "sidt": lambda cpu, insn: _store_table(cpu, insn, cpu.idt),
    "sldt": lambda cpu, insn: _store_system_word(cpu, insn, cpu.ldt[0]),
    "str": lambda cpu, insn: _store_system_word(cpu, insn, cpu.task[0]),
    "smsw": lambda cpu, insn: _store_system_word(cpu, insn, cpu.cr[0]),
    "lmsw": _lmsw,
    "mov_from_cr": _mov_from_cr,
    "mov_to_cr": _mov_to_cr,
    "mov_from_dr": _mov_from_dr,
    "mov_to_dr": _mov_to_dr,
    "clts": _clts,
    "invlpg": _nothing,
    "invpcid": _undefined,
    "invd": _nothing,
    "wbinvd": _nothing,
    "in": _in,
    "out": _nothing,
    "ins": _string_port,
    "outs": _string_port,
    "iret": iret,
    "lret": far_return,
    "ljmp": far_call,
    "lcall": far_call,
    "sysret": sysret,
    "sysexit": sysexit,
    "swapgs": _swapgs,
    "rdmsr": _rdmsr,
    "wrmsr": _wrmsr,
    "rdpmc": _general_protection,
    "rdtsc": _time_stamp,
    "rdtscp": _rdtscp,
    "cpuid": _cpuid,
    "mov_from_seg": _mov_from_seg,
    "mov_to_seg": _mov_to_seg,
    "push_seg": _push_seg,
    "pop_seg": _pop_seg,
    "load_far_pointer": load_far_pointer,
    "rdfsbase": _segment_base,
    "rdgsbase": _segment_base,
    "wrfsbase": _segment_base,
    "wrgsbase": _segment_base,
    "verr": _inspect,
    "verw": _inspect,
    "lar": _inspect,
    "lsl": _inspect,
    "int": _int,
    "int3": _int,
    "ud2": _undefined,
    "xsetbv": _undefined,
    "monitor": _undefined,
    "mwait": _undefined,
    "clac": _undefined,
    "stac": _undefined,
    "xsaves": _undefined,
    "xrstors": _undefined,
    "wrpkru": _undefined,
    "rdpkru": _undefined,
    "xrstor": _undefined,
    "xgetbv": _undefined,
}


# Classes that do nothing but fault on the CPU that the model is of.
ALWAYS_FAULT = frozenset(name for name, work in MODEL.items() if work in (_undefined, _general_protection))


def execute(cpu: EmulatedCpu, insn: Instruction, next_va: int, at_va: int) -> None:
    """Work the instruction at `at_va`; a fault goes through the IDT. `next_va` is where it goes on."""
    before = list(cpu.regs)
    cpu.rip = next_va
    try:
        MODEL[insn.class_name](cpu, insn)
    except FaultError as fault:
        cpu.regs = before
        cpu.rip = at_va
        deliver(cpu, fault.vector, fault.error, fault=True)
