"""LoL on i386: which form each operation class takes; `x86_64.py` for 32-bit code, where addresses are absolute.

The module's entries are in `src-i386/entry.S`, the tables are those of `x86_64_vcpu.py`. Rooms are the original
afterburner's, from 5 bytes (iret, lret) up.

    cli            fa 90 90 90 90 90 90 90      c6 05 abs32 00 90         movb $0, vcpu_vif_word+1
    sti            fb 90 ... 90                 0f 1f ... e8 rel32        call lol_sti, ends with the site
    mov %cr2,%edi  0f 20 d7 90 ... 90           8b 3d abs32 ...           mov vcpu_cr+16, %edi
    in (%dx),%al   ec 90 ... 90                 e8 rel32 ...              call stub
    iret           cf 90 90 90 90               e9 rel32                  jmp stub
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linker.hypervisors.base import (
    SITE_START,
    STUB,
    TABLE_ROW,
    Fixup,
    FixupKind,
    Form,
    FormKind,
    Stub,
)
from linker.hypervisors.lol import requirements
from linker.hypervisors.lol.x86_64 import CALL, JMP, JUMPS, NATIVE, TRAPS, call, fitting
from linker.hypervisors.shared.x86_64_vcpu import (
    CONTROL_REGISTER_LEN,
    CONTROL_REGISTERS,
    NOTHING,
    PC32_END,
    VIF_BYTE_OFFSET,
    vcpu_tables,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linker.hypervisors.base import TableContext, Tables, Unbindable
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

ENTRIES = {"pushf": "lol_pushf", "popf": "lol_popf"}  # fast entries for 32-bit operands

# movl $value, variable:  c7 05 abs32 imm32
MOVL_IMM32 = b"\xc7\x05" + bytes(8)
MOVL_ADDRESS, MOVL_IMMEDIATE = 2, 6


def _movl(at: int, variable: str, value: str) -> tuple[Fixup, Fixup]:
    """Holes of `movl $value, variable` at offset `at`."""
    return (
        Fixup(at + MOVL_ADDRESS, variable, 0, FixupKind.WORD32),
        Fixup(at + MOVL_IMMEDIATE, value, 0, FixupKind.WORD32),
    )


CALL_STUB = Stub(
    MOVL_IMM32 + JMP,
    (*_movl(0, "lol_row", TABLE_ROW), Fixup(len(MOVL_IMM32) + 1, "lol_emulate_call", PC32_END)),
)
JUMP_STUB = Stub(
    MOVL_IMM32 + MOVL_IMM32 + JMP,
    (
        *_movl(0, "lol_row", TABLE_ROW),
        *_movl(len(MOVL_IMM32), "lol_site_start", SITE_START),
        Fixup(2 * len(MOVL_IMM32) + 1, "lol_emulate_jump", PC32_END),
    ),
    per_site=True,
)


def _inline_form(insn: Instruction) -> Form | None:
    """`cli`, and reads of a control register, on the virtual CPU's memory."""
    if insn.class_name == "cli":
        address = Fixup(2, "vcpu_vif_word", VIF_BYTE_OFFSET, FixupKind.WORD32)
        return Form(FormKind.INLINE, b"\xc6\x05\0\0\0\0\0", (address,), reason="clears the virtual interrupt flag")
    if insn.class_name == "mov_from_cr" and insn.registers[1] in CONTROL_REGISTERS:
        register, control = insn.registers
        address = Fixup(2, "vcpu_cr", control * CONTROL_REGISTER_LEN, FixupKind.WORD32)
        code = bytes((0x8B, register << 3 | 5)) + bytes(4)
        return Form(FormKind.INLINE, code, (address,), reason="reads the virtual control register")
    if insn.class_name in NOTHING:
        return Form(FormKind.INLINE, b"", reason="memory is coherent")
    return None


class LolI386Binding:
    """See `linker.hypervisors.base.Binding`."""

    target = "lol"
    module = Path(__file__).with_name("lol-i386.so")
    entry_symbol = "lol_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """See `requirements.py`."""
        return requirements.of_i386(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction. The original's table has no flags."""
        return fitting(insn, self._best_form(insn), room_len, flags)

    def _best_form(self, insn: Instruction) -> Form:
        name = insn.class_name
        if name in NATIVE:
            return Form(FormKind.NATIVE, insn.code, reason=NATIVE[name])
        if name in TRAPS:
            return Form(FormKind.TRAP, insn.code, reason=TRAPS[name])
        if (inline := _inline_form(insn)) is not None:
            return inline
        if name in JUMPS:
            return Form(FormKind.JUMP, JMP, (Fixup(1, STUB, PC32_END),), JUMP_STUB, reason="there may be no stack here")
        if name == "sti":
            # The call ends with the site: what returns from it stands in the interrupt shadow, not the padding.
            return call("lol_sti", "sets the virtual interrupt flag", pad_front=True)
        if name == "hlt":
            return call("lol_hlt", "sleeps in the host")
        if name in ENTRIES and insn.width_bits == 32:
            return call(ENTRIES[name], "works the virtual flags")
        return Form(FormKind.CALL, CALL, (Fixup(1, STUB, PC32_END),), CALL_STUB, "worked by the module")

    def tables(self, context: TableContext) -> Tables:
        """Rows, their texts, and the site table."""
        return vcpu_tables(context)


BINDING = LolI386Binding()
