"""Floating-point registers: 82 bits, and the operations compiler output uses on them.

Source: SDM rev. 2.3 volume 1, chapter 5. A register is one integer: sign in bit 81, then 17 exponent and 64
significand bits.
"""

from __future__ import annotations

from simulator.arithmetic import MASK64, signed
from simulator.cpu import FR_NATVAL as NATVAL

BIAS = 0xFFFF
INTEGER_EXPONENT = 0x1003E
SPECIAL_EXPONENT = 0x1FFFF
SIGNIFICAND_ONE = 1 << 63
DEFAULT_NAN = 1 << 81 | SPECIAL_EXPONENT << 64 | 3 << 62


def make(sign: int, exponent: int, significand: int) -> int:
    """Assemble a register from its three fields."""
    return sign << 81 | exponent << 64 | significand


def parts(value: int) -> tuple[int, int, int]:
    """Return sign, exponent and significand."""
    return value >> 81, value >> 64 & 0x1FFFF, value & MASK64


def from_integer(value: int) -> int:
    """setf.sig, ldf8."""
    return INTEGER_EXPONENT << 64 | value


def to_integer(value: int) -> int:
    """getf.sig, stf8."""
    return value & MASK64


def from_exponent(value: int) -> int:
    """setf.exp: sign and exponent from bits 17:0."""
    return make(value >> 17 & 1, value & 0x1FFFF, SIGNIFICAND_ONE)


def to_exponent(value: int) -> int:
    """getf.exp."""
    return value >> 64 & 0x3FFFF


def _from_ieee(value: int, exponent_bits: int, fraction_bits: int) -> int:
    sign = value >> exponent_bits + fraction_bits & 1
    exponent = value >> fraction_bits & (1 << exponent_bits) - 1
    fraction = value & (1 << fraction_bits) - 1
    significand = fraction << 63 - fraction_bits
    bias = (1 << exponent_bits - 1) - 1
    if exponent == (1 << exponent_bits) - 1:
        return make(sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE | significand)
    if exponent == 0:
        return make(sign, BIAS - bias + 1 if fraction else 0, significand)
    return make(sign, exponent - bias + BIAS, SIGNIFICAND_ONE | significand)


def from_single(value: int) -> int:
    """setf.s, ldfs."""
    return _from_ieee(value & 0xFFFFFFFF, 8, 23)


def from_double(value: int) -> int:
    """setf.d, ldfd."""
    return _from_ieee(value, 11, 52)


def from_extended(value: int) -> int:
    """Ldfe: 80 bits."""
    sign, exponent, significand = value >> 79 & 1, value >> 64 & 0x7FFF, value & MASK64
    if exponent == 0x7FFF:
        return make(sign, SPECIAL_EXPONENT, significand)
    if exponent == 0:
        return make(sign, 0 if significand == 0 else BIAS - 0x3FFF + 1, significand)
    return make(sign, exponent - 0x3FFF + BIAS, significand)


def from_spilled(value: int) -> int:
    """ldf.fill: the register as it is, in 16 bytes."""
    return value & (1 << 82) - 1


def _to_ieee(value: int, exponent_bits: int, fraction_bits: int) -> int:
    """The low exponent bits and high significand bits, as getf and stf take them without rounding."""
    sign, exponent, significand = parts(value)
    top = exponent >> 16 << exponent_bits - 1 | exponent & (1 << exponent_bits - 1) - 1
    if not significand >> 63:
        top = 0
    fraction = significand >> 63 - fraction_bits & (1 << fraction_bits) - 1
    return sign << exponent_bits + fraction_bits | top << fraction_bits | fraction


def to_single(value: int) -> int:
    """getf.s, stfs."""
    return _to_ieee(value, 8, 23)


def to_double(value: int) -> int:
    """getf.d, stfd."""
    return _to_ieee(value, 11, 52)


def to_extended(value: int) -> int:
    """Stfe: 80 bits."""
    sign, exponent, significand = parts(value)
    return sign << 79 | (exponent >> 16 << 14 | exponent & 0x3FFF) << 64 | significand


def multiply_add(kind: str, f3: int, f4: int, f2: int) -> int:
    """xma.l, xma.h and xma.hu: 64-bit integer f3 * f4 + f2, the low or the high half; kind: "l", "h" or "hu"."""
    if NATVAL in {f2, f3, f4}:
        return NATVAL
    a, b, c = f3 & MASK64, f4 & MASK64, f2 & MASK64
    if kind == "h":
        a, b = signed(a), signed(b)
    total = a * b + c
    return from_integer((total if kind == "l" else total >> 64) & MASK64)


def merge(kind: str, f2: int, f3: int) -> int:
    """fmerge.s, fmerge.ns and fmerge.se."""
    if NATVAL in {f2, f3}:
        return NATVAL
    if kind == "se":
        return f2 >> 64 << 64 | f3 & MASK64
    sign = f2 >> 81 ^ (kind == "ns")
    return sign << 81 | f3 & (1 << 81) - 1


def logical(kind: str, f2: int, f3: int) -> int:
    """Fand, fandcm, for and fxor: on significands, giving integer format."""
    if NATVAL in {f2, f3}:
        return NATVAL
    a, b = f2 & MASK64, f3 & MASK64
    return from_integer({"fand": a & b, "fandcm": a & ~b, "for": a | b, "fxor": a ^ b}[kind])


def join_halves(kind: str, f2: int, f3: int) -> int:
    """Fmix and fsxt: a half of each significand, or the sign of f2's half in place of it, in integer format."""
    if NATVAL in {f2, f3}:
        return NATVAL
    name, _, which = kind.partition(".")
    left, right = (half_of(which[0], f2), half_of(which[-1], f3))
    if name == "fsxt":
        left = 0xFFFFFFFF if left >> 31 else 0
    return from_integer(left << 32 | right)


def half_of(which: str, value: int) -> int:
    """Return the left (l) or right (r) 32 bits of a significand."""
    return value >> 32 & 0xFFFFFFFF if which == "l" else value & 0xFFFFFFFF


def convert_from_signed(f2: int) -> int:
    """fcvt.xf: the significand as a signed integer, normalised."""
    if f2 == NATVAL:
        return NATVAL
    value = signed(f2)
    if value == 0:
        return 0
    size_bits = abs(value).bit_length()
    return make(int(value < 0), BIAS + size_bits - 1, abs(value) << 64 - size_bits)
