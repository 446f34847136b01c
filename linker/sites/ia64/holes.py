"""Holes in bundles: the scattered fields of an MLX instruction (SDM vol. 3, formats X2 and X3).

bundle     template 5 | slot 0: 41 | slot 1: 41, upper bits | slot 2: 41, opcode
brl        target64: distance from the bundle in units of 16 bytes, slots 1 and 2
movl       imm64: slots 1 and 2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.sites.ia64.bundles import BUNDLE_LEN, SLOT_BITS, SLOT_MASK, TEMPLATE_BITS
from linker.sites.ia64.operands import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_SHIFT = TEMPLATE_BITS + SLOT_BITS  # slots 1 and 2


def _long_word(bundle: int) -> int:
    """The instruction of 82 bits, slot 1 above slot 2 as `bundles.Bundle` has it."""
    slots = bundle >> LONG_SHIFT
    return (slots & SLOT_MASK) << SLOT_BITS | slots >> SLOT_BITS


def _placed(word: int) -> int:
    return (word >> SLOT_BITS | (word & SLOT_MASK) << SLOT_BITS) << LONG_SHIFT


class LongHole:
    """An operand of an instruction in slots 1 and 2; see `linker.sites.holes.Hole`. The hole's place is the bundle."""

    value_bits = 64
    place_align = BUNDLE_LEN
    from_end = False

    def __init__(self, operand: str) -> None:
        """`operand`: its name in `operands.FIELDS`."""
        self._operand = operand
        self._field = FIELDS[operand]
        self._mask = _placed(self._field.mask)

    def put(self, code: bytearray, offset: int, stride: int, values: Sequence[int]) -> None:
        """See `linker.sites.holes.Hole`."""
        for at, value in zip(range(offset, len(code), stride), values, strict=True):
            kept = int.from_bytes(code[at : at + BUNDLE_LEN], "little") & ~self._mask
            bits = _placed(self._field.write(self._operand, value))
            code[at : at + BUNDLE_LEN] = (kept | bits).to_bytes(BUNDLE_LEN, "little")

    def get(self, code: bytes | bytearray, offset: int, stride: int, count: int) -> list[int]:
        """See `linker.sites.holes.Hole`."""
        places = range(offset, offset + count * stride, stride)
        bundles = (int.from_bytes(code[at : at + BUNDLE_LEN], "little") for at in places)
        return [self._field.read(_long_word(bundle)) for bundle in bundles]


BRANCH, IMMEDIATE = LongHole("target64"), LongHole("imm64")
