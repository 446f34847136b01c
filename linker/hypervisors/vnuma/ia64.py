"""vNUMA on ia64: which form each operation class takes (docs/vnuma-abi.md; why each is right: section 7 there).

The virtual CPU area is at the same virtual address in every mode. Two words of it hold psr: one has psr.i alone, the
other the rest that software sees, psr.ic among it. Each stands where the low 16 bits of its address are the bit it
holds, so that one register is both address and value:

    ssm psr.i       movl r14=0xf600000000004000 ;;    st2 [r14]=r14 ;;
    rsm psr.i       movl r14=0xf600000000004000 ;;    st2 [r14]=r0 ;;
    mov r8=cr.ipsr  movl r8=0xf600000000000480 ;;     ld8 r8=[r8] ;;
    cover           break.m 0x1d0000 ;;
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linker.hypervisors.base import Form, Tables, Unbindable
from linker.hypervisors.requirements import possible
from linker.hypervisors.shared.ia64_forms import Scratch, breaking, inline, jump, native, trapping, unneeded
from linker.sites.ia64.assemble import assemble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linker.hypervisors.base import TableContext
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

AREA_VA = 0xF600_0000_0000_0000
REGION_REGISTERS_VA = AREA_VA + 0x200
CONTROL_REGISTERS_VA = AREA_VA + 0x400
PSR_VA = AREA_VA + 0x2000  # psr.ic is bit 13
I_VA = AREA_VA + 0x4000  # psr.i is bit 14
REGISTER_LEN = 8

PSR_IC, PSR_I = 1 << 13, 1 << 14
USER_MASK_BITS = 0x3A  # be, ac, mfl, mfh; up depends on psr.sp as well, so it goes the long way

HYPERCALLS = range(0x1D0000, 0x1D1000)
COVER = HYPERCALLS.start
BORROW, GIVE_BACK = HYPERCALLS.start + (3 << 7), HYPERCALLS.start + (4 << 7)
SIMULATOR_CALL = 0x80001

# Control registers by number: those that an interruption saves, and those of which the area has a copy to read.
SAVED = frozenset({16, 17, 19, 20, 21, 22, 23, 24, 25})
SHOWN = SAVED | {0, 1, 2, 8, 64, 66, 67, 72, 73, 74, 80, 81}

NATIVE = {
    "mov_from_kr": "the processor's kernel registers hold the guest's",
    "mov_from_itc": "the processor's counter is the guest's",
    "mov_from_cpuid": "the node's processor is the guest's",
    "mov_from_pmd": "the processor's performance counters are the guest's",
    "thash": "the processor's pta and region registers hold the guest's",
    "ttag": "the processor's pta and region registers hold the guest's",
    "fc": "works at every level; the node drops what it cached of pages that other nodes write",
    "probe": "the processor's translations are the guest's, levels 0 and 1 being one",
    "srlz_i": "serializes the processor's instruction stream, too",
    "epc": "goes to the level of the page, where level 0 is the guest's",
}
EMULATED = "privileged: the node emulates it"


def _free(insn: Instruction, count: int, *, sources: tuple[int, ...] = (), destination: int | None = None) -> list[str]:
    """That many registers to work with, none of them a source; fewer where there are fewer."""
    scratch = Scratch(insn, destination=destination)
    found: list[str] = []
    for wanted in range(1, 33):
        names = scratch.general(wanted)
        if names is None:
            break
        found = [name for name in names if name not in {f"r{number}" for number in sources}]
    return found[:count]


def _short(insn: Instruction, room_len: int, text: str, reason: str) -> Form:
    """Inline; where the room is one bundle, as in a vector table, a stub."""
    return inline(insn, room_len, text, reason) or jump(insn, text, f"{reason}, room for a branch")


def _mask(insn: Instruction, room_len: int) -> Form:
    """Ssm and rsm of psr.i, psr.ic and the user mask: words of the area, sum and rum. Other bits are the node's work.

    psr.i goes last on and first off, so that no interrupt meets psr.ic still off.
    """
    mask = insn.immediate or 0
    if not mask:
        return unneeded("no bit to set or clear")
    scratch = _free(insn, 1)
    if not scratch or mask & ~(PSR_IC | PSR_I | USER_MASK_BITS):
        return trapping(insn, EMULATED)
    setting = insn.class_name == "ssm"
    address = scratch[0]
    value = address if setting else "r0"
    user = mask & USER_MASK_BITS
    lines = [f"{'sum' if setting else 'rum'} {user:#x}"] if user else []
    words = [va for bit, va in ((PSR_IC, PSR_VA), (PSR_I, I_VA)) if mask & bit]
    for va in words if setting else reversed(words):
        lines += [f"movl {address}={va:#x} ;;", f"st2 [{address}]={value}"]
    return _short(insn, room_len, "\n".join(lines) + " ;;", "words of the virtual CPU area")


def _from_psr(insn: Instruction, room_len: int) -> Form:
    """The user mask from the processor, the rest from the area's two words."""
    target = insn.registers[0]
    scratch = _free(insn, 3, destination=target)
    if not target or len(scratch) < 2:
        return trapping(insn, EMULATED)
    result, address, *rest = scratch
    distance = PSR_VA - I_VA
    if rest:
        text = f"""
            mov {result}=psr.um
            movl {address}={I_VA:#x} ;;
            ld8 {rest[0]}=[{address}]
            adds {address}={distance},{address} ;;
            or {result}={result},{rest[0]} ;;
            ld8 {address}=[{address}] ;;
            or {result}={result},{address} ;;"""
        form = inline(insn, room_len, text, "words of the virtual CPU area")
        if form is not None:
            return form
    text = f"""
        movl {address}={I_VA:#x} ;;
        ld8 {result}=[{address}]
        adds {address}={distance},{address} ;;
        ld8 {address}=[{address}] ;;
        or {result}={result},{address}
        mov {address}=psr.um ;;
        or {result}={result},{address} ;;"""
    return jump(insn, text, "words of the virtual CPU area, one free register")


