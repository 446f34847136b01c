"""Sensitive instructions in any x86 code, as iced-x86 reads it. What is sensitive the codec says, by its class table.

fa                  cli                 class cli
0f 01 dc            stgi                privileged, and of no class: nothing can bind it
89 d8               mov %ebx,%eax       neither
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

from iced_x86 import Code, Decoder, FlowControl

from linker.errors import LinkError
from linker.sites.codec import Found
from linker.sites.x86_64.classes import CLASSES
from linker.sites.x86_64.codec import I386 as I386_CODEC
from linker.sites.x86_64.codec import X86_64 as X86_64_CODEC
from linker.sites.x86_64.disassembler import I386 as I386_DISASSEMBLER
from linker.sites.x86_64.disassembler import X86_64 as X86_64_DISASSEMBLER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iced_x86 import Instruction

    from linker.sites.x86_64.codec import X86Codec
    from linker.sites.x86_64.disassembler import X86Disassembler

LONGEST_LEN = 15
EARLY_MOST = 4096  # instructions of 32-bit entry code that are followed; kernels have some hundred
CODE = attrgetter("code")
FILLER_RUN = re.compile(rb"\xcc{16,}|\x00{16,}")  # longer than an instruction can be: nothing but filler
GOES_ON = frozenset({FlowControl.NEXT, FlowControl.CALL, FlowControl.CONDITIONAL_BRANCH, FlowControl.INDIRECT_CALL})


class X86Sweep:
    """See `linker.sites.codec.Sweep`."""

    lookahead_len = LONGEST_LEN - 1
    self_trapping = frozenset(row.name for row in CLASSES if not row.room_len)

    def __init__(self, bits: int, codec: X86Codec, disassembler: X86Disassembler) -> None:
        self._bits = bits
        self._codec = codec
        self._disassembler = disassembler
        # The class by iced-x86's code, as met: "" of a privileged one of no class, None of those in `_plain`. A code
        # says opcode and kinds of operands ("mov r64, cr" is another than "mov r64, r64"), so it decides the class.
        self._class_of: dict[int, str | None] = {}
        self._plain: set[int] = set()

    def sensitive(self, code: bytes, va: int, length: int) -> Iterator[Found]:
        """Instructions of a class, and privileged ones of none."""
        start = 0
        for run in FILLER_RUN.finditer(code, 0, length):
            yield from self._straight(code, va, start, run.start())
            start = run.end()
        yield from self._straight(code, va, start, length)

    def _straight(self, code: bytes, va: int, start: int, end: int) -> Iterator[Found]:
        part = code[start:end]
        if set(map(CODE, Decoder(self._bits, part, ip=va + start))) <= self._plain:
            return
        behind = start
        for iced in Decoder(self._bits, part, ip=va + start):
            off, behind = behind, behind + iced.len  # not by address: it starts again at 0 behind the last one
            if iced.code in self._plain:
                continue
            one = iced
            if iced.is_invalid:  # the last one may only be cut off
                one = Decoder(self._bits, code[off : off + LONGEST_LEN], ip=iced.ip).decode()
                if one.is_invalid:
                    continue
            held = code[off : off + one.len]
            name = self._class_of[one.code] if one.code in self._class_of else self._classify(one, held)
            if name is not None:
                yield Found(one.ip, name, held)

    def _classify(self, iced: Instruction, held: bytes) -> str | None:
        name: str | None
        try:
            name = self._codec.decode(held, iced.ip).class_name
        except LinkError:
            name = "" if iced.is_privileged else None
            if name is None:
                self._plain.add(iced.code)
        self._class_of[iced.code] = name
        return name

    def text(self, found: Found) -> str:
        """AT&T syntax."""
        return next(self._disassembler.lines(found.code, found.va)).text

    def entered_early(self, read: Callable[[int], bytes], va: int) -> list[tuple[int, int]]:
        """32-bit code in front of 64-bit code: all that near branches and calls reach, up to far jumps."""
        if self._bits != 64:
            return []
        ways, seen = [va], dict[int, int]()
        while ways and len(seen) < EARLY_MOST:
            here = ways.pop()
            if here in seen:
                continue
            insn = Decoder(32, read(here)[:LONGEST_LEN], ip=here).decode()
            if insn.code == Code.INVALID:
                continue
            seen[here] = here + insn.len
            is_far = insn.is_jmp_far or insn.is_jmp_far_indirect or insn.is_call_far or insn.is_call_far_indirect
            if insn.near_branch_target:
                ways.append(insn.near_branch_target)
            if insn.flow_control in GOES_ON and not is_far:
                ways.append(here + insn.len)
        return sorted(seen.items())


X86_64 = X86Sweep(64, X86_64_CODEC, X86_64_DISASSEMBLER)
I386 = X86Sweep(32, I386_CODEC, I386_DISASSEMBLER)
