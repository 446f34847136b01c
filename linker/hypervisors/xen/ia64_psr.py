"""Forms of what reads and changes psr, for Xen on ia64 (docs/xen-ia64.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.shared.ia64_forms import Scratch, inline, inline_unless, trapping, unneeded
from linker.hypervisors.xen import ia64_calls as calls
from linker.hypervisors.xen import ia64_words as words
from linker.hypervisors.xen.ia64_calls import EMULATED, SHARED

if TYPE_CHECKING:
    from linker.hypervisors.base import Form
    from linker.sites.codec import Instruction

PSR_IC, PSR_I, PSR_DT, PSR_DFL, PSR_DI, PSR_SI = 1 << 13, 1 << 14, 1 << 17, 1 << 18, 1 << 22, 1 << 23
PSR_RT, PSR_IT = 1 << 27, 1 << 36
PSR_USER_MASK = 0x3E
# With di or si Xen refuses the whole mask; a fault of a register that dfl disabled it takes again and again.
NOT_FOR_XEN = PSR_DFL | PSR_DI | PSR_SI


def mask(insn: Instruction, room_len: int) -> Form:
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
        return calls.place(insn, room_len, text, reason)
    # On, and if an event is pending (the byte in front) let Xen do it again and deliver.
    a, (p, q) = registers[0], predicates
    text += f"\nmovl {a}={words.MASK_VA:#x} ;;\nst1 [{a}]=r0,-1 ;;\nld1 {a}=[{a}] ;;\ncmp.ne {p},{q}=0,{a}"
    again = f"ssm {PSR_I:#x} ;;"
    whole = f"{text} ;;\n({p}) {again}"
    if insn.predicate:  # the instruction's own goes on the branch
        return calls.stub(insn, whole, reason)
    form = inline(insn, room_len, whole, reason) or inline_unless(insn, room_len, text, p, again, reason=reason)
    return form or calls.stub(insn, whole, reason)


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


def from_psr(insn: Instruction, room_len: int) -> Form:
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
        return calls.stub(insn, front + here + text, SHARED)
    return calls.stub(insn, text, SHARED, here=here)
