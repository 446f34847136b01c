"""Text of instructions, in the spelling of the GNU disassembler (pseudo-operations where it uses them)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker.sites.ia64.isa.fields import (
    APPLICATION_REGISTERS,
    COMPLETERS,
    CONTROL_REGISTERS,
    FETCHADD_INCREMENTS,
    MUX1_TYPES,
    PMPY_COUNTS,
    UNPREDICATED,
)

if TYPE_CHECKING:
    from linker.sites.ia64.isa.decoder import SlotInstruction

RESERVED = "?"
"""Appears in the text where a field holds a value the manual reserves."""

_MASK64 = (1 << 64) - 1

_HEX = frozenset("imm21 imm24 imm62 mask17 imm44 fclass9 mht8 amask7 omask7".split())
_WORD = re.compile(r"[a-z]+\w*(?:\.\w+)*")


def _operand(name: str, value: int, ip_va: int) -> str:
    if re.fullmatch(r"[rfpb]\d(_2)?", name):
        return f"{name[0]}{value}"
    if name.startswith(("target", "tag", "btag")):
        return f"{ip_va + value & _MASK64:#x}"
    if name == "ar3":
        return APPLICATION_REGISTERS.get(value, f"ar{value}")
    if name == "cr3":
        return CONTROL_REGISTERS.get(value, f"cr{value}")
    if name == "inc3":
        return str(FETCHADD_INCREMENTS[value])
    if name == "ct2d":
        return str(PMPY_COUNTS[value])
    if name == "mbt4":
        return MUX1_TYPES.get(value, f"{value:#x}")
    if name in _HEX or name == "imm64":
        return f"{value & _MASK64:#x}"
    return str(value)


def _completers(insn: SlotInstruction) -> str:
    def spell(match: re.Match[str]) -> str:
        field, names = COMPLETERS[match[1]]
        return names[field.extract(insn.word)]

    return re.sub(r"\{(\w+)\}", spell, insn.row.text)


_PRODUCT = {"fma": "fmpy", "fnma": "fnmpy", "fpma": "fpmpy", "fpnma": "fpnmpy", "xma": "xmpy"}
_SUM = {"fma": "fadd", "fms": "fsub"}
_MERGE_ZERO = {"fmerge.s": "fabs", "fmerge.ns": "fnegabs", "fpmerge.s": "fpabs", "fpmerge.ns": "fpnegabs"}
_MERGE_SAME = {"fmerge.s": "mov", "fmerge.ns": "fneg", "fpmerge.ns": "fpneg"}


def _float_pseudo(insn: SlotInstruction, mnemonic: str, operands: str) -> tuple[str, str]:
    ops = insn.ops
    if insn.key in _MERGE_ZERO or insn.key in _MERGE_SAME:
        if ops["f2"] == ops["f3"] and insn.key in _MERGE_SAME:
            return _MERGE_SAME[insn.key], f"f{ops['f1']}=f{ops['f2']}"
        if ops["f2"] == 0 and insn.key in _MERGE_ZERO:
            return _MERGE_ZERO[insn.key], f"f{ops['f1']}=f{ops['f3']}"
        return mnemonic, operands
    family, dot, rest = mnemonic.partition(".")
    if family == "fma" and ops["f4"] == 1 and ops["f2"] == 0:
        return f"fnorm{dot}{rest}", f"f{ops['f1']}=f{ops['f3']}"
    if ops["f2"] == 0 and family in _PRODUCT:
        return f"{_PRODUCT[family]}{dot}{rest}", f"f{ops['f1']}=f{ops['f3']},f{ops['f4']}"
    if family in _SUM and ops["f4"] == 1:
        return f"{_SUM[family]}{dot}{rest}", f"f{ops['f1']}=f{ops['f3']},f{ops['f2']}"
    return mnemonic, operands


def _pseudo(insn: SlotInstruction, mnemonic: str, operands: str) -> tuple[str, str]:
    """Return the pseudo-operation the GNU disassembler prefers to this instruction, or the instruction itself."""
    ops = insn.ops
    if insn.row.format in {"F1", "F2", "F9"}:
        return _float_pseudo(insn, mnemonic, operands)
    if insn.key == "adds" and ops["imm14"] == 0:
        return "mov", operands.replace("=0,", "=")
    if insn.key == "addl" and ops["r3_2"] == 0:
        return "mov", operands.rpartition(",")[0]
    if insn.row.format == "I11" and ops["pos6b"] + ops["len6d"] == 64:
        return insn.key.replace("extr", "shr"), operands.rpartition(",")[0]
    if insn.row.format == "I12" and ops["cpos6c"] + ops["len6d"] == 64:
        return "shl", operands.rpartition(",")[0]
    if insn.row.format == "I21" and mnemonic == "mov":
        return mnemonic, operands.partition(",")[0]
    if insn.key in {"br.cond", "brl.cond"} and ops["qp"] == 0:
        return mnemonic.replace(".cond.sptk", ""), operands
    return mnemonic, operands


def instruction_text(insn: SlotInstruction, ip_va: int) -> str:
    """Return the instruction as text, with its qualifying predicate unless that is p0.

    ip_va: address of the bundle, to which branch displacements are added.
    """
    mnemonic = _completers(insn)
    operands = _WORD.sub(lambda m: _operand(m[0], insn.ops[m[0]], ip_va) if m[0] in insn.ops else m[0], insn.shape)
    mnemonic, operands = _pseudo(insn, mnemonic, operands)
    predicate = f"(p{insn.ops['qp']:02}) " if insn.ops["qp"] and insn.key not in UNPREDICATED else ""
    return f"{predicate}{mnemonic} {operands}".rstrip()
