"""Where an instruction's memory operand is (Intel SDM vol. 1, 3.7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.verification.running.cpu import WORD_MASK

if TYPE_CHECKING:
    from linker.sites.codec import Instruction
    from linker.verification.running.cpu import EmulatedCpu


def operand_va(cpu: EmulatedCpu, insn: Instruction) -> int:
    """Address of the memory operand (vol. 1, 3.7.5)."""
    memory = insn.memory
    if memory is None:
        raise ValueError(f"no memory operand: {insn.text}")
    va = memory.displacement
    if memory.base is not None:
        va += cpu.regs[memory.base]
    if memory.index is not None:
        va += cpu.regs[memory.index] * memory.scale
    va &= (1 << memory.address_bits) - 1
    return va + cpu.segment_base(memory.segment) & WORD_MASK
