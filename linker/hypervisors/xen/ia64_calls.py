"""Stubs for Xen on ia64 that need more than free registers: hyperprivops, whose operands are r8 and r9, and calls.

A call of the module keeps in the shared page what `brl.call` destroys, with events masked meanwhile:

    movl a=mask ;; ld1 b=[a] ;; st1 [a]=a ;;     how events were masked, word 0; masked from now on
    movl a=SAVED ;; b6, ar.pfs, ar.unat          words 1 to 3
    st8.spill r14, r15; ar.unat                  words 4 to 6
    ...                                          r14 and what else the routine takes
    brl.call b6=routine ;;
    ...                                          all back, in the other order
    st1 [mask]=b ;; mov b=cr.tpr                 privileged: Xen is entered, and delivers what has become pending
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.shared.ia64_forms import Scratch, inline, jump, trapping
from linker.hypervisors.xen.ia64_words import ARGUMENT_VA, BORROWED_VA, MASK_VA, RESULT_VA, SAVED_VA

if TYPE_CHECKING:
    from collections.abc import Collection

    from linker.hypervisors.base import Form
    from linker.sites.codec import Instruction

EMULATED = "privileged: Xen emulates it"
SHARED = "word of the shared page"
CALLED = "routine of the module"
HYPERPRIVOP = "hyperprivop"
BORROW = "mov cr.iipa="
BORROWING = "; no register is free, so one is borrowed, which traps"

LENDERS = ("r26", "r27", "r28", "r29", "r24", "r25")
"""Registers that are borrowed where too few are free; they must be no NaTs. In bank 0 firmware may change them."""


def free(insn: Instruction, besides: Collection[int | str] = (), *, destination: int | None = None) -> list[str]:
    """The registers free at a site but those named, the destination first."""
    names = {f"r{one}" if isinstance(one, int) else one for one in besides}
    scratch = Scratch(insn, destination=destination)
    count = next(n for n in range(32, -1, -1) if scratch.general(n) is not None)
    return [name for name in scratch.general(count) or [] if name not in names]


def stub(insn: Instruction, text: str, reason: str, *, here: str = "") -> Form:
    """A stub of the site's own; the reason tells if its text borrows registers."""
    return jump(insn, text, reason + BORROWING if BORROW in text else reason, here=here)


def place(insn: Instruction, room_len: int, text: str, reason: str) -> Form:
    """Text in the site if it holds it, else in a stub."""
    if BORROW in text:
        return stub(insn, text, reason)
    return inline(insn, room_len, text, reason) or stub(insn, text, reason)


def call(insn: Instruction, routine: str, take: str, *, used: Collection[int], result: int | None = None) -> str:
    """Text that calls a routine of the module. take: puts operands in place, `{b}` is free there; used: its registers.

    result: the general register that gets the word RESULT.
    """
    taken = {14, 15, *used} | ({result} if result is not None else set())
    front, (a, b), back = enough(free(insn, taken), taken, 2)
    save = "".join(f"mov {b}={source} ;;\nst8 [{a}]={b},8 ;;\n" for source in ("b6", "ar.pfs", "ar.unat"))
    text = f"""{front}
        movl {a}={MASK_VA:#x} ;;
        ld1 {b}=[{a}] ;;
        st1 [{a}]={a} ;;
        movl {a}={SAVED_VA:#x} ;;
        st8 [{a}]={b},8 ;;
        {save}
        st8.spill [{a}]=r14,8 ;;
        st8.spill [{a}]=r15,8 ;;
        mov {b}=ar.unat ;;
        st8 [{a}]={b} ;;
        {take.format(a=a, b=b)}
        brl.call.sptk.few b6={routine} ;;
        movl {a}={SAVED_VA + 6 * 8:#x} ;;
        ld8 {b}=[{a}],-8 ;;
        mov ar.unat={b} ;;
        ld8.fill r15=[{a}],-8 ;;
        ld8.fill r14=[{a}],-8 ;;
        ld8 {b}=[{a}],-8 ;;
        mov ar.unat={b} ;;
        ld8 {b}=[{a}],-8 ;;
        mov ar.pfs={b} ;;
        ld8 {b}=[{a}],-8 ;;
        mov b6={b} ;;
    """
    if result is not None:
        text += f"movl r{result}={RESULT_VA:#x} ;;\nld8 r{result}=[r{result}] ;;\n"
    text += f"""
        ld8 {b}=[{a}] ;;
        movl {a}={MASK_VA:#x} ;;
        st1 [{a}]={b} ;;
        mov {b}=cr.tpr ;;
        {back}"""
    return _units(text)


