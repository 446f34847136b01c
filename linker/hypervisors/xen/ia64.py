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
from linker.hypervisors.shared.ia64_forms import native, trapping, unneeded
from linker.hypervisors.xen import ia64_calls as calls
from linker.hypervisors.xen import ia64_psr as psr
from linker.hypervisors.xen import ia64_registers as registers
from linker.hypervisors.xen import ia64_words as words
from linker.hypervisors.xen import requirements
from linker.hypervisors.xen.ia64_calls import EMULATED, HYPERPRIVOP
from linker.sites.ia64.bundles import SLOT_MASK, Bundle, join, split
from linker.sites.reach import require_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linker.hypervisors.base import TableContext
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

SIMULATOR_CALL = 0x80001
BREAK_IMMEDIATE = 1 << 36 | (1 << 20) - 1 << 6  # imm20a and i of every format; break.x has the rest in its L slot
ROW = struct.Struct("<qQ")  # address of the break from the module's text, its slot added; immediate

NATIVE = {
    "mov_from_kr": "Xen keeps the processor's kernel registers as the guest set them",
    "mov_from_cpuid": "the processor is the guest's",
    "ttag": "of the long format, which Xen does not walk",
    "fc": "works on the guest's addresses at every level",
    "probe": "the processor's translations are the guest's, levels 0 and 1 being one",
    "epc": "goes to the level of the page, where level 0 is the guest's",
}


def _insert_cached(insn: Instruction, room_len: int) -> Form:
    del room_len
    number = words.ITC_D if insn.class_name == "itc_d" else words.ITC_I
    return calls.hyperprivop_form(insn, number, f"r{insn.registers[0]}", used=(insn.registers[0],))


def _insert_register(insn: Instruction, room_len: int) -> Form:
    """Xen leaves what the register mapped before in the TLB, so all that is cached goes."""
    del room_len
    slot, pte = insn.registers
    which = "itr.d dtr" if insn.class_name == "itr_d" else "itr.i itr"
    text = f"{which}[r{slot}]=r{pte} ;;\nptc.e r0 ;;"
    return calls.stub(insn, text, "Xen emulates it, but does not purge what was there")


def _purge_global(insn: Instruction, room_len: int) -> Form:
    """Xen has no ptc.g; ptc.ga does what it does, and purges the ALAT, too."""
    del room_len
    va, size = insn.registers
    text = calls.hyperprivop(insn, words.PTC_GA, (f"r{va}", f"r{size}"), used=(va, size))
    if text is not None:
        return calls.stub(insn, text, HYPERPRIVOP)
    if insn.class_name == "ptc_ga":
        return trapping(insn, EMULATED)
    return calls.stub(insn, f"ptc.ga r{va},r{size} ;;", "as ptc.ga, which Xen emulates")


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
    return calls.stub(insn, text, HYPERPRIVOP)


def _from_pmd(insn: Instruction, room_len: int) -> Form:
    del room_len
    target, source = insn.registers
    text = calls.hyperprivop(insn, words.GET_PMD, (f"r{source}",), used=(source,), result=target) if target else None
    return native(insn, "unprivileged; zero if psr.sp is one") if text is None else calls.stub(insn, text, HYPERPRIVOP)


def _break(insn: Instruction, room_len: int) -> Form:
    del room_len
    if insn.immediate == SIMULATOR_CALL:
        return calls.stub(insn, calls.simulator_call(insn), "console or shutdown of Xen")
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
    "ssm": psr.mask,
    "rsm": psr.mask,
    "mov_from_psr": psr.from_psr,
    "mov_from_cr": registers.from_cr,
    "mov_to_cr": registers.to_cr,
    "mov_from_rr": registers.from_rr,
    "mov_to_rr": registers.to_rr,
    "mov_to_kr": registers.to_kr,
    "mov_from_itc": registers.from_itc,
    "mov_to_itc": registers.to_itc,
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
    "cover": lambda insn, room_len: calls.place(insn, room_len, f"break.m {words.COVER:#x} ;;", HYPERPRIVOP),
    "rfi": lambda insn, room_len: trapping(insn, f"{EMULATED}, and unlike the hyperprivop returns to bank 0, too"),
}


class Ia64Binding:
    """See `linker.hypervisors.base.Binding`."""

    target = "xen"
    module = Path(__file__).parent / "xen-ia64.so"
    entry_symbol = "xen_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """See `requirements.py`."""
        return requirements.of_ia64(guest)

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
                distance = start_va + insn.slot - context.text_va
                require_signed(distance, 64, f"'{insn.text}' at {start_va:#x}", "the module's text")
                rows += ROW.pack(distance, insn.immediate)
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
