"""LoL on ia64: which form each operation class takes, and the tables the module reads.

The virtual CPU is a page at a fixed address (`struct vcpu` in `src-ia64/lol.h`); the module is `src-ia64/`.

    rsm psr.i      { .mlx; nop.m 0; movl r14=vcpu+1 ;; }  { .mfi; st1 [r14]=r0; nop.f 0; nop.i 0 ;; }
    ssm psr.i      { .mlx; nop.m 0; movl r14=vcpu+1 ;; }  { .mii; st1 [r14]=r14; adds r14=7,r14 ;; }
                   { .mmi; ld8 r14=[r14] ;; ld8 r14=[r14] ;; }    the word at vcpu+8 is an address that faults where
                                                                  an interrupt waits
    mov r8=cr.iip  { .mlx; nop.m 0; movl r8=vcpu+0x298 ;; }  { .mfi; ld8 r8=[r8]; nop.f 0; nop.i 0 ;; }
    cover          { .mfb; nop.m 0; nop.f 0; break.b 0 ;; }  the module finds the site's instruction by its address
    rfi            stays, and faults
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from linker.hypervisors.base import Form, FormKind, TableContext, Tables, Unbindable
from linker.hypervisors.lol import requirements
from linker.hypervisors.shared.ia64_forms import Scratch, inline, jump, native, trapping, unneeded
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.bundles import split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

VCPU_VA = 0x6000080000000000
PSR_I_VA, POLL_VA, PSR_VA, ITC_OFFSET_VA, PSR_IC_VA = (VCPU_VA + offset for offset in (1, 8, 0x10, 0x18, 0x101))
CR_VA, KR_VA, RR_VA = (VCPU_VA + offset for offset in (0x200, 0x600, 0x640))

PSR_I, PSR_IC, PSR_USER_MASK = 1 << 14, 1 << 13, 0x3E
SITE_BREAK = 0x180000
BREAK_SYSCALL = 0x100000

# Control registers by number (SDM vol. 2, table 3-3): reading ivr and irr asks the interrupt controller; writing these
# is a store, writing the others has consequences.
READ_BY_MODULE = frozenset({65, 67, 68, 69, 70, 71})
WRITTEN_IN_MEMORY = frozenset({0, 16, 17, 19, 20, 21, 22, 23, 24, 25, 64, 80, 81})

NATIVE = {
    "fc": "the host's caches are the guest's; a page that is not mapped faults and is mapped",
    "mov_from_cpuid": "the processor is the host's",
}
NOTHING = {
    "srlz_d": "the module's work is done when it returns",
    "srlz_i": "the module's work is done when it returns",
}
# Not privileged: a break stands in their place.
BREAKS = {
    "cover": "cr.ifs gets the frame's marker",
    "epc": "the level is the virtual CPU's",
    "thash": "the page table is the guest's",
    "ttag": "the page table is the guest's",
    "probe": "the translations are the guest's",
    "mov_from_pmd": "the register is the virtual CPU's",
}


def _site_break(insn: Instruction, reason: str) -> Form:
    """A break of the instruction's unit in its slot, so that what the guest learns of the place is right."""
    unit = split(insn.code).units[insn.slot].lower()
    text = f"{{{insn.slot}}} break.{unit} {0 if unit == 'b' else SITE_BREAK:#x} ;;"
    return Form(FormKind.TRAP, assemble(text, insn.predicate).code, reason=reason)


def _destination_and_scratch(insn: Instruction) -> tuple[str, str] | None:
    """The register the instruction writes and one that is free beside it."""
    destination = f"r{insn.registers[0]}"
    for registers in (Scratch(insn).general(1), Scratch(insn).general(2)):
        if registers and registers[-1] != destination:
            return destination, registers[-1]
    return None


def _inline_or_stub(insn: Instruction, room_len: int, text: str, reason: str) -> Form:
    return inline(insn, room_len, text, reason) or jump(insn, text, reason)


