"""Translation of branches, speculation checks and the modulo-scheduled loop support."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.translate.emitter import Emitter


def _target(out: Emitter, insn: SlotInstruction) -> str:
    ops = insn.ops
    for name in ("target25", "target25s", "target25f", "target64"):
        if name in ops:
            return hex(out.ip_va + ops[name] & (1 << 64) - 1)
    return f"B[{ops['b2']}] & -16"


def _go(out: Emitter, insn: SlotInstruction) -> None:
    out.line(f"return {'taken' if out.careful else ''}({_target(out, insn)})")


def emit_cond(out: Emitter, insn: SlotInstruction) -> None:
    """Translate br.cond and brl.cond."""
    _go(out, insn)
    if not insn.ops["qp"]:
        out.end()


def emit_call(out: Emitter, insn: SlotInstruction) -> None:
    """Translate br.call and brl.call: the return address is the next bundle."""
    out.line(f"t = {_target(out, insn)}")
    out.line(f"B[{insn.ops['b1']}] = {(out.ip_va + 16) & (1 << 64) - 1:#x}")
    out.line("m.cpu.rse.call()")
    out.line(f"return {'taken' if out.careful else ''}(t)")
    if not insn.ops["qp"]:
        out.end()


def emit_return(out: Emitter, insn: SlotInstruction) -> None:
    """Translate br.ret."""
    out.line(f"return m.branch_return({_target(out, insn)})")
    if not insn.ops["qp"]:
        out.end()


def emit_counted(out: Emitter, insn: SlotInstruction) -> None:
    """Translate br.cloop, which must be in slot 2."""
    if out.slot != 2:
        out.line("raise illegal()")
        return
    out.line("if AR[65]:")
    out.indent += 1
    out.line("AR[65] -= 1")
    _go(out, insn)
    out.indent -= 1


def emit_modulo(out: Emitter, insn: SlotInstruction) -> None:
    """Translate br.ctop, br.cexit, br.wtop and br.wexit; rename bases change, so the run ends."""
    if out.slot != 2:
        out.line("raise illegal()")
        return
    counted = insn.key in {"br.ctop", "br.cexit"}
    condition = "None" if counted else out.pr(insn.ops["qp"])
    out.line(f"t = m.loop_branch({condition})")
    out.line("if t:" if insn.key in {"br.ctop", "br.wtop"} else "if not t:")
    out.indent += 1
    _go(out, insn)
    out.indent -= 1
    out.leave()
    out.end()


def emit_check(out: Emitter, insn: SlotInstruction) -> None:
    """Translate chk.s: to the recovery code if the register is a NaT."""
    ops = insn.ops
    if "f2" in ops:
        out.line(f"if {out.fr(ops['f2'])} == NATVAL: return {_target(out, insn)}")
    elif out.nats:
        out.line(f"if {out.nat(ops['r2'])}: return {_target(out, insn)}")


def emit_check_advanced(out: Emitter, insn: SlotInstruction) -> None:
    """Translate chk.a: without an ALAT the entry is never there."""
    out.line(f"return {_target(out, insn)}")


def emitter_for(insn: SlotInstruction) -> Callable[[Emitter, SlotInstruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    key = insn.key
    if key in {"br.cond", "brl.cond"}:
        return emit_cond
    if key in {"br.call", "brl.call"}:
        return emit_call
    if key.startswith("chk.s"):
        return emit_check
    if key.startswith("chk.a"):
        return emit_check_advanced
    if key in {"br.wtop", "br.wexit", "br.ctop", "br.cexit"}:
        return emit_modulo
    return {"br.ret": emit_return, "br.cloop": emit_counted}.get(key)
