"""Floating-point arithmetic, exact and then rounded: the fma family, reciprocal approximation, conversions to integer.

Source: SDM rev. 2.3 volume 1, chapter 5, volume 3, chapter 2 (fma, fms, fnma, frcpa, fcvt.fx). Status flags are set in
ar.fpsr; but for the software assist fault of frcpa no floating-point fault or trap is taken, as if all were masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.cpu import FR_NATVAL as NATVAL
from simulator.floating import (
    BIAS,
    DEFAULT_NAN,
    INTEGER_EXPONENT,
    SIGNIFICAND_ONE,
    SPECIAL_EXPONENT,
    make,
    parts,
)
from simulator.registers import AR_FPSR, FP_FAULT, Interruption

if TYPE_CHECKING:
    from simulator.cpu import Cpu

QUIET = 1 << 62
INDEFINITE_INTEGER = make(0, INTEGER_EXPONENT, 1 << 63)
DENORMAL_EXPONENT = BIAS - 16382
"""Exponent that a zero exponent field with a significand stands for."""

FLAG_V, FLAG_D, FLAG_Z, FLAG_O, FLAG_U, FLAG_I = (1 << n for n in range(7, 13))

SOFTWARE_ASSIST = 8
"""isr.code of the software assist fault."""

_PRECISIONS = {0: 24, 2: 53, 3: 64}
_EXPONENT_BITS = {"s": 8, "d": 11}


@dataclass(frozen=True)
class Rounding:
    """How a result is rounded. precision_bits: of the significand; exponent_bits: of the range; mode: fpsr rc."""

    precision_bits: int
    exponent_bits: int
    mode: int
    flush: bool


def rounding(fpsr: int, field: int, completer: str) -> Rounding:
    """Return the rounding that a status field and an instruction's completer ("s", "d" or "") select."""
    bits = fpsr >> 6 + 13 * field
    wide = bits >> 1 & 1
    precision = {"s": 24, "d": 53}.get(completer) or _PRECISIONS.get(bits >> 2 & 3, 64)
    exponent_bits = 17 if wide else _EXPONENT_BITS.get(completer, 15)
    return Rounding(precision, exponent_bits, bits >> 4 & 3, bool(bits & 1))


def set_flags(cpu: Cpu, field: int, flags: int) -> None:
    """Set status flags in a status field."""
    cpu.ar[AR_FPSR] |= flags << 6 + 13 * field


def is_nan(value: int) -> bool:
    """Tell whether a register is a NaN."""
    _, exponent, significand = parts(value)
    return exponent == SPECIAL_EXPONENT and significand != SIGNIFICAND_ONE


def is_infinity(value: int) -> bool:
    """Tell whether a register is an infinity."""
    return value & (1 << 81) - 1 == SPECIAL_EXPONENT << 64 | SIGNIFICAND_ONE


def is_zero(value: int) -> bool:
    """Tell whether a register is a true zero; with an exponent it would be a pseudo-zero, which is an unnormal."""
    return value & (1 << 81) - 1 == 0


def _has_no_value(value: int) -> bool:
    """Tell whether a register is a zero or a pseudo-zero."""
    return value & (1 << 64) - 1 == 0


def _is_unsupported(value: int) -> bool:
    _, exponent, significand = parts(value)
    return exponent == SPECIAL_EXPONENT and not significand >> 63


def _is_unnormal(value: int) -> bool:
    _, exponent, significand = parts(value)
    return not significand >> 63 and exponent != SPECIAL_EXPONENT and bool(exponent or significand)


def _exact(value: int) -> tuple[int, int]:
    """Return (m, e) such that a finite register is m * 2**e."""
    sign, exponent, significand = parts(value)
    if exponent == 0:
        exponent = DENORMAL_EXPONENT
    return -significand if sign else significand, exponent - BIAS - 63


def _round_bits(magnitude: int, drop_bits: int, mode: int, *, negative: bool) -> tuple[int, bool]:
    """Shift right by drop_bits, rounding; return the result and whether anything was lost."""
    if drop_bits <= 0:
        return magnitude << -drop_bits, False
    kept, lost = magnitude >> drop_bits, magnitude & (1 << drop_bits) - 1
    half = 1 << drop_bits - 1
    up = {
        0: lost > half or (lost == half and bool(kept & 1)),
        1: negative and lost > 0,
        2: not negative and lost > 0,
        3: False,
    }[mode]
    return kept + up, lost > 0


