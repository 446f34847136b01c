"""Translation of the floating-point instructions that integer code uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.translate.emitter import Emitter

_VALUES: tuple[tuple[str, str], ...] = (
    (r"xma\.(l|h|hu)", "multiply_add('{0}', {f3}, {f4}, {f2})"),
    (r"fmerge\.(s|ns|se)", "merge('{0}', {f2}, {f3})"),
    (r"(fmix\.lr|fmix\.r|fmix\.l|fsxt\.r|fsxt\.l)", "join_halves('{0}', {f2}, {f3})"),
    (r"(fand|fandcm|for|fxor)", "logical('{0}', {f2}, {f3})"),
    (r"fcvt\.xf()", "convert_from_signed({f2})"),
)


def _emit_fused(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    numbers = [ops[name] for name in ("f1", "f2", "f3", "f4")]
    out.fp_target(ops["f1"])
    out.fp_used(*numbers)
    field = insn.word >> 34 & 3
    f2 = "None" if ops["f2"] == 0 else out.fr(ops["f2"])
    operands = f"{out.fr(ops['f3'])}, {out.fr(ops['f4'])}, {f2}"
    out.line(f"{out.fr(ops['f1'])} = fused(m.cpu, '{insn.key}', {field}, ({operands}))")
    out.fp_written(ops["f1"])


def _emit_reciprocal(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    out.fp_target(ops["f1"])
    out.fp_used(ops["f1"], ops["f2"], ops["f3"])
    field = insn.word >> 34 & 3
    out.line(f"x, t = reciprocal(m.cpu, {field}, {out.fr(ops['f2'])}, {out.fr(ops['f3'])})")
    out.line(f"{out.fr(ops['f1'])} = x")
    out.set_pr(ops["p2"], "t")
    out.fp_written(ops["f1"])


def _emit_to_integer(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    out.fp_target(ops["f1"])
    out.fp_used(ops["f1"], ops["f2"])
    field = insn.word >> 34 & 3
    out.line(f"{out.fr(ops['f1'])} = convert_to_integer(m.cpu, '{insn.key}', {field}, {out.fr(ops['f2'])})")
    out.fp_written(ops["f1"])


def emitter_for(insn: SlotInstruction) -> Callable[[Emitter, SlotInstruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    if re.fullmatch(r"(fma|fms|fnma)(\.s|\.d)?", insn.key):
        return _emit_fused
    if insn.key == "frcpa":
        return _emit_reciprocal
    if re.fullmatch(r"fcvt\.fxu?(\.trunc)?", insn.key):
        return _emit_to_integer
    for pattern, template in _VALUES:
        match = re.fullmatch(pattern, insn.key)
        if match:
            return lambda out, insn: _emit(out, insn, template.replace("{0}", match[1]))
    return None


def _emit(out: Emitter, insn: SlotInstruction, template: str) -> None:
    ops = insn.ops
    numbers = [ops[name] for name in ("f1", "f2", "f3", "f4") if name in ops]
    out.fp_target(ops["f1"])
    out.fp_used(*numbers)
    texts: dict[str, str] = {name: out.fr(ops[name]) for name in ("f2", "f3", "f4") if name in ops}
    out.line(f"{out.fr(ops['f1'])} = {template.format_map(texts)}")
    out.fp_written(ops["f1"])
