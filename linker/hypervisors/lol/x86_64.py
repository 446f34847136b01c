"""LoL on x86-64: which form each operation class takes, and the tables the module reads.

The module's entries are in `src-x86_64/entry.S`, the tables are those of `x86_64_vcpu.py`.

    cli            fa 90 90 90 90 90 90 90      c6 05 rel32 00 90         movb $0, vcpu_vif_word+1(%rip)
    sti            fb 90 90 90 90 90 90 90      0f 1f 00 e8 rel32         call lol_sti, ends with the site
    mov %cr2,%rdi  0f 20 d7 90 90 90 90 90      48 8b 3d rel32 90         mov vcpu_cr+16(%rip), %rdi
    rdmsr          0f 32 90 90 90 90 90 90      e8 rel32 0f 1f 00         call stub
    swapgs         0f 01 f8 90 90 90 90 90      e9 rel32 0f 1f 00         jmp stub
      in a module                               0f 0b a9 imm32 90         ud2; test $row, %eax, which never runs
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
    Unbindable,
)
from linker.hypervisors.lol import requirements
from linker.hypervisors.shared.x86_64_vcpu import PC32_END, inline_form, vcpu_object_rows, vcpu_tables
from linker.sites.formats import INFO_NO_STACK, INFO_PAD_FRONT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.hypervisors.base import ObjectRows, TableContext, Tables
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

CALL = b"\xe8\0\0\0\0"
JMP = b"\xe9\0\0\0\0"
UD2 = b"\x0f\x0b"
UD2_WITH_ROW = b"\x0f\x0b\xa9\0\0\0\0"
CARRIED = "the host's SIGILL tells, the site says what it was"
ENTRIES = {"pushf": "lol_pushfq", "popf": "lol_popfq"}  # fast entries for 64-bit operands

NATIVE = {"rdtsc": "the host's time stamp counter is the guest's"}
TRAPS = {
    "int3": "raises SIGTRAP, which the module turns into #BP",
    "ud2": "raises SIGILL, which the module turns into #UD",
}
# Where there may be no stack to call with: the ways into and out of the kernel, and what boot code does first.
JUMPS = frozenset("iret sysret sysexit swapgs lret ljmp lgdt lidt mov_to_seg load_far_pointer mov_to_cr".split())
# Fault in user mode, so that a site too short for a jump still works: the module finds it by its address.
FAULT_ANYWAY = frozenset(
    "cli sti hlt lgdt lidt lldt ltr lmsw mov_from_cr mov_to_cr mov_from_dr mov_to_dr clts invlpg invpcid in out ins "
    "outs sysret sysexit swapgs rdmsr wrmsr rdpmc int".split()
)

# call stub:  48 c7 05 rel32 imm32   movq $row, lol_row(%rip)
#             e9 rel32               jmp lol_emulate_call
MOVQ_IMM32 = b"\x48\xc7\x05" + bytes(8)
MOVQ_DISPLACEMENT, MOVQ_IMMEDIATE = 3, 7


def _movq(at: int, variable: str, value: str) -> tuple[Fixup, Fixup]:
    """Holes of `movq $value, variable(%rip)` at offset `at`: the displacement counts from the end, 8 bytes on."""
    return (
        Fixup(at + MOVQ_DISPLACEMENT, variable, -8),
        Fixup(at + MOVQ_IMMEDIATE, value, 0, FixupKind.ABS32),
    )


# far stub, where addresses need more than 32 bits with sign: the same in halves
#             c7 05 rel32 imm32      movl $row, lol_row(%rip)
#             c7 05 rel32 imm32      movl $row >> 32, lol_row+4(%rip)
MOVL_IMM32 = b"\xc7\x05" + bytes(8)
MOVL_DISPLACEMENT, MOVL_IMMEDIATE = 2, 6
HALF_LEN = 4


def _movl_halves(at: int, variable: str, value: str) -> tuple[Fixup, ...]:
    """Holes of the two `movl` at offset `at`."""
    high = at + len(MOVL_IMM32)
    return (
        Fixup(at + MOVL_DISPLACEMENT, variable, -8),
        Fixup(at + MOVL_IMMEDIATE, value, 0, FixupKind.WORD32),
        Fixup(high + MOVL_DISPLACEMENT, variable, HALF_LEN - 8),
        Fixup(high + MOVL_IMMEDIATE, value, 0, FixupKind.HIGH32),
    )


CALL_STUB = Stub(
    MOVQ_IMM32 + JMP,
    (*_movq(0, "lol_row", TABLE_ROW), Fixup(len(MOVQ_IMM32) + 1, "lol_emulate_call", PC32_END)),
    far=Stub(
        2 * MOVL_IMM32 + JMP,
        (*_movl_halves(0, "lol_row", TABLE_ROW), Fixup(2 * len(MOVL_IMM32) + 1, "lol_emulate_call", PC32_END)),
    ),
)
# jump stub:  48 c7 05 rel32 imm32   movq $row, lol_row(%rip)
#             48 c7 05 rel32 imm32   movq $site, lol_site_start(%rip)
#             e9 rel32               jmp lol_emulate_jump
JUMP_STUB = Stub(
    MOVQ_IMM32 + MOVQ_IMM32 + JMP,
    (
        *_movq(0, "lol_row", TABLE_ROW),
        *_movq(len(MOVQ_IMM32), "lol_site_start", SITE_START),
        Fixup(2 * len(MOVQ_IMM32) + 1, "lol_emulate_jump", PC32_END),
    ),
    per_site=True,
    far=Stub(
        4 * MOVL_IMM32 + JMP,
        (
            *_movl_halves(0, "lol_row", TABLE_ROW),
            *_movl_halves(2 * len(MOVL_IMM32), "lol_site_start", SITE_START),
            Fixup(4 * len(MOVL_IMM32) + 1, "lol_emulate_jump", PC32_END),
        ),
        per_site=True,
    ),
)


def call(entry: str, reason: str, *, pad_front: bool = False) -> Form:
    """A call of one of the module's own entries."""
    return Form(FormKind.CALL, CALL, (Fixup(1, entry, PC32_END),), reason=reason, pad_front=pad_front)


