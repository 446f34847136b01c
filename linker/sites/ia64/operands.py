"""Operand fields: where each stands in an instruction and how it is written (Intel Itanium Architecture SDM vol. 3, 4).

The names are the manual's. A field is pieces (first bit, bits) from the value's low end to its high end; bits 41 and
above of an X-unit instruction are the L slot's. Data, and the two functions that read and write a field.
"""

from __future__ import annotations

from enum import Enum

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple
from linker.sites.reach import fits_signed


class OperandKind(Enum):
    """What a field's number is the number of. The value is how it is written in assembly."""

    GENERAL = "r{}"
    FLOATING = "f{}"
    PREDICATE = "p{}"
    BRANCH = "b{}"
    APPLICATION = "ar{}"
    CONTROL = "cr{}"
    UNSIGNED = "{:#x}"
    SIGNED = "{}"
    TARGET = ". + {:#x}"  # signed distance from the bundle, in bytes
    COMPLETER = ""  # a hint without operand syntax


class Field(NamedTuple):
    """One operand.

    shift   the value's low bits that are not stored and must be zero
    origin  the value that is stored as zero; one less is stored as one if `falling`, else one more
    """

    kind: OperandKind
    pieces: tuple[tuple[int, int], ...]
    shift: int = 0
    origin: int = 0
    falling: bool = False

    @property
    def bits(self) -> int:
        """Width of the value, unstored bits included."""
        return self.shift + sum(length for _, length in self.pieces)

    @property
    def signed(self) -> bool:
        """Whether the top bit is a sign."""
        return self.kind in (OperandKind.SIGNED, OperandKind.TARGET)

    @property
    def mask(self) -> int:
        """The instruction's bits that belong to the field."""
        return sum((1 << length) - 1 << first for first, length in self.pieces)

    def read(self, word: int) -> int:
        """The value in an instruction."""
        value, at = 0, self.shift
        for first, length in self.pieces:
            value |= (word >> first & (1 << length) - 1) << at
            at += length
        if self.signed and value >> at - 1:
            value -= 1 << at
        return self.origin - value if self.falling else self.origin + value

    def write(self, name: str, value: int) -> int:
        """The instruction's bits for a value; LinkError when it does not fit."""
        align = 1 << self.shift
        stored = self.origin - value if self.falling else value - self.origin
        if self.signed:
            fits = fits_signed(stored, self.bits, align)
        else:
            fits = 0 <= stored < 1 << self.bits and stored % align == 0
        if not fits:
            raise LinkError(
                f"operand {name} does not fit",
                found=f"{value:#x}",
                expected=f"{self.bits} bits{' with sign' if self.signed else ''}, a multiple of {align}",
            )
        word, rest = 0, stored >> self.shift
        for first, length in self.pieces:
            word |= (rest & (1 << length) - 1) << first
            rest >>= length
        return word


FIELDS = {
    "qp": Field(OperandKind.PREDICATE, ((0, 6),)),
    "r1": Field(OperandKind.GENERAL, ((6, 7),)),
    "r2": Field(OperandKind.GENERAL, ((13, 7),)),
    "r3": Field(OperandKind.GENERAL, ((20, 7),)),
    "r3s": Field(OperandKind.GENERAL, ((20, 2),)),  # A5: one of r0-r3
    "f1": Field(OperandKind.FLOATING, ((6, 7),)),
    "f2": Field(OperandKind.FLOATING, ((13, 7),)),
    "p1": Field(OperandKind.PREDICATE, ((6, 6),)),
    "p2": Field(OperandKind.PREDICATE, ((27, 6),)),
    "b1": Field(OperandKind.BRANCH, ((6, 3),)),
    "b2": Field(OperandKind.BRANCH, ((13, 3),)),
    "ar3": Field(OperandKind.APPLICATION, ((20, 7),)),
    "cr3": Field(OperandKind.CONTROL, ((20, 7),)),
    "imm2": Field(OperandKind.UNSIGNED, ((13, 2),)),
    "pos6": Field(OperandKind.UNSIGNED, ((14, 6),)),
    "cpos6b": Field(OperandKind.UNSIGNED, ((14, 6),), origin=63, falling=True),
    "cpos6c": Field(OperandKind.UNSIGNED, ((20, 6),), origin=63, falling=True),
    "cpos6d": Field(OperandKind.UNSIGNED, ((31, 6),), origin=63, falling=True),
    "len4": Field(OperandKind.UNSIGNED, ((27, 4),), origin=1),
    "len6": Field(OperandKind.UNSIGNED, ((27, 6),), origin=1),
    "count2": Field(OperandKind.UNSIGNED, ((27, 2),), origin=1),
    "imm1": Field(OperandKind.SIGNED, ((36, 1),)),
    "imm8": Field(OperandKind.SIGNED, ((13, 7), (36, 1))),
    "imm9load": Field(OperandKind.SIGNED, ((13, 7), (27, 1), (36, 1))),
    "imm9store": Field(OperandKind.SIGNED, ((6, 7), (27, 1), (36, 1))),
    "imm14": Field(OperandKind.SIGNED, ((13, 7), (27, 6), (36, 1))),
    "imm21": Field(OperandKind.UNSIGNED, ((6, 20), (36, 1))),
    "imm22": Field(OperandKind.SIGNED, ((13, 7), (27, 9), (22, 5), (36, 1))),
    "imm24": Field(OperandKind.UNSIGNED, ((6, 21), (31, 2), (36, 1))),
    "mask17": Field(OperandKind.SIGNED, ((6, 7), (24, 8), (36, 1)), shift=1),
    "imm62": Field(OperandKind.UNSIGNED, ((6, 20), (36, 1), (41, 41))),
    "imm64": Field(OperandKind.UNSIGNED, ((13, 7), (27, 9), (22, 5), (21, 1), (41, 41), (36, 1))),
    "target25": Field(OperandKind.TARGET, ((13, 20), (36, 1)), shift=4),
    "target64": Field(OperandKind.TARGET, ((13, 20), (43, 39), (36, 1)), shift=4),
    # Branch completers: sequential prefetch, whether hint, deallocation (4.5.1, tables 4-33 to 4-35).
    "ph": Field(OperandKind.COMPLETER, ((12, 1),)),
    "wh": Field(OperandKind.COMPLETER, ((33, 2),)),
    "dh": Field(OperandKind.COMPLETER, ((35, 1),)),
}
COMPLETERS = {
    "ph": (".few", ".many"),
    "wh": (".sptk", ".spnt", ".dptk", ".dpnt"),
    "dh": ("", ".clr"),
}
