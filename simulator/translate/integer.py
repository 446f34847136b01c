"""Translation of the integer instructions (A unit, and I unit without system moves)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker.sites.ia64.isa.fields import PMPY_COUNTS
from simulator.translate.emitter import M64

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.translate.emitter import Emitter

EXPRESSIONS: dict[tuple[str, str], str] = {
    ("add", "r1=r2,r3"): "({r2} + {r3}) & M",
    ("add", "r1=r2,r3,1"): "({r2} + {r3} + 1) & M",
    ("sub", "r1=r2,r3"): "({r2} - {r3}) & M",
    ("sub", "r1=r2,r3,1"): "({r2} - {r3} - 1) & M",
    ("addp4", "r1=r2,r3"): "addp4(({r2} + {r3}) & 0xFFFFFFFF | ({r3} & 0xC0000000) << 34)",
    ("and", "r1=r2,r3"): "{r2} & {r3}",
    ("andcm", "r1=r2,r3"): "{r2} & ~{r3}",
    ("or", "r1=r2,r3"): "{r2} | {r3}",
    ("xor", "r1=r2,r3"): "{r2} ^ {r3}",
    ("shladd", "r1=r2,count2,r3"): "(({r2} << {count2}) + {r3}) & M",
    ("shladdp4", "r1=r2,count2,r3"): "addp4((({r2} << {count2}) + {r3}) & 0xFFFFFFFF | ({r3} & 0xC0000000) << 34)",
    ("sub", "r1=imm8,r3"): "({imm8} - {r3}) & M",
    ("and", "r1=imm8,r3"): "{imm8u} & {r3}",
    ("andcm", "r1=imm8,r3"): "{imm8u} & ~{r3}",
    ("or", "r1=imm8,r3"): "{imm8u} | {r3}",
    ("xor", "r1=imm8,r3"): "{imm8u} ^ {r3}",
    ("adds", "r1=imm14,r3"): "({r3} + {imm14}) & M",
    ("addp4", "r1=imm14,r3"): "addp4(({r3} + {imm14}) & 0xFFFFFFFF | ({r3} & 0xC0000000) << 34)",
    ("addl", "r1=imm22,r3_2"): "({r3_2} + {imm22}) & M",
    ("movl", "r1=imm64"): "{imm64}",
    ("pshladd2", "r1=r2,count2,r3"): "parallel_shift_add({r2}, {count2}, {r3}, left=True)",
    ("pshradd2", "r1=r2,count2,r3"): "parallel_shift_add({r2}, {count2}, {r3}, left=False)",
    ("pmpyshr2", "r1=r2,r3,ct2d"): "parallel_multiply_shift({r2}, {r3}, {pmpy}, as_signed=True)",
    ("pmpyshr2.u", "r1=r2,r3,ct2d"): "parallel_multiply_shift({r2}, {r3}, {pmpy}, as_signed=False)",
    ("pmpy2.r", "r1=r2,r3"): "parallel_multiply({r2}, {r3}, left=False)",
    ("pmpy2.l", "r1=r2,r3"): "parallel_multiply({r2}, {r3}, left=True)",
    ("pack2.uss", "r1=r2,r3"): "pack({r2}, {r3}, 2, to_signed=False)",
    ("pack2.sss", "r1=r2,r3"): "pack({r2}, {r3}, 2, to_signed=True)",
    ("pack4.sss", "r1=r2,r3"): "pack({r2}, {r3}, 4, to_signed=True)",
    ("psad1", "r1=r2,r3"): "sum_of_differences({r2}, {r3})",
    ("mux1", "r1=r2,mbt4"): "mux1({r2}, {mbt4})",
    ("mux2", "r1=r2,mht8"): "mux2({r2}, {mht8})",
    ("shr.u", "r1=r3,r2"): "{r3} >> ({r2} if {r2} < 64 else 64)",
    ("shr", "r1=r3,r2"): "shift_right({r3}, {r2})",
    ("shl", "r1=r2,r3"): "{r2} << {r3} & M if {r3} < 64 else 0",
    ("popcnt", "r1=r3"): "({r3}).bit_count()",
    ("clz", "r1=r3"): "64 - ({r3}).bit_length()",
    ("shrp", "r1=r2,r3,count6d"): "({r2} << 64 | {r3}) >> {count6d} & M",
    ("zxt1", "r1=r3"): "{r3} & 0xFF",
    ("zxt2", "r1=r3"): "{r3} & 0xFFFF",
    ("zxt4", "r1=r3"): "{r3} & 0xFFFFFFFF",
    ("sxt1", "r1=r3"): "(({r3} & 0xFF) ^ 0x80) - 0x80 & M",
    ("sxt2", "r1=r3"): "(({r3} & 0xFFFF) ^ 0x8000) - 0x8000 & M",
    ("sxt4", "r1=r3"): "(({r3} & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000 & M",
    ("czx1.l", "r1=r3"): "zero_index({r3}, 1, left=True)",
    ("czx1.r", "r1=r3"): "zero_index({r3}, 1, left=False)",
    ("czx2.l", "r1=r3"): "zero_index({r3}, 2, left=True)",
    ("czx2.r", "r1=r3"): "zero_index({r3}, 2, left=False)",
    ("mov", "r1=ip"): "{ip}",
}
"""Value of r1 by mnemonic and operand text; {name} is an operand's expression, M the 64-bit mask."""