def _from_cr(insn: Instruction, room_len: int) -> Form:
    target, control = insn.registers
    if not target or control not in SHOWN:
        return trapping(insn, EMULATED)
    text = f"movl r{target}={CONTROL_REGISTERS_VA + REGISTER_LEN * control:#x} ;;\nld8 r{target}=[r{target}] ;;"
    return _short(insn, room_len, text, "copy in the virtual CPU area")


def _to_cr(insn: Instruction, room_len: int) -> Form:
    control, source = insn.registers
    scratch = _free(insn, 1, sources=(source,))
    if not scratch or control not in SAVED:
        return trapping(insn, EMULATED)
    text = f"movl {scratch[0]}={CONTROL_REGISTERS_VA + REGISTER_LEN * control:#x} ;;\nst8 [{scratch[0]}]=r{source} ;;"
    return _short(insn, room_len, text, "word of the virtual CPU area")


def _from_rr(insn: Instruction) -> Form:
    target, source = insn.registers
    scratch = _free(insn, 1, sources=(source, target))
    if not target or not scratch:
        return trapping(insn, EMULATED)
    text = f"""
        movl {scratch[0]}={REGION_REGISTERS_VA:#x}
        extr.u r{target}=r{source},61,3 ;;
        shladd {scratch[0]}=r{target},3,{scratch[0]} ;;
        ld8 r{target}=[{scratch[0]}] ;;"""
    return jump(insn, text, "copy in the virtual CPU area")


def _simulator_call(insn: Instruction) -> Form:
    """A stub that borrows registers, since none need be free, and calls the module with a way back in r14.

    stub:  break BORROW ;;  mov r14=ip ;;  adds r14=distance,r14 ;;  brl vnuma_simulator_call ;;
           break GIVE_BACK ;;  brl end of the site
    """
    borrow = f"{{2}} break.i {BORROW:#x} ;;\n"  # in slot 2, so that `mov ip` begins a bundle, whose address it gives
    call = "mov r14=ip ;;\nadds r14={distance},r14 ;;\nbrl.cond.sptk.few vnuma_simulator_call ;;\n"
    distance = len(assemble(call.format(distance=0)).code)
    text = borrow + call.format(distance=distance) + f"break.m {GIVE_BACK:#x} ;;"
    return jump(insn, text, "the module's console and exit")


def _break(insn: Instruction) -> Form | Unbindable:
    immediate = insn.immediate or 0
    if immediate == SIMULATOR_CALL:
        return _simulator_call(insn)
    if immediate in HYPERCALLS and not insn.text.startswith("break.b"):
        return Unbindable(f"break immediates {HYPERCALLS.start:#x} to {HYPERCALLS[-1]:#x} are vNUMA's hypercalls")
    return native(insn, "the guest's own: the node delivers it")


class VnumaIa64Binding:
    """See `linker.hypervisors.base.Binding`."""

    target = "vnuma"
    module = Path(__file__).parent / "vnuma-ia64.so"
    entry_symbol = "vnuma_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """Nothing but what every target asks."""
        return possible(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for an instruction."""
        del flags  # no form uses a stack
        name = insn.class_name
        if name in {"ssm", "rsm"}:
            return _mask(insn, room_len)
        if name == "mov_from_psr":
            return _from_psr(insn, room_len)
        if name == "mov_from_cr":
            return _from_cr(insn, room_len)
        if name == "mov_to_cr":
            return _to_cr(insn, room_len)
        if name == "mov_from_rr":
            return _from_rr(insn)
        if name == "srlz_d":
            return unneeded("what it waits for is done when the node or the word's store is")
        if name == "cover":
            return breaking(insn, COVER, "does not trap, and cr.ifs is the area's")
        if name == "break":
            return _break(insn)
        if name in NATIVE:
            return native(insn, NATIVE[name])
        return trapping(insn, EMULATED)

    def tables(self, context: TableContext) -> Tables:
        """The guest's entry."""
        return Tables(b"", (), {"vnuma_guest_entry_va": context.guest_entry_va or context.image_entry_va})


BINDING = VnumaIa64Binding()
