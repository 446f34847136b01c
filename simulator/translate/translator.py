"""From bundles in memory to functions: decoding a straight run and compiling its text.

A run starts anywhere in a bundle and goes on, past branches not taken, to a branch always taken, an instruction that
changes the processor's state, the end of a 4 KiB page, or `RUN_LEN` bundles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linker.sites.ia64.isa.decoder import decode_bundle
from linker.sites.ia64.isa.fields import UNPREDICATED
from simulator.memory import PAGE_LEN
from simulator.translate import accesses, branches, floating, integer, system
from simulator.translate.emitter import Emitter, predicate_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.memory import Memory

RUN_LEN = 16

FILE_NAME = "<translated>"
"""Code objects of runs carry this name: a traceback's line in one tells which instruction faulted."""

_PAGES = (integer, accesses, branches, system, floating)

_PARAMETERS = "G=G, N=N, P=P, F=F, B=B, AR=AR, m=m, M1=M1, M2=M2, M4=M4, M8=M8"


@dataclass(frozen=True)
class Run:
    """A compiled run. function: see `emitter`; count: instructions; where: for each line, its instruction's ip."""

    function: Callable[..., int]
    count: int
    where: tuple[int, ...]


def _emit_instruction(out: Emitter, insn: SlotInstruction | None) -> None:
    if insn is None:
        out.line("raise illegal()")
        out.end()
        return
    emit = None
    for page in _PAGES:
        emit = page.emitter_for(insn)
        if emit is not None:
            break
    guarded = predicate_open(out, insn, UNPREDICATED | {"br.wtop", "br.wexit"})
    if emit is None:
        out.line("raise illegal()")
    else:
        emit(out, insn)
    if guarded:
        out.line("pass")
        out.indent -= 1
        if insn.key.endswith(".unc") or insn.key == "frcpa":
            out.line("else:")
            out.indent += 1
            out.set_pr(insn.ops.get("p1", 0), "0")
            out.set_pr(insn.ops["p2"], "0")
            out.line("pass")
            out.indent -= 1


def _emit_run(out: Emitter, memory: Memory, ip: int, pa: int) -> int:
    """Emit the instructions from ip on; return how many."""
    count = 0
    first_slot = ip & 3
    va = ip & -16
    for _ in range(1 if out.careful else RUN_LEN):
        bundle = decode_bundle(memory.read(pa, 16))
        slots: tuple[SlotInstruction | None, ...] = (None, None, None) if bundle is None else bundle.slots
        for slot in range(first_slot, 3):
            is_long = bundle is not None and bundle.units == "MLX"
            if is_long and slot == 1:
                slot = 2  # noqa: PLW2901 - the L slot and the X slot are one instruction
            elif is_long and slot == 2 and first_slot < 2:
                continue
            out.ip_va, out.slot = va, 1 if is_long and slot == 2 else slot
            out.next_ip = va | slot + 1 if slot < 2 else va + 16 & (1 << 64) - 1
            _emit_instruction(out, None if is_long and first_slot == 2 else slots[slot])
            count += 1
            if out.ended or out.careful:
                break
        if out.ended or out.careful:
            break
        first_slot = 0
        va = va + 16 & (1 << 64) - 1
        pa += 16
        if va % PAGE_LEN == 0:
            break
    if not out.ended or out.careful:
        out.leave()
    return count


def translate(
    memory: Memory, names: dict[str, object], ip: int, pa: int, *, variant: int, cpl: int, fp_disabled: int
) -> Run:
    """Translate the run that starts at ip (slot in bits 1:0), whose bundle is at physical address pa.

    names: what the text may refer to (`runtime.names`). variant: cpu.ROTATED, NATS, CAREFUL bits.
    """
    out = Emitter(variant, cpl, fp_disabled)
    count = _emit_run(out, memory, ip, pa)
    head = [f"def run(b, RD, WR, {_PARAMETERS}):"]
    if out.rotated:
        head.append("    R = m.cpu.gr_map; Q = m.cpu.pr_map; S = m.cpu.fr_map")
    if out.careful:
        head.append("    taken = m.taken_branch; m.sof = m.cpu.sof")
    elif out.frame_needed:
        head.append(f"    if m.cpu.sof < {out.frame_needed}: return m.run_carefully({ip:#x})")
    source = "\n".join([*head, *out.lines, ""])
    scope: dict[str, object] = {}
    exec(compile(source, FILE_NAME, "exec"), names, scope)  # noqa: S102 - this is the translator
    function: Callable[..., int] = scope["run"]  # type: ignore[assignment]
    return Run(function, count, (*[ip] * len(head), *out.where))
