"""Whether the arithmetic flags matter at a place in x86 code: read before they are written, or not.

33 c0      xor %eax, %eax      writes them all: what they were in front of it is nobody's
74 05      je                  reads one
e8 rel32   call                what is called decides
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iced_x86 import Code, Decoder, FlowControl, Mnemonic, Register, RflagsBits

if TYPE_CHECKING:
    from collections.abc import Callable

    from iced_x86 import Instruction

ARITHMETIC = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF | RflagsBits.PF
INC = ARITHMETIC & ~RflagsBits.CF  # what inc writes
FARTHEST = 96  # instructions looked at; kernels write flags much sooner


def flags_are_dead(read: Callable[[int], bytes], va: int, bits: int, flags: int = ARITHMETIC) -> bool:
    """Whether none of `flags` is read before it is written, on every way from `va`; False if not certain.

    `read` gives the code at an address, a longest instruction of it or more; empty where there is none.
    """
    ways: list[tuple[int, int, tuple[int, ...]]] = [(va, flags, ())]  # where, flags not written, returns to come
    seen = set()
    for _ in range(FARTHEST):
        if not ways:
            return True
        way = here, alive, returns = ways.pop()
        if way in seen:
            continue
        seen.add(way)
        insn = Decoder(bits, read(here), ip=here).decode()
        if insn.code == Code.INVALID or insn.rflags_read & alive:
            return False
        if not _may_leave_flags(insn):  # "undefined" counts as written
            alive &= ~insn.rflags_modified
        if not alive:
            continue
        flow, target, behind = insn.flow_control, insn.near_branch_target, insn.next_ip
        if flow == FlowControl.NEXT:
            ways.append((behind, alive, returns))
        elif flow == FlowControl.UNCONDITIONAL_BRANCH and target:
            ways.append((target, alive, returns))
        elif flow == FlowControl.CONDITIONAL_BRANCH and target:
            ways += [(target, alive, returns), (behind, alive, returns)]
        elif flow == FlowControl.CALL and target:
            ways.append((target, alive, (*returns, behind)))
        elif insn.mnemonic == Mnemonic.RET and returns:
            ways.append((returns[-1], alive, returns[:-1]))
        else:
            return False
    return False


def _may_leave_flags(insn: Instruction) -> bool:
    """Shifts by 0 and repetitions of 0 times write no flag, nor does mov: to and from cr and dr it is "undefined"."""
    by_count = insn.op_count > 1 and insn.op_register(insn.op_count - 1) == Register.CL
    return by_count or insn.has_rep_prefix or insn.has_repne_prefix or insn.mnemonic == Mnemonic.MOV
