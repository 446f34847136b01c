"""LoL on x86-64: which form each operation class takes, and the tables the module reads.

The module's entries are in `src/entry.S`, the layouts of the tables in `src/lol.h`.

    cli            fa 90 90 90 90 90 90 90      c6 05 rel32 00 90         movb $0, lol_vif_word+1(%rip)
    sti            fb 90 90 90 90 90 90 90      0f 1f 00 e8 rel32         call lol_sti, ends with the site
    mov %cr2,%rdi  0f 20 d7 90 90 90 90 90      48 8b 3d rel32 90         mov lol_cr+16(%rip), %rdi
    rdmsr          0f 32 90 90 90 90 90 90      e8 rel32 0f 1f 00         call stub
    swapgs         0f 01 f8 90 90 90 90 90      e9 rel32 0f 1f 00         jmp stub
"""

from __future__ import annotations

import struct
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.hypervisors.base import (
    SITE_START,
    STUB,
    TABLE_ROW,
    Fixup,
    FixupKind,
    Form,
    FormKind,
    Stub,
    Tables,
    Unbindable,
)
from linker.sites.formats import INFO_NO_STACK, INFO_PAD_FRONT

if TYPE_CHECKING:
    from linker.hypervisors.base import TableContext
    from linker.sites.codec import Instruction

CALL = b"\xe8\0\0\0\0"
JMP = b"\xe9\0\0\0\0"
PC32_END = -4  # addend of a field that ends its instruction

# Words of the virtual CPU that an inline form reads or writes: FLAG_IF is bit 1 of byte 1 of lol_vif_word.
VIF_BYTE_OFFSET = 1
CONTROL_REGISTERS = frozenset({0, 2, 3, 4, 8})
CONTROL_REGISTER_LEN = 8

ENTRIES = {"pushf": "lol_pushfq", "popf": "lol_popfq"}  # fast entries for 64-bit operands

NATIVE = {"rdtsc": "the host's time stamp counter is the guest's"}
NOTHING = {
    "wbinvd": "a process sees coherent memory",
    "invd": "a process sees coherent memory",
}
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


CALL_STUB = Stub(
    MOVQ_IMM32 + JMP,
    (*_movq(0, "lol_row", TABLE_ROW), Fixup(len(MOVQ_IMM32) + 1, "lol_emulate_call", PC32_END)),
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
)


def _call(entry: str, reason: str, *, pad_front: bool = False) -> Form:
    return Form(FormKind.CALL, CALL, (Fixup(1, entry, PC32_END),), reason=reason, pad_front=pad_front)


def _inline(insn: Instruction) -> Form | None:
    """`cli`, and reads of a control register, on the virtual CPU's memory."""
    if insn.class_name == "cli":
        # c6 /0 ib with disp32(%rip): the immediate follows the field, so the instruction ends 5 bytes behind it.
        return Form(
            FormKind.INLINE,
            b"\xc6\x05\0\0\0\0\0",
            (Fixup(2, "lol_vif_word", VIF_BYTE_OFFSET - 5),),
            reason="clears the virtual interrupt flag",
        )
    if insn.class_name == "mov_from_cr" and insn.registers[1] in CONTROL_REGISTERS:
        register, control = insn.registers
        rex = 0x48 | (register >> 3) << 2  # REX.W, REX.R
        modrm = (register & 7) << 3 | 5  # disp32(%rip)
        return Form(
            FormKind.INLINE,
            bytes((rex, 0x8B, modrm)) + bytes(4),
            (Fixup(3, "lol_cr", control * CONTROL_REGISTER_LEN + PC32_END),),
            reason="reads the virtual control register",
        )
    if insn.class_name in NOTHING:
        return Form(FormKind.INLINE, b"", reason=NOTHING[insn.class_name])
    return None