def _set_mask(insn: Instruction, room_len: int) -> Form:
    """ssm: psr.ic before psr.i, so that no interrupt comes between the two."""
    mask = insn.immediate or 0
    scratch = Scratch(insn).general(1)
    lines = []
    if mask & PSR_USER_MASK:
        lines.append(f"sum {mask & PSR_USER_MASK:#x} ;;")
    if mask & ~(PSR_I | PSR_IC | PSR_USER_MASK):
        return trapping(insn, "changes more of psr than i, ic and the user mask")
    if mask & (PSR_I | PSR_IC) and scratch is None:
        return trapping(insn, "no register is free here")
    a = scratch[0] if scratch else ""
    if mask & PSR_IC:
        lines.append(f"movl {a}={PSR_IC_VA:#x} ;;\nst1 [{a}]={a} ;;")
    if mask & PSR_I:
        lines.append(f"movl {a}={PSR_I_VA:#x} ;;\nst1 [{a}]={a}\nadds {a}={POLL_VA - PSR_I_VA},{a} ;;")
        lines.append(f"ld8 {a}=[{a}] ;;\nld8 {a}=[{a}] ;;")
    return _inline_or_stub(insn, room_len, "\n".join(lines), "sets virtual psr bits") if lines else unneeded()


def _reset_mask(insn: Instruction, room_len: int) -> Form:
    mask = insn.immediate or 0
    scratch = Scratch(insn).general(1)
    lines = []
    if mask & ~(PSR_I | PSR_IC | PSR_USER_MASK):
        return trapping(insn, "changes more of psr than i, ic and the user mask")
    if mask & (PSR_I | PSR_IC) and scratch is None:
        return trapping(insn, "no register is free here")
    a = scratch[0] if scratch else ""
    if mask & PSR_I:
        lines.append(f"movl {a}={PSR_I_VA:#x} ;;")
        lines.append(f"st1 [{a}]=r0" + (f"\nadds {a}={PSR_IC_VA - PSR_I_VA},{a} ;;" if mask & PSR_IC else " ;;"))
    elif mask & PSR_IC:
        lines.append(f"movl {a}={PSR_IC_VA:#x} ;;")
    if mask & PSR_IC:
        lines.append(f"st1 [{a}]=r0 ;;")
    if mask & PSR_USER_MASK:
        lines.append(f"rum {mask & PSR_USER_MASK:#x} ;;")
    return _inline_or_stub(insn, room_len, "\n".join(lines), "resets virtual psr bits") if lines else unneeded()


def _read_psr(insn: Instruction) -> Form:
    registers = _destination_and_scratch(insn)
    if registers is None:
        return trapping(insn, "no register is free here")
    d, a = registers
    return jump(
        insn,
        f"movl {a}={PSR_IC_VA:#x} ;;\nld1 {d}=[{a}]\nadds {a}={PSR_I_VA - PSR_IC_VA},{a} ;;\n"
        f"ld1 {a}=[{a}] ;;\nshladd {d}={a},1,{d}\nmovl {a}={PSR_VA:#x} ;;\n"
        f"dep.z {d}={d},13,2\nld8 {a}=[{a}] ;;\nor {d}={d},{a}\nmov {a}=psr.um ;;\nor {d}={d},{a} ;;",
        "puts the virtual psr together",
    )


def _load(insn: Instruction, room_len: int, va: int, reason: str) -> Form:
    d = f"r{insn.registers[0]}"
    return _inline_or_stub(insn, room_len, f"movl {d}={va:#x} ;;\nld8 {d}=[{d}] ;;", reason)


def _store(insn: Instruction, room_len: int, va: int, value: str, reason: str) -> Form:
    scratch = Scratch(insn).general(1)
    if scratch is None:
        return trapping(insn, "no register is free here")
    a = scratch[0]
    return _inline_or_stub(insn, room_len, f"movl {a}={va:#x} ;;\nst8 [{a}]={value} ;;", reason)


def _control_register(insn: Instruction, room_len: int) -> Form:
    if insn.class_name == "mov_from_cr":
        number = insn.registers[1]
        if number in READ_BY_MODULE:
            return trapping(insn, "asks the interrupt controller")
        return _load(insn, room_len, CR_VA + 8 * number, "reads the virtual control register")
    number, source = insn.registers
    if number not in WRITTEN_IN_MEMORY:
        return trapping(insn, "changes more than the register")
    return _store(insn, room_len, CR_VA + 8 * number, f"r{source}", "writes the virtual control register")


