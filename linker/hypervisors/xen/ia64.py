"""Xen on ia64: which form each operation class takes. Why each is right: docs/xen-ia64.md.

The shared page is at the same virtual address in every mode. psr.i is a byte in it whose address ends in 1, which is
also the value it gets to mask events:

    rsm psr.i       movl r14=0xf500000000000001 ;;    st1 [r14]=r14 ;;
    ssm psr.i       brl stub: the byte becomes 0; if an event is pending the stub's own ssm traps, and Xen delivers it
    mov r8=cr.ifa   movl r8=0xf5000000000048a0 ;;     ld8 r8=[r8] ;;
    cover           break.m 4 ;;                      a hyperprivop
    break 0x1234    break 0 in the same slot          Xen hands it back; cr.iim is looked up
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from linker.hypervisors.base import Form, FormKind, Tables, TargetNote
from linker.hypervisors.ia64_forms import Scratch, inline, inline_unless, jump, native, trapping, unneeded
from linker.hypervisors.xen import ia64_calls as calls
from linker.hypervisors.xen import ia64_words as words
from linker.sites.ia64.bundles import SLOT_MASK, Bundle, join, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.hypervisors.base import TableContext
    from linker.sites.codec import Instruction

PSR_IC, PSR_I, PSR_DT, PSR_DFL, PSR_DI, PSR_SI = 1 << 13, 1 << 14, 1 << 17, 1 << 18, 1 << 22, 1 << 23
PSR_RT, PSR_IT = 1 << 27, 1 << 36
PSR_USER_MASK = 0x3E
# With di or si Xen refuses the whole mask; a fault of a register that dfl disabled it takes again and again.
NOT_FOR_XEN = PSR_DFL | PSR_DI | PSR_SI
SIMULATOR_CALL = 0x80001
BREAK_IMMEDIATE = 1 << 36 | (1 << 20) - 1 << 6  # imm20a and i of every format; break.x has the rest in its L slot
ROW = struct.Struct("<qQ")  # address of the break from the module's text, its slot added; immediate

ITM, IPSR, IIM, IVR, TPR, EOI, IVA = 1, 16, 24, 65, 66, 67, 2
# Control registers that are words of the shared page, for Xen too or because Xen has none: to read, to write.
READ_WORDS = frozenset({0, ITM, 8, 17, 19, 20, 21, 22, 23, 25, 64, TPR, 72, 73, 74, 80, 81})
WRITTEN_WORDS = frozenset({0, 17, 19, 20, 21, 22, 23, IIM, 25, 64, 73, 74, 80, 81})
PENDING = range(68, 72)

NATIVE = {
    "mov_from_kr": "Xen keeps the processor's kernel registers as the guest set them",
    "mov_from_cpuid": "the processor is the guest's",
    "ttag": "of the long format, which Xen does not walk",
    "fc": "works on the guest's addresses at every level",
    "probe": "the processor's translations are the guest's, levels 0 and 1 being one",
    "epc": "goes to the level of the page, where level 0 is the guest's",
}
EMULATED = "privileged: Xen emulates it"
SHARED = "word of the shared page"
CALLED = "routine of the module"
HYPERPRIVOP = "hyperprivop"


def _mask(insn: Instruction, room_len: int) -> Form:
    """Ssm and rsm. psr.i goes last on and first off, so that no event meets psr.ic still off.

    What lacks free registers and what the shared page does not hold is left to an ssm or rsm that Xen emulates.
    """
    mask = (insn.immediate or 0) & ~NOT_FOR_XEN
    if not mask:
        return unneeded("bits that are not the guest's under Xen")
    setting = insn.class_name == "ssm"
    registers, predicates = calls.free(insn), Scratch(insn).predicates()
    possible = PSR_DT | PSR_USER_MASK
    if len(registers) >= (2 if setting else 1):
        possible |= PSR_IC
    if registers and (predicates or not setting):
        possible |= PSR_I
    rest = mask & ~possible
    if rest == mask == insn.immediate:
        return trapping(insn, EMULATED)
    reason = f"{SHARED}; Xen emulates the rest of the mask" if rest else SHARED
    text = "\n".join((_set if setting else _reset)(mask & possible, rest, registers))
    if not setting or not mask & possible & PSR_I or predicates is None:
        return inline(insn, room_len, text, reason) or jump(insn, text, reason)
    # On, and if an event is pending (the byte in front) let Xen do it again and deliver.
    a, (p, q) = registers[0], predicates
    text += f"\nmovl {a}={words.MASK_VA:#x} ;;\nst1 [{a}]=r0,-1 ;;\nld1 {a}=[{a}] ;;\ncmp.ne {p},{q}=0,{a}"
    again = f"ssm {PSR_I:#x} ;;"
    whole = f"{text} ;;\n({p}) {again}"
    if insn.predicate:  # the instruction's own goes on the branch
        return jump(insn, whole, reason)
    form = inline(insn, room_len, whole, reason) or inline_unless(insn, room_len, text, p, again, reason=reason)
    return form or jump(insn, whole, reason)


def _reset(mask: int, rest: int, registers: list[str]) -> list[str]:
    lines = []
    if mask & PSR_I:
        lines += [f"movl {registers[0]}={words.MASK_VA:#x} ;;", f"st1 [{registers[0]}]={registers[0]} ;;"]
    if rest:
        lines.append(f"rsm {rest:#x} ;;")
    if mask & PSR_IC:
        lines += [f"movl {registers[0]}={words.PSR_IC_VA:#x} ;;", f"st4 [{registers[0]}]=r0 ;;"]
    if mask & PSR_USER_MASK:
        lines.append(f"rum {mask & PSR_USER_MASK:#x} ;;")
    if mask & PSR_DT:
        # Xen has one mode for data and instructions. That psr.it and rt stay as they are is kept with the last cr.ipsr.
        front, (a, b), back = calls.enough(registers, (), 2)
        lines += [
            front,
            f"movl {a}={words.LAST_IPSR_VA:#x} ;;",
            f"movl {b}={PSR_IT | PSR_RT:#x} ;;",
            f"st8 [{a}]={b} ;;",
        ]
        lines += [back, f"break.m {words.RSM_DT:#x} ;;"]
    return lines


def _set(mask: int, rest: int, registers: list[str]) -> list[str]:
    """All but psr.i."""
    lines = [f"break.m {words.SSM_DT:#x} ;;"] if mask & PSR_DT else []
    if mask & PSR_USER_MASK:
        lines.append(f"sum {mask & PSR_USER_MASK:#x} ;;")
    if mask & PSR_IC:
        a, b = registers[:2]
        lines += [f"mov {b}=1", f"movl {a}={words.PSR_IC_VA:#x} ;;", f"st4 [{a}]={b} ;;"]
    if rest:
        lines.append(f"ssm {rest:#x} ;;")
    return lines


def _from_psr(insn: Instruction, room_len: int) -> Form:
    """The user mask from the processor, the rest from the shared page; psr.it and rt as the last cr.ipsr had them."""
    target = insn.registers[0]
    if not target:
        return trapping(insn, EMULATED)
    d = f"r{target}"
    front, (a, b), back = calls.enough(calls.free(insn, (target,)), (target,), 2)
    # As much as the site holds beside a branch: two bundles.
    here = f"""
        movl {a}={words.PSR_IC_VA:#x} ;;
        ld4 {b}=[{a}],{words.PSR_PP_VA - words.PSR_IC_VA} ;;
        ld1 {d}=[{a}],{words.PSR_DFH_VA - words.PSR_PP_VA}
        dep.z {b}={b},13,1 ;;"""
    text = f"""
        dep {b}={d},{b},21,1
        ld1 {d}=[{a}],{words.METAPHYSICAL_VA - words.PSR_DFH_VA} ;;
        dep {b}={d},{b},19,1
        ld4 {d}=[{a}]
        adds {a}={words.LAST_IPSR_VA - words.METAPHYSICAL_VA},{a} ;;
        ld8 {a}=[{a}]
        xor {d}=1,{d} ;;
        dep {b}={d},{b},17,1
        extr.u {a}={a},36,1 ;;
        or {d}={d},{a}
        movl {a}={words.MASK_VA:#x} ;;
        dep {b}={d},{b},27,1
        ld1 {a}=[{a}] ;;
        dep {b}={d},{b},36,1
        adds {a}=-1,{a}
        mov {d}=psr.um ;;
        or {d}={d},{b}
        extr.u {a}={a},63,1 ;;
        dep {d}={a},{d},14,1 ;;
        {back}"""
    if front or room_len < 48:
        return jump(insn, front + here + text, SHARED)
    return jump(insn, text, SHARED, here=here)


def _from_cr(insn: Instruction, room_len: int) -> Form:
    target, control = insn.registers
    if not target:
        return trapping(insn, EMULATED)
    d = f"r{target}"
    if control in READ_WORDS:
        text = f"movl {d}={words.control_register_va(control):#x} ;;\nld8 {d}=[{d}] ;;"
        return inline(insn, room_len, text, SHARED) or jump(insn, text, SHARED)
    if control == IPSR:
        return _from_ipsr(insn, target)
    if control == EOI:
        return inline(insn, room_len, f"mov {d}=0 ;;", "reads as zero") or trapping(insn, EMULATED)
    if control == IVR:
        return jump(insn, calls.call(insn, "xen_get_ivr", "", used=(), result=target), CALLED)
    if control in PENDING:
        take = f"mov r14={control - PENDING.start} ;;"
        return jump(insn, calls.call(insn, "xen_get_irr", take, used=(), result=target), CALLED)
    if control == IIM:
        return jump(insn, calls.call(insn, "xen_get_iim", "", used=(), result=target), CALLED)
    return trapping(insn, EMULATED)


def _from_ipsr(insn: Instruction, target: int) -> Form:
    """User programs run in bank 1, which Xen leaves out for their breaks; psr.di is Xen's; with psr.dt 0, it and rt are
    what they last were.
    """
    d = f"r{target}"
    front, (a, b), back = calls.enough(calls.free(insn, (target,)), (target,), 2)
    text = f"""{front}
        movl {d}={words.control_register_va(IPSR):#x} ;;
        ld8 {d}=[{d}] ;;
        extr.u {b}={d},32,1 ;;
        dep {d}=0,{d},22,1 ;;
        extr.u {a}={d},33,1 ;;
        or {b}={b},{a}
        extr.u {a}={d},44,1 ;;
        or {b}={b},{a}
        movl {a}={words.LAST_IPSR_VA:#x} ;;
        ld8 {a}=[{a}]
        dep {d}={b},{d},44,1 ;;
        extr.u {b}={a},36,1 ;;
        extr.u {a}={d},17,1 ;;
        andcm {b}={b},{a}
        extr.u {a}={d},36,1 ;;
        or {a}={a},{b} ;;
        dep {d}={a},{d},36,1 ;;
        extr.u {a}={d},27,1 ;;
        or {a}={a},{b} ;;
        dep {d}={a},{d},27,1 ;;
        {back}"""
    return jump(insn, text, SHARED)


def _to_cr(insn: Instruction, room_len: int) -> Form:
    control, source = insn.registers
    registers = calls.free(insn, (source,))
    if control == IVA:
        return jump(insn, calls.call(insn, "xen_set_iva", f"mov r14=r{source} ;;", used=(source,)), CALLED)
    if control == TPR:
        return jump(insn, calls.call(insn, "xen_set_tpr", f"mov r14=r{source} ;;", used=(source,)), CALLED)
    if control == EOI:
        return jump(insn, calls.call(insn, "xen_eoi", "", used=()), CALLED)
    va = words.control_register_va(control)
    if control in WRITTEN_WORDS | {IPSR}:
        front, (a,), back = calls.enough(registers, (source,), 1)
    if control == IPSR:
        step = words.LAST_IPSR_VA - va
        text = f"{front}movl {a}={va:#x} ;;\nst8 [{a}]=r{source},{step} ;;\nst8 [{a}]=r{source} ;;\n{back}"
        return inline(insn, room_len, text, SHARED) or jump(insn, text, SHARED)
    if control in WRITTEN_WORDS:
        text = f"{front}movl {a}={va:#x} ;;\nst8 [{a}]=r{source} ;;\n{back}"
        return inline(insn, room_len, text, SHARED) or jump(insn, text, SHARED)
    if control == ITM:
        front, (a, b), back = calls.enough(registers, (source,), 2)
        text = f"""{front}
            movl {a}={va:#x} ;;
            st8 [{a}]=r{source}
            movl {b}={words.ITC_OFFSET_VA:#x} ;;
            ld8 {b}=[{b}] ;;
            sub {a}=r{source},{b} ;;
            mov cr.itm={a} ;;
            {back}"""
        return jump(insn, text, "without what the guest added to ar.itc; Xen emulates the write")
    return trapping(insn, EMULATED)


def _from_rr(insn: Instruction, room_len: int) -> Form:
    del room_len
    target, source = insn.registers
    registers = calls.free(insn, (source, target))
    if not target or not registers:
        return trapping(insn, EMULATED)
    a = registers[0]
    text = f"""
        movl {a}={words.REGION_REGISTERS_VA:#x}
        extr.u r{target}=r{source},61,3 ;;
        shladd {a}=r{target},3,{a} ;;
        ld8 r{target}=[{a}] ;;"""
    return jump(insn, text, SHARED)


def _hyperprivop(insn: Instruction, number: int, *operands: str, used: tuple[int, ...]) -> Form:
    text = calls.hyperprivop(insn, number, operands, used=used)
    return trapping(insn, EMULATED) if text is None else jump(insn, text, HYPERPRIVOP)


def _to_rr(insn: Instruction, room_len: int) -> Form:
    del room_len
    index, value = insn.registers
    return _hyperprivop(insn, words.SET_RR, f"r{index}", f"r{value}", used=(index, value))


def _to_kr(insn: Instruction, room_len: int) -> Form:
    del room_len
    number, *source = insn.registers
    value = f"r{source[0]}" if source else f"{(insn.immediate or 0) % (1 << 64):#x}"
    return _hyperprivop(insn, words.SET_KR, f"{number:#x}", value, used=tuple(source))


def _from_itc(insn: Instruction, room_len: int) -> Form:
    del room_len
    target = insn.registers[0]
    if not target or insn.registers[1] != 44:
        return native(insn, "the processor's counter, without what the guest added")
    front, (a,), back = calls.enough(calls.free(insn, (target,)), (target,), 1)
    text = f"""{front}
        movl {a}={words.ITC_OFFSET_VA:#x} ;;
        ld8 {a}=[{a}]
        mov.m r{target}=ar.itc ;;
        add r{target}=r{target},{a} ;;
        {back}"""
    return jump(insn, text, "the processor's counter and what the guest added")


def _to_itc(insn: Instruction, room_len: int) -> Form:
    """What the guest writes is kept as a difference; the timer is set again, since Xen's knows no difference."""
    del room_len
    number, *source = insn.registers
    registers = calls.free(insn, source)
    if not source or number != 44:
        return trapping(insn, EMULATED)
    front, (a, b), back = calls.enough(registers, source, 2)
    text = f"""{front}
        mov.m {a}=ar.itc
        movl {b}={words.ITC_OFFSET_VA:#x} ;;
        sub {a}=r{source[0]},{a} ;;
        st8 [{b}]={a}
        movl {b}={words.control_register_va(ITM):#x} ;;
        ld8 {b}=[{b}] ;;
        sub {a}={b},{a} ;;
        mov cr.itm={a} ;;
        {back}"""
    return jump(insn, text, "kept as a difference; Xen emulates the write of cr.itm")


def _insert_cached(insn: Instruction, room_len: int) -> Form:
    del room_len
    number = words.ITC_D if insn.class_name == "itc_d" else words.ITC_I
    return _hyperprivop(insn, number, f"r{insn.registers[0]}", used=(insn.registers[0],))


def _insert_register(insn: Instruction, room_len: int) -> Form:
    """Xen leaves what the register mapped before in the TLB, so all that is cached goes."""
    del room_len
    slot, pte = insn.registers
    which = "itr.d dtr" if insn.class_name == "itr_d" else "itr.i itr"
    text = f"{which}[r{slot}]=r{pte} ;;\nptc.e r0 ;;"
    return jump(insn, text, "Xen emulates it, but does not purge what was there")


def _purge_global(insn: Instruction, room_len: int) -> Form:
    """Xen has no ptc.g; ptc.ga does what it does, and purges the ALAT, too."""
    del room_len
    va, size = insn.registers
    text = calls.hyperprivop(insn, words.PTC_GA, (f"r{va}", f"r{size}"), used=(va, size))
    if text is not None:
        return jump(insn, text, HYPERPRIVOP)
    if insn.class_name == "ptc_ga":
        return trapping(insn, EMULATED)
    return jump(insn, f"ptc.ga r{va},r{size} ;;", "as ptc.ga, which Xen emulates")


def _thash(insn: Instruction, room_len: int) -> Form:
    del room_len
    target, source = insn.registers
    if not target:
        return native(insn, "illegal at every level")
    text = calls.hyperprivop(insn, words.THASH, (f"r{source}",), used=(source,), result=target)
    if text is None:
        front, (kept,), back = calls.enough([], (8, source, target), 1)
        text = f"{front}mov {kept}=r8 ;;\nmov r8=r{source} ;;\nbreak.m {words.THASH:#x} ;;\nmov r{target}=r8 ;;\n"
        text += (f"mov r8={kept} ;;\n" if target != 8 else "") + back
    return jump(insn, text, HYPERPRIVOP)


def _from_pmd(insn: Instruction, room_len: int) -> Form:
    del room_len
    target, source = insn.registers
    text = calls.hyperprivop(insn, words.GET_PMD, (f"r{source}",), used=(source,), result=target) if target else None
    return native(insn, "unprivileged; zero if psr.sp is one") if text is None else jump(insn, text, HYPERPRIVOP)


def _break(insn: Instruction, room_len: int) -> Form:
    del room_len
    if insn.immediate == SIMULATOR_CALL:
        return jump(insn, calls.simulator_call(insn), "console or shutdown of Xen")
    one = split(insn.code)
    slots = list(one.slots)
    slots[insn.slot] &= SLOT_MASK & ~BREAK_IMMEDIATE
    return Form(FormKind.TRAP, join(Bundle(one.template, tuple(slots))), reason="the guest's own; iim is looked up")


# What Xen asks for where there are any notes at all (libelf-dominfo.c); on ia64 it takes an image without, too.
NOTES = tuple(
    TargetNote("Xen", kind, text.encode() + b"\0", required=False)
    for kind, text in ((6, "previrt"), (5, "xen-3.0"), (8, "generic"))  # GUEST_OS, XEN_VERSION, LOADER
)

_BY_CLASS: dict[str, Callable[[Instruction, int], Form]] = {
    "ssm": _mask,
    "rsm": _mask,
    "mov_from_psr": _from_psr,
    "mov_from_cr": _from_cr,
    "mov_to_cr": _to_cr,
    "mov_from_rr": _from_rr,
    "mov_to_rr": _to_rr,
    "mov_to_kr": _to_kr,
    "mov_from_itc": _from_itc,
    "mov_to_itc": _to_itc,
    "mov_from_pmd": _from_pmd,
    "itc_d": _insert_cached,
    "itc_i": _insert_cached,
    "itr_d": _insert_register,
    "itr_i": _insert_register,
    "ptc_g": _purge_global,
    "ptc_ga": _purge_global,
    "thash": _thash,
    "break": _break,
    "srlz_d": lambda insn, room_len: unneeded("nothing is in flight in the shared page"),
    "srlz_i": lambda insn, room_len: unneeded("nothing is in flight in the shared page"),
    "cover": lambda insn, room_len: (
        inline(insn, room_len, f"break.m {words.COVER:#x} ;;", HYPERPRIVOP) or trapping(insn, EMULATED)
    ),
    "rfi": lambda insn, room_len: trapping(insn, f"{EMULATED}, and unlike the hyperprivop returns to bank 0, too"),
}


class Ia64Binding:
    """See `linker.hypervisors.base.Binding`."""

    target = "xen"
    module = Path(__file__).parent / "xen-ia64.so"
    entry_symbol = "xen_start"

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form:
        """The form for one instruction; `flags` say nothing here."""
        del flags
        if insn.class_name == "vmsw":
            return trapping(insn, "illegal on a processor that Xen does not lend: Xen says so to the guest")
        if insn.class_name in NATIVE:
            return native(insn, NATIVE[insn.class_name])
        special = _BY_CLASS.get(insn.class_name)
        return trapping(insn, EMULATED) if special is None else special(insn, room_len)

    def tables(self, context: TableContext) -> Tables:
        """The immediates of the guest's own breaks, by address; where the guest starts."""
        rows = bytearray()
        for start_va, _, index in context.sites:
            insn = context.instructions[index]
            # break.b does not set iim (SDM vol. 3, break).
            if (
                insn.class_name == "break"
                and insn.immediate not in (SIMULATOR_CALL, None)
                and "break.b" not in insn.text
            ):
                rows += ROW.pack(start_va + insn.slot - context.text_va, insn.immediate)
        return Tables(
            bytes(rows),
            (),
            {
                "xen_guest_entry": context.image_entry_va,
                "xen_break_count": len(rows) // ROW.size,
                "xen_breaks": (context.data_va - context.text_va) % (1 << 64),
            },
            NOTES,
        )


BINDING = Ia64Binding()