def round_to_register(magnitude: int, exponent: int, how: Rounding, *, negative: bool) -> tuple[int, int]:
    """Round magnitude * 2**exponent (magnitude positive); return the register and the status flags."""
    sign = int(negative)
    precision = how.precision_bits
    top = magnitude.bit_length() + exponent - 1
    highest = (1 << how.exponent_bits - 1) - 1
    lowest = 1 - highest if how.exponent_bits < 17 else 1 - BIAS
    kept, inexact = _round_bits(magnitude, magnitude.bit_length() - precision, how.mode, negative=negative)
    flags = FLAG_I if inexact else 0
    if kept >> precision:
        kept >>= 1
        top += 1
    if top > highest:
        to_infinity = how.mode in {0, 1 if negative else 2}
        if to_infinity:
            return make(sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE), FLAG_O | FLAG_I
        return make(sign, highest + BIAS, (1 << precision) - 1 << 64 - precision), FLAG_O | FLAG_I
    if top < lowest:
        if how.flush:
            return make(sign, 0, 0), FLAG_U | FLAG_I
        unit = lowest - precision + 1
        kept, inexact = _round_bits(magnitude, unit - exponent, how.mode, negative=negative)
        flags = FLAG_U | FLAG_I if inexact else 0
        significand = kept << 64 - precision
        if significand >> 63:
            return make(sign, lowest + BIAS, significand), flags
        if how.exponent_bits == 15 and significand:
            return make(sign, 0, significand), flags
        return make(sign, lowest + BIAS if significand else 0, significand), flags
    return make(sign, top + BIAS, kept << 64 - precision), flags


def _nan_result(cpu: Cpu, field: int, operands: tuple[int, ...]) -> int | None:
    """Return the result if an operand is a NaN or unsupported (the first given wins), else None."""
    if any(_is_unsupported(value) for value in operands):
        set_flags(cpu, field, FLAG_V)
        return DEFAULT_NAN
    nans = [value for value in operands if is_nan(value)]
    if not nans:
        return None
    if any(not value & QUIET for value in nans):
        set_flags(cpu, field, FLAG_V)
    return nans[0] | QUIET


def fused(cpu: Cpu, name: str, field: int, operands: tuple[int, int, int | None]) -> int:
    """fma, fms and fnma with completers: f3 * f4 + f2, f3 * f4 - f2, -(f3 * f4) + f2, rounded once.

    operands: f3, f4, f2. f2 None: the register is f0, which makes a pure product that keeps the sign of a zero.
    """
    f3, f4, addend_or_none = operands
    pure = addend_or_none is None
    f2 = addend_or_none or 0
    if NATVAL in {f2, f3, f4}:
        return NATVAL
    family, _, completer = name.partition(".")
    result = _nan_result(cpu, field, (f4, f2, f3))
    if result is not None:
        return result
    how = rounding(cpu.ar[AR_FPSR], field, completer)
    if any(_is_unnormal(value) for value in (f2, f3, f4)):
        set_flags(cpu, field, FLAG_D)
    negate_product, negate_addend = family == "fnma", family == "fms"
    product_sign = f3 >> 81 ^ f4 >> 81 ^ negate_product
    addend_sign = f2 >> 81 ^ negate_addend
    if is_infinity(f3) or is_infinity(f4):
        if is_zero(f3) or is_zero(f4) or (is_infinity(f2) and addend_sign != product_sign):
            set_flags(cpu, field, FLAG_V)
            return DEFAULT_NAN
        return make(product_sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE)
    if is_infinity(f2):
        return make(addend_sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE)
    (a, a_exponent), (b, b_exponent), (c, c_exponent) = _exact(f3), _exact(f4), _exact(f2)
    product, product_exponent = (-a if negate_product else a) * b, a_exponent + b_exponent
    addend = -c if negate_addend else c
    exponent = min(product_exponent, c_exponent) if addend and product else product_exponent if product else c_exponent
    total = (product << max(product_exponent - exponent, 0)) + (addend << max(c_exponent - exponent, 0))
    if total == 0:
        same = pure or product_sign == addend_sign
        return make(product_sign if same else int(how.mode == 1), 0, 0)
    result, flags = round_to_register(abs(total), exponent, how, negative=total < 0)
    set_flags(cpu, field, flags)
    return result


