"""Forms of moves from and to control, region, kernel and counter registers, for Xen on ia64 (docs/xen-ia64.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.shared.ia64_forms import inline, native, trapping
from linker.hypervisors.xen import ia64_calls as calls
from linker.hypervisors.xen import ia64_words as words
from linker.hypervisors.xen.ia64_calls import CALLED, EMULATED, SHARED

if TYPE_CHECKING:
    from linker.hypervisors.base import Form
    from linker.sites.codec import Instruction

ITM, IPSR, IIM, IVR, TPR, EOI, IVA = 1, 16, 24, 65, 66, 67, 2
# Control registers that are words of the shared page, for Xen too or because Xen has none: to read, to write.
READ_WORDS = frozenset({0, ITM, 8, 17, 19, 20, 21, 22, 23, 25, 64, TPR, 72, 73, 74, 80, 81})
WRITTEN_WORDS = frozenset({0, 17, 19, 20, 21, 22, 23, IIM, 25, 64, 73, 74, 80, 81})
PENDING = range(68, 72)


def from_cr(insn: Instruction, room_len: int) -> Form:
    """Mov from a control register: a word of the shared page, or a routine that knows more."""
    target, control = insn.registers
    if not target:
        return trapping(insn, EMULATED)
    d = f"r{target}"
    if control in READ_WORDS:
        text = f"movl {d}={words.control_register_va(control):#x} ;;\nld8 {d}=[{d}] ;;"
        return calls.place(insn, room_len, text, SHARED)
    if control == IPSR:
        return _from_ipsr(insn, target)
    if control == EOI:
        return inline(insn, room_len, f"mov {d}=0 ;;", "reads as zero") or trapping(insn, EMULATED)
    if control == IVR:
        return calls.stub(insn, calls.call(insn, "xen_get_ivr", "", used=(), result=target), CALLED)
    if control in PENDING:
        take = f"mov r14={control - PENDING.start} ;;"
        return calls.stub(insn, calls.call(insn, "xen_get_irr", take, used=(), result=target), CALLED)
    if control == IIM:
        return calls.stub(insn, calls.call(insn, "xen_get_iim", "", used=(), result=target), CALLED)
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
    return calls.stub(insn, text, SHARED)


def to_cr(insn: Instruction, room_len: int) -> Form:
    """Mov to a control register."""
    control, source = insn.registers
    registers = calls.free(insn, (source,))
    if control == IVA:
        return calls.stub(insn, calls.call(insn, "xen_set_iva", f"mov r14=r{source} ;;", used=(source,)), CALLED)
    if control == TPR:
        return calls.stub(insn, calls.call(insn, "xen_set_tpr", f"mov r14=r{source} ;;", used=(source,)), CALLED)
    if control == EOI:
        return calls.stub(insn, calls.call(insn, "xen_eoi", "", used=()), CALLED)
    va = words.control_register_va(control)
    if control in WRITTEN_WORDS | {IPSR}:
        front, (a,), back = calls.enough(registers, (source,), 1)
    if control == IPSR:
        step = words.LAST_IPSR_VA - va
        text = f"{front}movl {a}={va:#x} ;;\nst8 [{a}]=r{source},{step} ;;\nst8 [{a}]=r{source} ;;\n{back}"
        return calls.place(insn, room_len, text, SHARED)
    if control in WRITTEN_WORDS:
        text = f"{front}movl {a}={va:#x} ;;\nst8 [{a}]=r{source} ;;\n{back}"
        return calls.place(insn, room_len, text, SHARED)
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
        return calls.stub(insn, text, "without what the guest added to ar.itc; Xen emulates the write")
    return trapping(insn, EMULATED)


def from_rr(insn: Instruction, room_len: int) -> Form:
    """Mov from a region register: Xen keeps the guest's in the shared page."""
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
    return calls.stub(insn, text, SHARED)


def to_rr(insn: Instruction, room_len: int) -> Form:
    """Mov to a region register."""
    del room_len
    index, value = insn.registers
    return calls.hyperprivop_form(insn, words.SET_RR, f"r{index}", f"r{value}", used=(index, value))


def to_kr(insn: Instruction, room_len: int) -> Form:
    """Mov to a kernel register, of a register or an immediate."""
    del room_len
    number, *source = insn.registers
    value = f"r{source[0]}" if source else f"{(insn.immediate or 0) % (1 << 64):#x}"
    return calls.hyperprivop_form(insn, words.SET_KR, f"{number:#x}", value, used=tuple(source))


def from_itc(insn: Instruction, room_len: int) -> Form:
    """Mov from ar.itc; ar.ruc is the processor's."""
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
    return calls.stub(insn, text, "the processor's counter and what the guest added")


def to_itc(insn: Instruction, room_len: int) -> Form:
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
    return calls.stub(insn, text, "kept as a difference; Xen emulates the write of cr.itm")
