"""Phase 7: decode the result again and compare it with what was meant.

One site of each form is decoded in full: instructions must cover the room, the fixups must be operands of them and say
what they should, the rest must be no-operations. The others may differ from it in the fixups alone, which are compared
for all of them at once.
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.memory import gather
from linker.plan.fill import FIELDS, hole_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.image.windows import Bytes
    from linker.plan.patches import Edit, PatchGroup, Plan
    from linker.sites.codec import Codec


def verify(plan: Plan, memory: Bytes, edits: Sequence[Edit], codec: Codec) -> None:
    """LinkError when `memory` does not hold what the plan meant: a defect of the linker or of a binding."""
    for group in plan.groups:
        written = gather(memory, group.offs, group.room_len)
        if written != group.after:
            raise _defect(group, "the bytes are not those planned")
        _verify_first(group, written[: group.room_len], codec)
        if len(group.members) > 1:
            _verify_others(group, written)
    for edit in edits:
        if memory[edit.off : edit.off + len(edit.after)] != edit.after:
            raise LinkError(f"verification failed: {edit.name} is not as planned", advice="report this as a defect")
    for stub in plan.stubs:
        codec.disassemble(stub.code, stub.va)


def _verify_first(group: PatchGroup, code: bytes, codec: Codec) -> None:
    start_va = group.first_va
    decoded = codec.disassemble(code, start_va)
    if group.keeps_instruction:
        at = group.instruction_off
        if (at, group.instruction.length) not in ((one.offset, one.length) for one in decoded):
            raise _defect(group, "the instruction is not the original one")
        if not all(one.is_nop for one in decoded if one.offset != at):
            raise _defect(group, "the padding is not no-operations")
        return
    if sum(one.length for one in decoded if not one.is_nop) > group.used_len:
        raise _defect(group, "the filler is not no-operations")
    operands = {
        one.offset + field_off: (value, one.offset + one.length)
        for one in decoded
        for field_off, value in one.references
    }
    for fixup, target in zip(group.fixups, group.targets, strict=True):
        if fixup.offset not in operands:
            raise _defect(group, f"'{fixup.symbol}' is no operand")
        value, end_off = operands[fixup.offset]
        meant = (target if isinstance(target, int) else target[0]) + fixup.addend
        hole = hole_of(fixup.kind)
        if FIELDS[fixup.kind].pc_relative and hole.from_end:
            meant += end_off - fixup.offset
        if (value - meant) % (1 << hole.value_bits):
            raise _defect(group, f"the operand is {value:#x}, '{fixup.symbol}' would be {meant:#x}")


def _verify_others(group: PatchGroup, written: bytes) -> None:
    count = len(group.members)
    blank = bytearray(written)
    for fixup, target in zip(group.fixups, group.targets, strict=True):
        field = FIELDS[fixup.kind]
        hole = hole_of(fixup.kind)
        values = hole.get(written, fixup.offset, group.room_len, count)
        hole.put(blank, fixup.offset, group.room_len, [0] * count)
        reached: Sequence[int] = list(map(add, values, group.starts_va)) if field.pc_relative else values
        delta = fixup.addend - (fixup.offset if field.pc_relative else 0)
        modulus = 1 << (64 if field.pc_relative else hole.value_bits)
        if isinstance(target, int):
            right = {value % modulus for value in set(reached)} == {(target + delta) % modulus}
        else:
            right = all((va + delta - value) % modulus == 0 for va, value in zip(target, reached, strict=True))
        if not right:
            raise _defect(group, f"a site does not reach '{fixup.symbol}'")
    if blank != blank[: group.room_len] * count:
        raise _defect(group, "sites differ in more than their fixups")


def _defect(group: PatchGroup, what: str) -> LinkError:
    return LinkError(
        f"verification failed: {what}",
        where=f"'{group.instruction.text}' at {group.first_va:#x}, form {group.form}",
        advice="nothing was written; report this as a defect",
    )