def reciprocal(cpu: Cpu, field: int, f2: int, f3: int) -> tuple[int, int]:
    """Frcpa: return f1 and p2. With p2 one, f1 is 1/f3 to 8 bits; with p2 zero it is the quotient f2/f3 itself."""
    if NATVAL in {f2, f3}:
        return NATVAL, 0
    result = _nan_result(cpu, field, (f2, f3))
    if result is not None:
        return result, 0
    sign = f2 >> 81 ^ f3 >> 81
    if (is_infinity(f2) and is_infinity(f3)) or (_has_no_value(f2) and _has_no_value(f3)):
        set_flags(cpu, field, FLAG_V)
        return DEFAULT_NAN, 0
    if _has_no_value(f3):
        set_flags(cpu, field, 0 if is_infinity(f2) else FLAG_Z)
        return make(sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE), 0
    if is_infinity(f2):
        return make(sign, SPECIAL_EXPONENT, SIGNIFICAND_ONE), 0
    if is_infinity(f3) or _has_no_value(f2):
        return make(sign, 0, 0), 0
    magnitude, exponent = _exact(f3)
    magnitude = abs(magnitude)
    size_bits = magnitude.bit_length()
    _check_limits(f2, exponent + size_bits - 1)
    if _is_unnormal(f2) or _is_unnormal(f3):
        set_flags(cpu, field, FLAG_D)
    index = (magnitude << 64 - size_bits) >> 55 & 0xFF
    fraction = reciprocal_entry(index)
    top = exponent + size_bits - 1
    return make(f3 >> 81, BIAS - 1 - top, SIGNIFICAND_ONE | fraction << 53), 1


def _check_limits(f2: int, divisor_exponent: int) -> None:
    """Raise the software assist fault where 1/f3, f2/f3 or a step between leaves the exponents' range (frcpa page)."""
    magnitude, exponent = _exact(f2)
    dividend_exponent = exponent + abs(magnitude).bit_length() - 1
    quotient_exponent = dividend_exponent - divisor_exponent
    if (
        not -BIAS < divisor_exponent < BIAS - 2
        or not 2 - BIAS < quotient_exponent < BIAS
        or dividend_exponent <= 64 - BIAS
    ):
        raise Interruption(FP_FAULT, SOFTWARE_ASSIST)


def reciprocal_entry(index: int) -> int:
    """Return 10 fraction bits of 2 / x at the middle x of the index-th of 256 steps from 1 to 2 (frcpa page, table)."""
    numerator, denominator = 1024 * (511 - 2 * index), 513 + 2 * index
    return (2 * numerator + denominator) // (2 * denominator)


def convert_to_integer(cpu: Cpu, name: str, field: int, f2: int) -> int:
    """fcvt.fx, fcvt.fxu and their .trunc forms."""
    if f2 == NATVAL:
        return NATVAL
    is_signed = name.startswith("fcvt.fx.") or name == "fcvt.fx"
    if is_nan(f2) or is_infinity(f2) or _is_unsupported(f2):
        set_flags(cpu, field, FLAG_V)
        return INDEFINITE_INTEGER
    if _is_unnormal(f2):
        set_flags(cpu, field, FLAG_D)
    magnitude, exponent = _exact(f2)
    negative = magnitude < 0
    mode = 3 if name.endswith(".trunc") else rounding(cpu.ar[AR_FPSR], field, "").mode
    if exponent > 64:
        value, inexact = (1 << 65 if magnitude else 0), False
    else:
        value, inexact = _round_bits(abs(magnitude), -exponent, mode, negative=negative)
    value = -value if negative else value
    low, high = (-(1 << 63), (1 << 63) - 1) if is_signed else (0, (1 << 64) - 1)
    if not low <= value <= high:
        set_flags(cpu, field, FLAG_V)
        return INDEFINITE_INTEGER
    if inexact:
        set_flags(cpu, field, FLAG_I)
    return make(0, INTEGER_EXPONENT, value & (1 << 64) - 1)
