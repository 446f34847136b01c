"""Translation of moves between register files and of the instructions that change the processor's state.

What changes which code or translations apply ends the run: the dispatcher looks again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator import registers as reg

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.translate.emitter import Emitter

_IN_LINE_AR = frozenset((*range(8), reg.AR_CCV, reg.AR_UNAT, reg.AR_FPSR, reg.AR_PFS, reg.AR_LC, reg.AR_EC, reg.AR_CSD))

NOTHING = frozenset(
    "nop.m nop.i nop.b nop.f nop.x hint.m hint.i hint.b hint.f hint.x brp brp.ret mf mf.a srlz.d srlz.i sync.i fwb "
    "invala invala.e".split()
)
"""Instructions with nothing to do here: no ALAT, no caches, no reordering, no prediction."""


def _finish(out: Emitter) -> None:
    """End the run: in the predicate's block, and altogether if there is none."""
    out.leave()
    if out.indent == 1:
        out.end()


def _break(out: Emitter, insn: SlotInstruction) -> None:
    value = insn.ops.get("imm21", insn.ops.get("imm62", 0))
    out.line(f"m.break_instruction({0 if insn.key == 'break.b' else value:#x})")
    _finish(out)


def _move_branch(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    if "b1" in ops:
        out.consume(ops["r2"])
        out.line(f"B[{ops['b1']}] = {out.gr(ops['r2'])}")
    else:
        out.target(ops["r1"])
        out.set_gr(ops["r1"], f"B[{ops['b2']}]")


def _move_predicates(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    if insn.shape == "r1=pr":
        out.target(ops["r1"])
        out.set_gr(ops["r1"], "m.cpu.predicates()")
    elif insn.shape == "pr=r2,mask17":
        out.consume(ops["r2"])
        out.line(f"m.cpu.set_predicates({out.gr(ops['r2'])}, {ops['mask17'] & (1 << 64) - 1:#x})")
    else:
        out.line(f"m.cpu.set_predicates({ops['imm44'] & (1 << 64) - 1:#x}, 0xFFFFFFFFFFFF0000)")


def _move_application(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    number = ops["ar3"]
    wrong_unit = number < 48 if insn.key == "mov.i" else 64 <= number < 112
    if "r1" in ops:
        out.target(ops["r1"])
        if wrong_unit:
            out.line("raise illegal()")
        elif number in _IN_LINE_AR:
            out.set_gr(ops["r1"], f"AR[{number}]")
        else:
            out.set_gr(ops["r1"], f"m.read_ar({number})")
            if number == reg.AR_ITC:
                _finish(out)
        return
    if wrong_unit:
        out.line("raise illegal()")
        return
    if "r2" in ops:
        out.consume(ops["r2"])
        value = out.gr(ops["r2"])
    else:
        value = hex(ops["imm8"] & (1 << 64) - 1)
    if number in {reg.AR_LC, reg.AR_CCV, reg.AR_UNAT}:
        out.line(f"AR[{number}] = {value}")
        return
    out.line(f"m.write_ar({number}, {value})")
    _finish(out)


def _move_control(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    if "r1" in ops:
        out.target(ops["r1"])
        if not out.privileged():
            out.set_gr(ops["r1"], f"m.read_cr({ops['cr3']})")
        return
    if out.privileged():
        return
    out.consume(ops["r2"])
    out.line(f"m.write_cr({ops['cr3']}, {out.gr(ops['r2'])})")
    _finish(out)


def _move_psr(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    if "r1" in ops:
        out.target(ops["r1"])
        if insn.shape == "r1=psr.um":
            out.set_gr(ops["r1"], f"m.cpu.psr & {reg.PSR_USER_MASK}")
        elif not out.privileged():
            out.set_gr(ops["r1"], f"m.cpu.psr & {reg.PSR_READABLE:#x}")
        return
    if insn.shape == "psr.l=r2" and out.privileged():
        return
    out.consume(ops["r2"])
    method = "write_psr_l" if insn.shape == "psr.l=r2" else "write_user_mask"
    out.line(f"m.{method}({out.gr(ops['r2'])})")
    _finish(out)


def _psr_mask(out: Emitter, insn: SlotInstruction) -> None:
    mask = insn.ops["imm24"]
    if insn.key in {"ssm", "rsm"} and out.privileged():
        return
    out.line(f"m.{insn.key}({mask:#x})")
    _finish(out)


def _indexed(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    match = re.search(r"(rr|dbr|ibr|pkr|pmc|pmd|cpuid)\[r3\]", insn.shape)
    assert match is not None
    name = match[1]
    if "r1" in ops:
        out.target(ops["r1"])
        if name not in {"pmd", "cpuid"} and out.privileged():
            return
        out.consume(ops["r3"])
        out.set_gr(ops["r1"], f"m.read_indexed('{name}', {out.gr(ops['r3'])})")
        return
    if out.privileged():
        return
    out.consume(ops["r2"], ops["r3"])
    out.line(f"m.write_indexed('{name}', {out.gr(ops['r3'])}, {out.gr(ops['r2'])})")
    _finish(out)


def _translation(out: Emitter, insn: SlotInstruction) -> None:
    """itc, itr, ptc, ptr: all change what addresses mean."""
    ops = insn.ops
    if out.privileged():
        return
    sources = [ops[name] for name in ("r3", "r2") if name in ops]
    out.consume(*sources)
    arguments = ", ".join(out.gr(number) for number in sources)
    out.line(f"m.{insn.key.replace('.', '_')}({arguments})")
    _finish(out)


def _translation_query(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    out.target(ops["r1"])
    if insn.key in {"tpa", "tak"}:
        if out.privileged():
            return
        out.consume(ops["r3"])
        out.set_gr(ops["r1"], f"m.{insn.key}({out.gr(ops['r3'])})")
        return
    out.set_gr(ops["r1"], f"m.{insn.key}({out.gr(ops['r3'])})", ops["r3"])


def _probe(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    level = out.gr(ops["r2"]) if "r2" in ops else str(ops["imm2b"])
    out.consume(*(ops[name] for name in ("r3", "r2") if name in ops))
    kind = insn.key.split(".")[1]
    if insn.key.endswith(".fault"):
        out.line(f"m.probe_fault('{kind}', {out.gr(ops['r3'])}, {level})")
        return
    out.target(ops["r1"])
    out.set_gr(ops["r1"], f"m.probe('{kind}', {out.gr(ops['r3'])}, {level})")


def _alloc(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    out.line(f"t = m.cpu.rse.alloc({ops['sof']}, {ops['sol']}, {ops['sor']})")
    if ops["r1"] == 0 or ops["r1"] >= 32 + ops["sof"]:
        out.line("raise illegal()")
    out.set_gr(ops["r1"], "t")
    _finish(out)


def _frame(out: Emitter, insn: SlotInstruction) -> None:
    """Cover, flushrs, loadrs, clrrrb, bsw, epc, vmsw, rfi."""
    key = insn.key
    if key.startswith(("bsw", "rfi", "vmsw")) and out.privileged():
        return
    calls = {
        "cover": "m.cover()", "flushrs": "m.cpu.rse.flush()", "loadrs": "m.load_registers()", "epc": "m.epc()",
        "clrrrb": "m.cpu.set_rename_bases(0, 0, 0)", "bsw.0": "m.cpu.swap_bank(0)", "bsw.1": "m.cpu.swap_bank(1)",
        "clrrrb.pr": "m.cpu.set_rename_bases(m.cpu.rrb_gr, m.cpu.rrb_fr, 0)",
    }  # fmt: skip
    if key == "rfi":
        out.line("return m.rfi()")
        out.end()
        return
    out.line(calls.get(key, "raise illegal()"))
    _finish(out)


def _flush_line(out: Emitter, insn: SlotInstruction) -> None:
    out.consume(insn.ops["r3"], access=hex(reg.ISR_R))
    out.line(f"m.flush_line({out.gr(insn.ops['r3'])})")
    _finish(out)


def _nothing(out: Emitter, insn: SlotInstruction) -> None:
    del insn
    out.line("pass")


_BY_KEY: dict[str, Callable[[Emitter, SlotInstruction], None]] = {
    **dict.fromkeys(NOTHING, _nothing),
    **dict.fromkeys(("break.m", "break.i", "break.b", "break.f", "break.x"), _break),
    **dict.fromkeys(("mov.i", "mov.m"), _move_application),
    **dict.fromkeys(("sum", "rum", "ssm", "rsm"), _psr_mask),
    **dict.fromkeys(("thash", "ttag", "tpa", "tak"), _translation_query),
    **dict.fromkeys(("cover", "flushrs", "loadrs", "clrrrb", "clrrrb.pr", "bsw.0", "bsw.1", "epc", "rfi"), _frame),
    **dict.fromkeys(
        ("itc.d", "itc.i", "itr.d", "itr.i", "ptc.l", "ptc.g", "ptc.ga", "ptc.e", "ptr.d", "ptr.i"), _translation
    ),
    "alloc": _alloc,
    "fc": _flush_line,
    "fc.i": _flush_line,
}

_MOVES: tuple[tuple[str, Callable[[Emitter, SlotInstruction], None]], ...] = (
    (r"b1=r2,tag13|r1=b2", _move_branch),
    (r"r1=pr|pr=r2,mask17|pr\.rot=imm44", _move_predicates),
    (r"cr3=r2|r1=cr3", _move_control),
    (r"r1=psr(\.um)?|psr\.(l|um)=r2", _move_psr),
    (r".*\[r3\].*", _indexed),
)


def emitter_for(insn: SlotInstruction) -> Callable[[Emitter, SlotInstruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    if insn.key.startswith("probe."):
        return _probe
    if insn.key in {"mov", "mov.ret"}:
        return next((emit for pattern, emit in _MOVES if re.fullmatch(pattern, insn.shape)), None)
    return _BY_KEY.get(insn.key)