_PATTERNS: tuple[tuple[str, str], ...] = (
    # Mnemonic with the lane size, and the value it gives.
    (r"(padd|psub)(\d)((?:\.\w+)?)", "parallel_add('{0}{2}', {r2}, {r3}, {1})"),
    (r"(pavgsub)(\d)()", "parallel_average('{0}', {r2}, {r3}, {1})"),
    (r"(pavg)(\d)((?:\.raz)?)", "parallel_average('{0}{2}', {r2}, {r3}, {1})"),
    (r"pcmp(\d)\.(eq|gt)", "parallel_compare('{1}', {r2}, {r3}, {0})"),
    (r"(pmin|pmax)(\d)((?:\.u)?)", "parallel_extreme('{0}{2}', {r2}, {r3}, {1})"),
    (r"mix(\d)\.(l|r)", "mix({r2}, {r3}, {0}, left='{1}' == 'l')"),
    (r"unpack(\d)\.(h|l)", "unpack({r2}, {r3}, {0}, high='{1}' == 'h')"),
    (r"pshl(\d)", "parallel_shift_left({r2}, {count_l}, {0})"),
    (r"pshr(\d)((?:\.u)?)", "parallel_shift_right({r3}, {count_r}, {0}, as_signed=not '{1}')"),
)

_SIGN = "0x8000000000000000"

_RELATIONS = {
    "eq": "{a} == {b}", "ne": "{a} != {b}", "ltu": "{a} < {b}", "lt": "{sa} < {sb}", "le": "{sa} <= {sb}",
    "gt": "{sa} > {sb}", "ge": "{sa} >= {sb}",
}  # fmt: skip


def _operand_texts(out: Emitter, insn: SlotInstruction) -> dict[str, str]:
    texts = {}
    for name, value in insn.ops.items():
        texts[name] = out.gr(value) if re.fullmatch(r"r\d(_2)?", name) else f"({value})" if value < 0 else str(value)
    texts["imm8u"] = str(insn.ops.get("imm8", 0) & (1 << 64) - 1)
    texts["pmpy"] = str(PMPY_COUNTS[insn.ops.get("ct2d", 0)])
    texts["ip"] = hex(out.ip_va)
    texts["count_l"] = str(insn.ops["ccount5c"]) if "ccount5c" in insn.ops else texts.get("r3", "")
    texts["count_r"] = str(insn.ops["count5b"]) if "count5b" in insn.ops else texts.get("r2", "")
    return texts


def _sources(insn: SlotInstruction) -> list[int]:
    return [value for name, value in insn.ops.items() if re.fullmatch(r"r[23](_2)?", name)]


def expression(insn: SlotInstruction) -> str | None:
    """Return the template of the value an instruction gives r1, or None if it is not of that kind."""
    template = EXPRESSIONS.get((insn.key, insn.shape))
    if template is not None:
        return template
    for pattern, value in _PATTERNS:
        match = re.fullmatch(pattern, insn.key)
        if match:
            text = value
            for index, group in enumerate(match.groups()):
                text = text.replace(f"{{{index}}}", group)
            return text
    return None


def emit_value(out: Emitter, insn: SlotInstruction, template: str) -> None:
    """Translate an instruction that computes r1 from registers and immediates."""
    out.target(insn.ops["r1"])
    bad_mux = insn.key == "mux1" and insn.ops["mbt4"] not in {0, 8, 9, 10, 11}
    if bad_mux or (insn.row.format == "A10" and insn.ops["count2"] == 4):
        out.line("raise illegal()")
        return
    value = template.format_map(_operand_texts(out, insn)).replace("& M", f"& {M64}")
    out.set_gr(insn.ops["r1"], value, *_sources(insn))