class LolBinding:
    """See `linker.hypervisors.base.Binding`."""

    target = "lol"
    module = Path(__file__).with_name("lol-x86_64.so")
    entry_symbol = "lol_start"

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction."""
        form = self._best_form(insn, flags)
        if len(form.code) <= room_len:
            return form
        if insn.class_name in FAULT_ANYWAY:
            reason = f"{room_len} bytes are too few for a jump; the host's #GP tells"
            return Form(FormKind.TRAP, insn.code, reason=reason, pad_front=bool(flags & INFO_PAD_FRONT))
        return Unbindable(f"{form.kind.value} form takes {len(form.code)} bytes, the site has {room_len}")

    def _best_form(self, insn: Instruction, flags: int) -> Form:
        name = insn.class_name
        if name in NATIVE:
            return Form(FormKind.NATIVE, insn.code, reason=NATIVE[name])
        if name in TRAPS:
            return Form(FormKind.TRAP, insn.code, reason=TRAPS[name])
        if (inline := _inline(insn)) is not None:
            return inline
        if name in JUMPS or flags & INFO_NO_STACK:
            reason = "there may be no stack here" if name in JUMPS else "the stack is declared unusable here"
            return Form(FormKind.JUMP, JMP, (Fixup(1, STUB, PC32_END),), JUMP_STUB, reason)
        if name == "sti":
            # The call ends with the site: it returns to the instruction in the interrupt shadow, not to padding.
            return _call("lol_sti", "sets the virtual interrupt flag", pad_front=True)
        if name == "hlt":
            return _call("lol_hlt", "sleeps in the host")
        if name in ENTRIES and insn.width_bits == 64:
            return _call(ENTRIES[name], "works the virtual flags")
        return Form(FormKind.CALL, CALL, (Fixup(1, STUB, PC32_END),), CALL_STUB, "worked by the module")

    def tables(self, context: TableContext) -> Tables:
        """Rows, their texts, and the site table; see `struct row` and `struct site` in `src/lol.h`."""
        texts = [insn.text.encode() + b"\0" for insn in context.instructions]
        texts_off = len(texts) * ROW.size
        text_offs = accumulate(map(len, texts), initial=texts_off)  # one more than texts: where they end
        rows = b"".join(
            _row(insn, context.data_va + text_off)
            for insn, text_off in zip(context.instructions, text_offs, strict=False)
        )
        data = rows + b"".join(texts)
        data += bytes(-len(data) % 8)
        base_va = context.sites[0][0] if context.sites else 0
        if context.sites and context.sites[-1][1] - base_va >= SITE_SPAN_LEN:
            raise LinkError(
                "sites lie too far apart for LoL's site table",
                where=f"{base_va:#x} to {context.sites[-1][1]:#x}",
                expected=f"all within {SITE_SPAN_LEN:#x} bytes",
            )
        sites = b"".join(
            SITE.pack(start - base_va, row, min(end - start, SITE_MAX_LEN)) for start, end, row in context.sites
        )
        return Tables(
            data=data + sites,
            rows=tuple(range(0, texts_off, ROW.size)),
            module_words={
                "lol_rows_va": context.data_va,
                "lol_sites_va": context.data_va + len(data),
                "lol_sites_base_va": base_va,
                "lol_site_count": len(context.sites),
                "lol_guest_entry_va": context.guest_entry_va,
                "lol_text_va": context.text_va,
                "lol_text_len": context.text_len,
                "lol_data_va": context.reserve_data_va,
                "lol_data_len": context.reserve_data_len,
            },
        )


# struct row: class, length, width, flags, registers, base, index, scale, segment, address bits, displacement,
# immediate, text, code.  struct site: start, row, length.
ROW = struct.Struct("<HBBBB4sbbBBBxqqQ16s")
SITE = struct.Struct("<IHBx")
SITE_SPAN_LEN = 1 << 32
SITE_MAX_LEN = 255  # the instruction is in front; what is behind this is padding
ROW_MEMORY, ROW_REPEAT, ROW_IMMEDIATE = 1, 2, 4
FAR_TRANSFERS = frozenset({"ljmp", "lcall"})
SELECTOR_BITS = 16


def _row(insn: Instruction, text_va: int) -> bytes:
    memory = insn.memory
    # A far pointer in memory is the offset, whose width counts, and a selector.
    width_bits = insn.width_bits - SELECTOR_BITS if insn.class_name in FAR_TRANSFERS else insn.width_bits
    flags = (
        (ROW_MEMORY if memory else 0)
        | (ROW_REPEAT if insn.repeat else 0)
        | (ROW_IMMEDIATE if insn.immediate is not None else 0)
    )
    return ROW.pack(
        insn.class_number,
        len(insn.code),
        width_bits // 8,
        flags,
        len(insn.registers),
        bytes(insn.registers).ljust(4, b"\0"),
        memory.base if memory and memory.base is not None else -1,
        memory.index if memory and memory.index is not None else -1,
        memory.scale if memory else 0,
        memory.segment if memory else 0,
        memory.address_bits if memory else 0,
        _signed_64(memory.displacement if memory else 0),
        insn.immediate or 0,
        text_va,
        insn.code,
    )


def _signed_64(value: int) -> int:
    return value - (1 << 64) if value >> 63 and value > 0 else value


BINDING = LolBinding()