def _kernel_register(insn: Instruction, room_len: int) -> Form:
    if insn.class_name == "mov_from_kr":
        return _load(insn, room_len, KR_VA + 8 * insn.registers[1], "reads the virtual kernel register")
    number = insn.registers[0]
    if insn.immediate:
        return trapping(insn, "writes a constant")
    source = "r0" if insn.immediate == 0 else f"r{insn.registers[1]}"
    return _store(insn, room_len, KR_VA + 8 * number, source, "writes the virtual kernel register")


def _region_register(insn: Instruction, room_len: int) -> Form:
    registers = _destination_and_scratch(insn)
    if registers is None:
        return trapping(insn, "no register is free here")
    d, a = registers
    text = f"movl {a}={RR_VA:#x}\nextr.u {d}=r{insn.registers[1]},61,3 ;;\nshladd {d}={d},3,{a} ;;\nld8 {d}=[{d}] ;;"
    return _inline_or_stub(insn, room_len, text, "reads the virtual region register")


def _interval_counter(insn: Instruction, room_len: int) -> Form:
    registers = _destination_and_scratch(insn)
    if registers is None:
        return _site_break(insn, "no register is free here")
    d, a = registers
    text = f"movl {a}={ITC_OFFSET_VA:#x} ;;\nld8 {a}=[{a}]\nmov.m {d}=ar.itc ;;\nadd {d}={d},{a} ;;"
    return _inline_or_stub(insn, room_len, text, "the host's counter and the guest's offset")


class LolIa64Binding:
    """See `linker.hypervisors.base.Binding`."""

    target = "lol"
    module = Path(__file__).with_name("lol-ia64.so")
    entry_symbol = "lol_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """See `requirements.py`."""
        return requirements.of_ia64(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction."""
        del flags
        name = insn.class_name
        match name:
            case "ssm":
                return _set_mask(insn, room_len)
            case "rsm":
                return _reset_mask(insn, room_len)
            case "mov_from_psr":
                return _read_psr(insn)
            case "mov_from_cr" | "mov_to_cr":
                return _control_register(insn, room_len)
            case "mov_from_kr" | "mov_to_kr":
                return _kernel_register(insn, room_len)
            case "mov_from_rr":
                return _region_register(insn, room_len)
            case "mov_from_itc":
                return _interval_counter(insn, room_len)
            case "break":
                if insn.immediate == BREAK_SYSCALL:
                    return _site_break(insn, "the immediate is the host's system call")
                return native(insn, "raises a signal, which the module turns into the guest's fault")
        if name in NATIVE:
            return native(insn, NATIVE[name])
        if name in NOTHING:
            return unneeded(NOTHING[name])
        if name in BREAKS:
            return _site_break(insn, BREAKS[name])
        return trapping(insn, "privileged: raises SIGILL, and the module emulates it")

    def tables(self, context: TableContext) -> Tables:
        """Rows and sites: see `struct row` and `struct site` in `src-ia64/emulate.c`."""
        rows = b"".join(_row(insn) for insn in context.instructions)
        sites = b"".join(
            SITE.pack(start, row, context.instructions[row].slot) for start, _, row in sorted(context.sites)
        )
        return Tables(
            data=rows + sites,
            rows=tuple(range(0, len(rows), ROW.size)),
            module_words={
                "lol_rows_va": context.data_va,
                "lol_sites_va": context.data_va + len(rows),
                "lol_site_count": len(context.sites),
                "lol_guest_entry_va": context.image_entry_va,
                "lol_text_va": context.text_va,
                "lol_text_len": context.text_len,
                "lol_data_va": context.reserve_data_va,
                "lol_data_len": context.reserve_data_len,
            },
        )


# struct row: the instruction's 41 bits, those of the L slot, its unit. struct site: address, row, slot.
ROW = struct.Struct("<QQQ")
SITE = struct.Struct("<QII")


def _row(insn: Instruction) -> bytes:
    bundle = split(insn.code)
    word = bundle.slots[insn.slot]
    unit = bundle.units[insn.slot]
    return ROW.pack(word & (1 << 41) - 1, word >> 41, ord(unit))


BINDING = LolIa64Binding()