def fitting(insn: Instruction, best: Form, room_len: int, flags: int) -> Form | Unbindable:
    """The best form where there is room for it, else a trap where the instruction makes one."""
    if len(best.code) <= room_len:
        return best
    if insn.class_name in FAULT_ANYWAY:
        reason = f"{room_len} bytes are too few for a jump; the host's #GP tells"
        return Form(FormKind.TRAP, insn.code, reason=reason, pad_front=bool(flags & INFO_PAD_FRONT))
    return Unbindable(f"{best.kind.value} form takes {len(best.code)} bytes, the site has {room_len}")


def far_form(insn: Instruction, flags: int) -> Form:
    """The form of a site that no branch takes to the module: a trap, and the module knows it by its address.

    before: 0f 22 d8 90 90 90 90 90     mov %rax,%cr3, 5 x nop      the host's #GP tells: as annotated
    before: 0f a2 90 90 90 90 90 90     cpuid, 6 x nop
    after:  0f 0b 0f 1f 44 00 00 90     ud2; long nop               the host's SIGILL tells
    """
    reason = "too far from the module for a branch; the host's signal tells"
    if insn.class_name in FAULT_ANYWAY:
        return Form(FormKind.TRAP, insn.code, reason=reason, pad_front=bool(flags & INFO_PAD_FRONT))
    return Form(FormKind.TRAP, UD2, reason=reason)


class LolBinding:
    """See `linker.hypervisors.base.Binding`."""

    target = "lol"
    module = Path(__file__).with_name("lol-x86_64.so")
    entry_symbol = "lol_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """See `requirements.py`."""
        return requirements.of_x86_64(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction."""
        form = fitting(insn, self._best_form(insn, flags), room_len, flags)
        return form._replace(far=far_form(insn, flags)) if isinstance(form, Form) and form.fixups else form

    def _best_form(self, insn: Instruction, flags: int) -> Form:
        name = insn.class_name
        if name in NATIVE:
            return Form(FormKind.NATIVE, insn.code, reason=NATIVE[name])
        if name in TRAPS:
            return Form(FormKind.TRAP, insn.code, reason=TRAPS[name])
        if (inline := inline_form(insn)) is not None:
            return inline
        if name in JUMPS or flags & INFO_NO_STACK:
            reason = "there may be no stack here" if name in JUMPS else "the stack is declared unusable here"
            return Form(FormKind.JUMP, JMP, (Fixup(1, STUB, PC32_END),), JUMP_STUB, reason)
        if name == "sti":
            # The call ends with the site: it returns to the instruction in the interrupt shadow, not to padding.
            return call("lol_sti", "sets the virtual interrupt flag", pad_front=True)
        if name == "hlt":
            return call("lol_hlt", "sleeps in the host")
        if name in ENTRIES and insn.width_bits == 64:
            return call(ENTRIES[name], "works the virtual flags")
        return Form(FormKind.CALL, CALL, (Fixup(1, STUB, PC32_END),), CALL_STUB, "worked by the module")

    def object_form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The same in a kernel module, but for stubs: what they know of a site, it carries along behind a trap."""
        form = self._best_form(insn, flags)
        if form.stub is not None:
            form = Form(FormKind.TRAP, UD2_WITH_ROW, (Fixup(3, TABLE_ROW, 0),), reason=CARRIED)
        if len(form.code) > room_len:
            return Unbindable(f"{form.kind.value} form takes {len(form.code)} bytes, the site has {room_len}")
        return form

    def object_rows(self, instructions: Sequence[Instruction]) -> ObjectRows:
        """Rows as the module's own tables have them."""
        return vcpu_object_rows(instructions)

    def tables(self, context: TableContext) -> Tables:
        """Rows, their texts, and the site table."""
        return vcpu_tables(context)


BINDING = LolBinding()
