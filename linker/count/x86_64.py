"""Counting code of x86: how a site adds one to its counter.

Where the arithmetic flags are written before they are read, one instruction does, with a stack or without one. It is
safe from interrupts and other processors:

    f0 48 ff 05 rel32       lock incq counter(%rip)

Where they matter and there is a stack they are saved around it:

    9c                      pushfq
    f0 48 ff 05 rel32       lock incq counter(%rip)
    9d                      popfq

A target's module delivers no interrupt inside the reserve and has one processor. There a register changes places with
the counter and back: no flag, no stack. Between the two exchanges nothing else may run the site.

    48 87 05 rel32          xchg %rax, counter(%rip)
    48 8d 40 01             lea 1(%rax), %rax
    48 87 05 rel32          xchg %rax, counter(%rip)
"""

from __future__ import annotations

from linker.hypervisors.base import COUNTER, Fixup
from linker.quick.tuples import NamedTuple
from linker.sites.x86_64.flags import INC, flags_are_dead

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
PC32_END = -4  # addend of a field that ends its instruction


class StubPiece(NamedTuple):
    """Code with holes, to be put behind other code."""

    code: bytes
    fixups: tuple[Fixup, ...] = ()

    def then(self, other: StubPiece) -> StubPiece:
        """This, and the other behind it."""
        moved = tuple(fixup._replace(offset=fixup.offset + len(self.code)) for fixup in other.fixups)
        return StubPiece(self.code + other.code, self.fixups + moved)


WITH_STACK = StubPiece(b"\x9c\xf0\x48\xff\x05\0\0\0\0\x9d", (Fixup(5, COUNTER, PC32_END),))
LOOSE_FLAGS = INC
LOOSE = StubPiece(b"\xf0\x48\xff\x05\0\0\0\0", (Fixup(4, COUNTER, PC32_END),))
WITHOUT_STACK = StubPiece(
    b"\x48\x87\x05\0\0\0\0\x48\x8d\x40\x01\x48\x87\x05\0\0\0\0",
    (Fixup(3, COUNTER, PC32_END), Fixup(14, COUNTER, PC32_END)),
)
JUMP_LEN = 5
STACK_POINTER = 4  # encoding number of rsp


def jump(symbol: str, addend: int = 0) -> StubPiece:
    """`jmp rel32` to the symbol and so many bytes on."""
    return StubPiece(b"\xe9\0\0\0\0", (Fixup(1, symbol, PC32_END + addend),))


# Classes that do not go on behind themselves: they are counted before they run, if at all; all others after.
GO_ELSEWHERE = frozenset("iret lret sysret sysexit ljmp".split())
LAST = frozenset({"popf"})  # what comes next must be the guest's own: the trap flag may be set
# Where there may be no stack: the ways into and out of the kernel, and what boot code does before it has one.
MAY_LACK_STACK = frozenset(
    "iret lret sysret sysexit ljmp swapgs lgdt lidt mov_to_seg load_far_pointer mov_to_cr verw".split()
)
# Classes that may run behind a jump or in the stub: a fault of theirs is reported there, and kernels fix none up.
NOT_FIXED_UP = frozenset(
    "lgdt lidt lldt ltr sgdt sidt sldt str smsw mov_from_cr mov_to_cr mov_from_dr mov_to_dr invlpg "
    "lar lsl verr verw pushf popf mov_from_seg push_seg".split()
)
