"""ia64 code by the linker's tables, which the tests compare with objdump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.sites.ia64.bundles import BUNDLE_LEN, split
from linker.sites.ia64.codec import IA64
from linker.sites.ia64.instructions import decode
from linker.sites.ia64.operands import FIELDS, OperandKind
from linker.verification.steps import CALL, CONDITIONAL, JUMP, LEAVE, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVING = ("br.", "rfi")  # without a target in the instruction


def read(code: bytes, va: int) -> Iterator[Step]:
    """All bundles of `code`, one by one; LinkError when a slot holds what the tables do not have."""
    if len(code) % BUNDLE_LEN:
        raise LinkError("code is not made of bundles", where=f"{va:#x}", found=f"{len(code)} bytes")
    for offset in range(0, len(code), BUNDLE_LEN):
        bundle = split(code[offset:])
        branch, target_va = "", None
        operations = [decode(unit, word) for unit, word in zip(bundle.units, bundle.slots, strict=True)]
        for operation in operations:
            if operation is None:
                where, found = f"{va + offset:#x}", code[offset : offset + BUNDLE_LEN].hex(" ")
                raise LinkError("bundle does not decode", where=where, found=found)
            targets = [value for name, value in operation.operands.items() if FIELDS[name].kind is OperandKind.TARGET]
            if targets:
                target_va = (va + offset + targets[0]) % (1 << 64)
                always = CALL if ".call" in operation.opcode.assembly else JUMP
                branch = CONDITIONAL if operation.predicate else always
            elif operation.opcode.assembly.startswith(LEAVING):
                branch = LEAVE
        yield Step(
            offset=offset,
            code=code[offset : offset + BUNDLE_LEN],
            text=IA64.text(code[offset : offset + BUNDLE_LEN], va + offset),
            is_nop=all(operation is not None and operation.is_nop for operation in operations),
            branch=branch,
            target_va=target_va,
            mnemonic="break"
            if any(o is not None and o.opcode.assembly.startswith("break") for o in operations)
            else "",
        )
