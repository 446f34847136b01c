"""Translation of the floating-point instructions that integer code uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.isa.decoder import Instruction
    from simulator.translate.emitter import Emitter

_VALUES: tuple[tuple[str, str], ...] = (
    (r"xma\.(l|h|hu)", "multiply_add('{0}', {f3}, {f4}, {f2})"),
    (r"fmerge\.(s|ns|se)", "merge('{0}', {f2}, {f3})"),
    (r"(fand|fandcm|for|fxor)", "logical('{0}', {f2}, {f3})"),
    (r"fcvt\.xf()", "convert_from_signed({f2})"),
)


def emitter_for(insn: Instruction) -> Callable[[Emitter, Instruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    for pattern, template in _VALUES:
        match = re.fullmatch(pattern, insn.key)
        if match:
            return lambda out, insn: _emit(out, insn, template.replace("{0}", match[1]))
    return None


def _emit(out: Emitter, insn: Instruction, template: str) -> None:
    ops = insn.ops
    numbers = [ops[name] for name in ("f1", "f2", "f3", "f4") if name in ops]
    out.fp_target(ops["f1"])
    out.fp_used(*numbers)
    texts: dict[str, str] = {name: out.fr(ops[name]) for name in ("f2", "f3", "f4") if name in ops}
    out.line(f"{out.fr(ops['f1'])} = {template.format_map(texts)}")
    out.fp_written(ops["f1"])
