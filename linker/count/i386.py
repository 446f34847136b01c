"""Counting code of i386: as `count_x86.py`, with absolute addresses, and a counter of 64 bits in two halves.

    9c                      pushfl
    f0 83 05 abs32 01       lock addl $1, counter
    f0 83 15 abs32 00       lock adcl $0, counter+4
    9d                      popfl

Without a stack the lower half alone counts, up to 32 bits:

    87 05 abs32             xchg %eax, counter
    8d 40 01                lea 1(%eax), %eax
    87 05 abs32             xchg %eax, counter
"""

from __future__ import annotations

from linker.count.x86_64 import (
    GO_ELSEWHERE,
    JUMP_LEN,
    LAST,
    MAY_LACK_STACK,
    NOT_FIXED_UP,
    PC32_END,
    STACK_POINTER,
    StubPiece,
    jump,
)
from linker.hypervisors.base import COUNTER, Fixup, FixupKind
from linker.sites.x86_64.flags import ARITHMETIC, flags_are_dead

__all__ = [
    "GO_ELSEWHERE",
    "JUMP_LEN",
    "LAST",
    "LOOSE",
    "LOOSE_FLAGS",
    "MAY_LACK_STACK",
    "NOT_FIXED_UP",
    "PC32_END",
    "STACK_POINTER",
    "WITHOUT_STACK",
    "WITH_STACK",
    "StubPiece",
    "flags_are_dead",
    "jump",
]

WITH_STACK = StubPiece(
    b"\x9c\xf0\x83\x05\0\0\0\0\x01\xf0\x83\x15\0\0\0\0\0\x9d",
    (Fixup(4, COUNTER, 0, FixupKind.WORD32), Fixup(12, COUNTER, 4, FixupKind.WORD32)),
)
LOOSE_FLAGS = ARITHMETIC
LOOSE = StubPiece(WITH_STACK.code[1:-1], tuple(fixup._replace(offset=fixup.offset - 1) for fixup in WITH_STACK.fixups))
WITHOUT_STACK = StubPiece(
    b"\x87\x05\0\0\0\0\x8d\x40\x01\x87\x05\0\0\0\0",
    (Fixup(2, COUNTER, 0, FixupKind.WORD32), Fixup(11, COUNTER, 0, FixupKind.WORD32)),
)
