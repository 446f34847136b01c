"""Holes: where in code a number is stored, for templates that are filled and for modules that move.

A hole is written and read for many places at once, `stride` bytes apart, because sites come by the thousand:

template   e8 00 00 00 00 0f 1f 00     at 1, 4 bytes
code       e8 1b 02 00 00 0f 1f 00  e8 0b 02 00 00 0f 1f 00 ...
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hole(Protocol):
    """One way to store a number.

    value_bits   its width
    place_align  the hole's place is a multiple of this; what a relocation says beyond that names a part of it
    from_end     a distance counts from the end of its instruction, else from the hole's place
    """

    value_bits: int
    place_align: int
    from_end: bool

    def put(self, code: bytearray, offset: int, stride: int, values: Sequence[int]) -> None:
        """Store each value; it fits."""

    def get(self, code: bytes | bytearray, offset: int, stride: int, count: int) -> Sequence[int]:
        """The values stored, as signed or unsigned numbers as the hole has them."""


class PlainHole:
    """A little-endian number of whole bytes. `type_code`: of the `array` module."""

    place_align = 1
    from_end = True

    def __init__(self, type_code: str) -> None:
        """i and I: 4 bytes with and without sign; q and Q: 8 bytes."""
        self._type_code = type_code
        self._is_signed = type_code.islower()
        self._len = array(type_code).itemsize
        self.value_bits = 8 * self._len

    def put(self, code: bytearray, offset: int, stride: int, values: Sequence[int]) -> None:
        """See `Hole`."""
        if len(values) == 1:  # most groups of a small guest
            code[offset : offset + self._len] = values[0].to_bytes(self._len, "little", signed=self._is_signed)
            return
        data = array(self._type_code, values)
        if sys.byteorder == "big":
            data.byteswap()
        raw = data.tobytes()
        for byte in range(self._len):
            code[offset + byte :: stride] = raw[byte :: self._len]

    def get(self, code: bytes | bytearray, offset: int, stride: int, count: int) -> Sequence[int]:
        """See `Hole`."""
        if count == 1:
            return [int.from_bytes(code[offset : offset + self._len], "little", signed=self._is_signed)]
        raw = bytearray(count * self._len)
        for byte in range(self._len):
            raw[byte :: self._len] = code[offset + byte :: stride]
        values = array(self._type_code)
        values.frombytes(raw)
        if sys.byteorder == "big":
            values.byteswap()
        return values


INT32, WORD32 = PlainHole("i"), PlainHole("I")
INT64, WORD64 = PlainHole("q"), PlainHole("Q")
