"""x86 code by iced-x86."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from iced_x86 import Decoder, FlowControl, Formatter, FormatterSyntax, MemorySizeExt, Mnemonic, OpKind, Register
from iced_x86 import RegisterExt as Reg

from linker.errors import LinkError
from linker.verification.steps import CALL, CONDITIONAL, JUMP, LEAVE, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOW = {
    FlowControl.NEXT: "",
    FlowControl.CALL: CALL,
    FlowControl.UNCONDITIONAL_BRANCH: JUMP,
    FlowControl.CONDITIONAL_BRANCH: CONDITIONAL,
}
IMMEDIATES = range(OpKind.IMMEDIATE8, OpKind.IMMEDIATE32TO64 + 1)
FORMATTER = Formatter(FormatterSyntax.GAS)
WORD_BITS = 64


def read(bits: int, code: bytes, va: int) -> Iterator[Step]:
    """All of `code`, one by one; LinkError when a byte of it belongs to no instruction."""
    for insn in Decoder(bits, code, ip=va):
        offset = insn.ip - va
        if insn.is_invalid:
            raise LinkError("bytes do not decode", where=f"{insn.ip:#x}", found=code[offset:].hex(" "))
        immediate = memory_va = register = None
        for n in range(insn.op_count):
            kind = insn.op_kind(n)
            if kind in IMMEDIATES:
                width_bits = MemorySizeExt.size(insn.memory_size) * 8 or WORD_BITS
                immediate = insn.immediate(n) & (1 << width_bits) - 1
            elif kind == OpKind.MEMORY and insn.memory_index == Register.NONE:
                if insn.is_ip_rel_memory_operand or insn.memory_base == Register.NONE:
                    memory_va = insn.memory_displacement
            elif kind == OpKind.REGISTER and n == 0 and Reg.is_gpr(insn.op_register(0)):
                register = Reg.number(insn.op_register(0))
        yield Step(
            offset=offset,
            code=code[offset : offset + insn.len],
            text=FORMATTER.format(insn),
            is_nop=insn.mnemonic == Mnemonic.NOP,
            branch=FLOW.get(insn.flow_control, LEAVE),
            target_va=insn.near_branch_target or None,
            memory_va=memory_va,
            immediate=immediate,
            register=register,
            mnemonic="mov" if insn.mnemonic == Mnemonic.MOV else "",
        )


read_64 = partial(read, 64)
read_32 = partial(read, 32)
