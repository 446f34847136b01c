"""Bundles and instructions: from 128 bits to decoded instructions.

Source: SDM rev. 2.3 volume 3, section 3.3 (bundles, templates) and chapter 4 (instruction formats).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from linker.sites.ia64.isa import tables, tables_mf
from linker.sites.ia64.isa.fields import L_SLOT, OPCODE_FIELDS, OPERAND_FIELDS

TEMPLATES: dict[int, tuple[str, int]] = {
    0x00: ("MII", 0b000), 0x01: ("MII", 0b100), 0x02: ("MII", 0b010), 0x03: ("MII", 0b110), 0x04: ("MLX", 0b000),
    0x05: ("MLX", 0b100), 0x08: ("MMI", 0b000), 0x09: ("MMI", 0b100), 0x0A: ("MMI", 0b001), 0x0B: ("MMI", 0b101),
    0x0C: ("MFI", 0b000), 0x0D: ("MFI", 0b100), 0x0E: ("MMF", 0b000), 0x0F: ("MMF", 0b100), 0x10: ("MIB", 0b000),
    0x11: ("MIB", 0b100), 0x12: ("MBB", 0b000), 0x13: ("MBB", 0b100), 0x16: ("BBB", 0b000), 0x17: ("BBB", 0b100),
    0x18: ("MMB", 0b000), 0x19: ("MMB", 0b100), 0x1C: ("MFB", 0b000), 0x1D: ("MFB", 0b100),
}  # fmt: skip
"""Template -> units of the three slots, and a bit for each slot that a stop follows (volume 3, table 3-9)."""

SLOT_MASK = (1 << 41) - 1

_TOKEN = re.compile(r"[a-z]+\d*[a-z]*\w*")


@dataclass(frozen=True)
class FormatRow:
    """One instruction of the tables: value under mask chooses it.

    key: the mnemonic without hint completers; text: with them, in braces; operands: the operand text;
    names: the operand fields in it.
    """

    format: str
    unit: str
    mask: int
    value: int
    key: str
    text: str
    operands: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class SlotInstruction:
    """A decoded instruction. ops: the value of each operand field and of qp; word: the slot's bits (see `fields`)."""

    row: FormatRow
    word: int
    ops: dict[str, int]

    @property
    def key(self) -> str:
        """The mnemonic without hint completers."""
        return self.row.key

    @property
    def shape(self) -> str:
        """The operand text of the table row, which tells forms of one mnemonic apart."""
        return self.row.operands


@dataclass(frozen=True)
class DecodedBundle:
    """A decoded bundle. An instruction is None where the bits are none; an MLX bundle has two: slots 0 and 2."""

    template: int
    units: str
    stops: int
    words: tuple[int, int, int]
    slots: tuple[SlotInstruction | None, ...]


def _parse(line: str, unit: str) -> FormatRow:
    head, _, body = line.partition("|")
    number, *choices = head.split()
    mask = value = 0
    for choice in choices:
        name, _, wanted = choice.partition("=")
        position, length_bits = OPCODE_FIELDS[name]
        mask |= (1 << length_bits) - 1 << position
        value |= int(wanted) << position
    text, _, operands = body.strip().partition(" ")
    names = tuple(token for token in _TOKEN.findall(operands) if token in OPERAND_FIELDS)
    return FormatRow(number, unit, mask, value, re.sub(r"\{\w+\}", "", text), text, operands, names)


@cache
def unit_rows(unit: str) -> tuple[FormatRow, ...]:
    """Return every row an instruction of this unit (M, I, F, B or X) may match, in the order they are tried."""
    match unit:
        case "M":
            lines = tables_mf.m_rows() + tables.a_rows()
        case "I":
            lines = tables.i_rows() + tables.a_rows()
        case "F":
            lines = tables_mf.f_rows()
        case "B":
            lines = tables.B_ROWS.strip().splitlines()
        case _:
            lines = tables.X_ROWS.strip().splitlines()
    return tuple(_parse(line, unit) for line in lines)


@cache
def _by_opcode(unit: str) -> dict[int, tuple[FormatRow, ...]]:
    rows = unit_rows(unit)
    return {op: tuple(row for row in rows if row.value >> 37 & 15 == op) for op in range(16)}


@lru_cache(maxsize=1 << 16)
def decode_slot(unit: str, word: int) -> SlotInstruction | None:
    """Decode one instruction, or return None if the unit has none with these bits.

    word: 41 bits; for unit X the L slot's 41 bits follow them.
    """
    for row in _by_opcode(unit)[word >> 37 & 15]:
        if word & row.mask == row.value:
            ops = {name: OPERAND_FIELDS[name].extract(word) for name in row.names}
            ops["qp"] = word & 63
            return SlotInstruction(row, word, ops)
    return None


def slot_words(bundle: int) -> tuple[int, int, int]:
    """Split a 128-bit bundle into the 41 bits of each slot."""
    return bundle >> 5 & SLOT_MASK, bundle >> 46 & SLOT_MASK, bundle >> 87 & SLOT_MASK


def decode_bundle(bundle: int) -> DecodedBundle | None:
    """Decode 128 bits, or return None if the template is reserved."""
    template = bundle & 31
    if template not in TEMPLATES:
        return None
    units, stops = TEMPLATES[template]
    words = slot_words(bundle)
    slots: tuple[SlotInstruction | None, ...]
    if units == "MLX":
        long_word = words[2] | words[1] << L_SLOT
        slots = (decode_slot("M", words[0]), None, decode_slot("X", long_word))
    else:
        slots = tuple(decode_slot(unit, word) for unit, word in zip(units, words, strict=True))
    return DecodedBundle(template, units, stops, words, slots)
