"""What modules that share `src-x86_64/` share here: inline forms of x86-64, and the tables they read about an image.

The layouts of the tables are in `x86_64_rows.py`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.hypervisors.base import Fixup, Form, FormKind, ObjectRows, Tables
from linker.hypervisors.shared.x86_64_rows import (
    ROW,
    ROW_CARRIED,
    ROW_IMMEDIATE,
    ROW_MEMORY,
    ROW_OFFSETS,
    ROW_REPEAT,
    SITE_MAX_LEN,
    SITE_ROWS,
    SITE_SPAN_LEN,
    pack_site,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.hypervisors.base import TableContext
    from linker.sites.codec import Instruction

PC32_END = -4  # addend of a field that ends its instruction

# Words of the virtual CPU that an inline form reads or writes: FLAG_IF is bit 1 of byte 1 of vcpu_vif_word.
VIF_BYTE_OFFSET = 1
CONTROL_REGISTERS = frozenset({0, 2, 3, 4, 8})
CONTROL_REGISTER_LEN = 8

# A module's guest sees coherent memory.
NOTHING = frozenset({"wbinvd", "invd"})


def inline_form(insn: Instruction) -> Form | None:
    """`cli`, and reads of a control register, on the virtual CPU's memory."""
    if insn.class_name == "cli":
        # c6 /0 ib with disp32(%rip): the immediate follows the field, so the instruction ends 5 bytes behind it.
        return Form(
            FormKind.INLINE,
            b"\xc6\x05\0\0\0\0\0",
            (Fixup(2, "vcpu_vif_word", VIF_BYTE_OFFSET - 5),),
            reason="clears the virtual interrupt flag",
        )
    if insn.class_name == "mov_from_cr" and insn.registers[1] in CONTROL_REGISTERS:
        register, control = insn.registers
        rex = 0x48 | (register >> 3) << 2  # REX.W, REX.R
        modrm = (register & 7) << 3 | 5  # disp32(%rip)
        return Form(
            FormKind.INLINE,
            bytes((rex, 0x8B, modrm)) + bytes(4),
            (Fixup(3, "vcpu_cr", control * CONTROL_REGISTER_LEN + PC32_END),),
            reason="reads the virtual control register",
        )
    if insn.class_name in NOTHING:
        return Form(FormKind.INLINE, b"", reason="memory is coherent")
    return None


FAR_TRANSFERS = frozenset({"ljmp", "lcall"})
SELECTOR_BITS = 16


def vcpu_tables(context: TableContext) -> Tables:
    """Rows, their texts, and the site table; see `x86_64_rows.py`.

    LinkError when the sites lie further apart than the site table reaches, or differ in more ways than it can name.
    """
    if len(context.instructions) > SITE_ROWS:
        raise LinkError(
            "too many distinct sensitive instructions for the module's site table",
            found=str(len(context.instructions)),
            expected=f"at most {SITE_ROWS}, operands and widths included",
            advice="an operand that is relative to rip makes a site distinct: use addresses that sites can share",
        )
    texts = [insn.text.encode() + b"\0" for insn in context.instructions]
    texts_off = len(texts) * ROW.size
    text_offs = accumulate(map(len, texts), initial=texts_off)  # one more than texts: where they end
    rows = b"".join(
        _row(insn, context.data_va + text_off) for insn, text_off in zip(context.instructions, text_offs, strict=False)
    )
    data = rows + b"".join(texts)
    data += bytes(-len(data) % 8)
    base_va = context.sites[0][0] if context.sites else 0
    if context.sites and context.sites[-1][1] - base_va >= SITE_SPAN_LEN:
        raise LinkError(
            "sites lie too far apart for the site table",
            where=f"{base_va:#x} to {context.sites[-1][1]:#x}",
            expected=f"all within {SITE_SPAN_LEN:#x} bytes",
        )
    sites = b"".join(
        pack_site(start - base_va, row, min(end - start, SITE_MAX_LEN)) for start, end, row in context.sites
    )
    return Tables(
        data=data + sites,
        rows=tuple(range(0, texts_off, ROW.size)),
        module_words={
            "vcpu_rows_va": context.data_va,
            "vcpu_sites_va": context.data_va + len(data),
            "vcpu_sites_base_va": base_va,
            "vcpu_site_count": len(context.sites),
            "vcpu_guest_entry_va": context.guest_entry_va,
            "vcpu_text_va": context.text_va,
            "vcpu_text_len": context.text_len,
            "vcpu_data_va": context.reserve_data_va,
            "vcpu_data_len": context.reserve_data_len,
        },
    )


def vcpu_object_rows(instructions: Sequence[Instruction]) -> ObjectRows:
    """Rows for a kernel module to carry along; without texts, which would not outlive it."""
    data = b"".join(_row(insn, 0, ROW_CARRIED) for insn in instructions)
    return ObjectRows(data, tuple(range(0, len(data), ROW.size)), ROW_OFFSETS["displacement"])


def _row(insn: Instruction, text_va: int, carried: int = 0) -> bytes:
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
        carried,
        _signed_64(memory.displacement if memory else 0),
        insn.immediate or 0,
        text_va,
        insn.code,
    )


def _signed_64(value: int) -> int:
    return value - (1 << 64) if value >> 63 and value > 0 else value