def enough(registers: list[str], used: Collection[int], count: int) -> tuple[str, list[str], str]:
    """One or two registers of those given, or borrowed ones; text in front and behind, where they are.

    Writing cr.iipa, which Xen never sets, traps and so needs no address.
    """
    if len(registers) >= count:
        return "", registers[:count], ""
    lenders = [name for name in LENDERS if name not in {f"r{n}" for n in used}]
    first, second = lenders[:2]
    if count == 1:
        return f"{BORROW}{first} ;;\n", [first], f"mov {first}=cr.iipa ;;\n"
    front = f"{BORROW}{first} ;;\nmovl {first}={BORROWED_VA:#x} ;;\nst8 [{first}]={second} ;;\n"
    back = f"movl {first}={BORROWED_VA:#x} ;;\nld8 {second}=[{first}] ;;\nmov {first}=cr.iipa ;;\n"
    return front, [first, second], back


def _units(text: str) -> str:
    """Moves of application registers with the unit the tables want."""
    lines = []
    for line in text.splitlines():
        one = line.strip()
        if one.startswith("mov ") and "ar." in one:
            unit = "i" if "ar.pfs" in one else "m"
            one = f"mov.{unit}{one.removeprefix('mov')}"
        lines.append(one)
    return "\n".join(lines)


def simulator_call(insn: Instruction) -> str:
    """The call of a simulator, whose number is in r15 and whose argument is the frame's first register."""
    take = f"movl {{b}}={ARGUMENT_VA:#x} ;;\nst8 [{{b}}]=r15\nmov r14=r32 ;;"
    return call(insn, "xen_simulator_call", take, used=(15, 32))


def hyperprivop(
    insn: Instruction, number: int, operands: tuple[str, ...], *, used: Collection[int], result: int | None = None
) -> str | None:
    """Text for a hyperprivop with r8 and r9 set to operands (text of a move's source). None where no register is free.

    used: the general registers that operands name. Every register keeps its value but r8 for the result's.
    """
    taken = [f"r{8 + n}" for n in range(len(operands))]
    available = free(insn)
    spare = [name for name in free(insn, used) if name not in taken and name != f"r{result}"]
    lines: list[str] = []
    moved: dict[str, str] = {}
    for name in taken:
        kept = name not in available and name != f"r{result}"
        if kept or name in {f"r{n}" for n in used}:
            if not spare:
                return None
            moved[name] = spare.pop()
            lines.append(f"mov {moved[name]}={name} ;;")
    for name, operand in zip(taken, operands, strict=True):
        source = moved.get(operand, operand)
        lines.append(f"movl {name}={source} ;;" if source.startswith("0x") else f"mov {name}={source} ;;")
    lines.append(f"break.m {number:#x} ;;")
    if result is not None and result != 8:
        lines.append(f"mov r{result}=r8 ;;")
    back = [f"mov {name}={kept} ;;" for name, kept in moved.items() if name != f"r{result}"]
    return "\n".join(lines + back)


def hyperprivop_form(insn: Instruction, number: int, *operands: str, used: tuple[int, ...]) -> Form:
    """A hyperprivop without result in a stub; the instruction itself, which Xen emulates, where no register is free."""
    text = hyperprivop(insn, number, operands, used=used)
    return trapping(insn, EMULATED) if text is None else stub(insn, text, HYPERPRIVOP)