def _deposit(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    length_bits = ops.get("len6d", ops.get("len4d", 0))
    position = next(ops[name] for name in ("cpos6c", "cpos6b", "cpos6d") if name in ops)
    length_bits = min(length_bits, 64 - position)
    mask = (1 << length_bits) - 1
    out.target(ops["r1"])
    if "r2" in ops:
        field = f"({out.gr(ops['r2'])} & {mask:#x}) << {position}"
    else:
        field = hex((ops.get("imm8", ops.get("imm1", 0)) & mask) << position)
    if insn.key == "dep.z":
        out.set_gr(ops["r1"], field, *([ops["r2"]] if "r2" in ops else []))
        return
    keep = ~(mask << position) & (1 << 64) - 1
    out.set_gr(ops["r1"], f"{out.gr(ops['r3'])} & {keep:#x} | {field}", *_sources(insn))


def _extract(out: Emitter, insn: SlotInstruction) -> None:
    ops = insn.ops
    length_bits = min(ops["len6d"], 64 - ops["pos6b"])
    mask, sign = (1 << length_bits) - 1, 1 << length_bits - 1
    out.target(ops["r1"])
    value = f"{out.gr(ops['r3'])} >> {ops['pos6b']} & {mask:#x}"
    if insn.key == "extr":
        value = f"(({value}) ^ {sign:#x}) - {sign:#x} & {M64}"
    out.set_gr(ops["r1"], value, ops["r3"])


def _set_pair(out: Emitter, insn: SlotInstruction, kind: str, test: str, nat: str | None) -> None:
    """Write p1 and p2 by the compare type. nat: expression that is true when a source is a NaT."""
    p1, p2 = insn.ops["p1"], insn.ops["p2"]
    if p1 == p2:
        out.line("raise illegal()")
        return
    if kind in {"", "unc"}:
        if nat:
            out.line(f"t = 0 if {nat} else 2 if {test} else 1")
            out.set_pr(p1, "t >> 1")
            out.set_pr(p2, "t & 1")
        elif p2 == 0:
            out.set_pr(p1, f"1 if {test} else 0")
        else:
            out.line(f"t = 1 if {test} else 0")
            out.set_pr(p1, "t")
            out.set_pr(p2, "1 - t")
        return
    if kind == "and":
        out.line(f"if {nat} or not ({test}):" if nat else f"if not ({test}):")
        values = ("0", "0")
    else:
        out.line(f"if not ({nat}) and ({test}):" if nat else f"if {test}:")
        values = ("1", "1") if kind == "or" else ("1", "0")
    out.indent += 1
    out.set_pr(p1, values[0])
    out.set_pr(p2, values[1])
    out.line("pass")
    out.indent -= 1


def _nat_test(out: Emitter, insn: SlotInstruction) -> str | None:
    tests = [out.nat(number) for number in _sources(insn) if number]
    return " | ".join(tests) if out.nats and tests else None


def emit_compare(out: Emitter, insn: SlotInstruction) -> None:
    """Translate cmp and cmp4 in all forms."""
    size, relation, *rest = insn.key.split(".")
    kind = ".".join(rest)
    ops = insn.ops
    width = 32 if size == "cmp4" else 64
    mask, sign = (1 << width) - 1, 1 << width - 1
    if "imm8" in ops:
        a, sa = str(ops["imm8"] & mask), str(ops["imm8"] & mask ^ sign)
    else:
        register = out.gr(ops["r2"]) if "r2" in ops else "0"
        a = register if width == 64 else f"({register} & {mask:#x})"
        sa = f"({a} ^ {sign:#x})"
    register = out.gr(ops["r3"])
    b = register if width == 64 else f"({register} & {mask:#x})"
    test = _RELATIONS[relation].format(a=a, b=b, sa=sa, sb=f"({b} ^ {sign:#x})")
    _set_pair(out, insn, kind, test, _nat_test(out, insn))


def emit_test(out: Emitter, insn: SlotInstruction) -> None:
    """Translate tbit, tnat and tf."""
    name, sense, *rest = insn.key.split(".")
    kind = ".".join(rest)
    ops = insn.ops
    nat = None
    if name == "tbit":
        bit = f"{out.gr(ops['r3'])} >> {ops['pos6b']} & 1"
        nat = _nat_test(out, insn)
    elif name == "tnat":
        bit = out.nat(ops["r3"])
    else:
        bit = f"m.feature({ops['tf5']})"
    _set_pair(out, insn, kind, f"not ({bit})" if sense == "z" else bit, nat)


def emitter_for(insn: SlotInstruction) -> Callable[[Emitter, SlotInstruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    key = insn.key
    template = expression(insn)
    if template is not None:
        return lambda out, insn: emit_value(out, insn, template)
    if key.startswith(("cmp.", "cmp4.")):
        return emit_compare
    if key.startswith(("tbit.", "tnat.", "tf.")):
        return emit_test
    if key in {"dep", "dep.z"}:
        return _deposit
    if key in {"extr", "extr.u"}:
        return _extract
    return None
