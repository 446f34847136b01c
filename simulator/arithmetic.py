"""Integer operations that are longer than an expression, on 64-bit values held as Python integers 0 to 2**64 - 1.

Source: SDM rev. 2.3 volume 3, chapter 2, the pages of the instructions named.
"""

from __future__ import annotations

MASK64 = (1 << 64) - 1


def signed(value: int, size_bits: int = 64) -> int:
    """Return the low size_bits of value read as two's complement."""
    value &= (1 << size_bits) - 1
    return value - (1 << size_bits) if value >> size_bits - 1 else value


def extend(value: int, size_bits: int) -> int:
    """Sign-extend the low size_bits to 64 bits."""
    return signed(value, size_bits) & MASK64


def shift_right(value: int, count: int) -> int:
    """Shr: arithmetic; a count above 63 gives the sign."""
    return signed(value) >> min(count, 64) & MASK64


def add_pointer4(low: int) -> int:
    """Addp4, shladdp4: the low 32 bits of the sum, bits 61 and 62 from bits 30 and 31 of r3 (passed in bits 64, 65)."""
    return (low & 0xFFFFFFFF) | (low >> 64 & 3) << 61


def _split(value: int, size: int, *, as_signed: bool = False) -> list[int]:
    bits = size * 8
    lanes = [value >> shift & (1 << bits) - 1 for shift in range(0, 64, bits)]
    return [signed(lane, bits) for lane in lanes] if as_signed else lanes


def _join(lanes: list[int], size: int) -> int:
    bits = size * 8
    value = 0
    for index, lane in enumerate(lanes):
        value |= (lane & (1 << bits) - 1) << index * bits
    return value


def _clamp(value: int, size: int, *, to_signed: bool) -> int:
    bits = size * 8
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if to_signed else (0, (1 << bits) - 1)
    return min(max(value, low), high)


def parallel_add(name: str, a: int, b: int, size: int) -> int:
    """Padd and psub with their saturation completers; name: "padd", "psub.sss" and so on; size: bytes a lane."""
    operation, _, saturation = name.partition(".")
    sign = 1 if operation == "padd" else -1
    first = _split(a, size, as_signed=saturation == "sss")
    second = _split(b, size, as_signed=saturation in {"sss", "uus"})
    sums = [x + sign * y for x, y in zip(first, second, strict=True)]
    if saturation:
        sums = [_clamp(s, size, to_signed=saturation == "sss") for s in sums]
    return _join(sums, size)


def parallel_average(name: str, a: int, b: int, size: int) -> int:
    """Pavg, pavg.raz and pavgsub."""
    lanes = []
    for x, y in zip(_split(a, size), _split(b, size), strict=True):
        if name == "pavgsub":
            difference = x - y
            lanes.append((difference >> 1) | (difference & 1))
        elif name == "pavg.raz":
            lanes.append(x + y + 1 >> 1)
        else:
            lanes.append((x + y >> 1) | (x + y & 1))
    return _join(lanes, size)


def parallel_compare(relation: str, a: int, b: int, size: int) -> int:
    """Pcmp: all ones where the relation ("eq", or signed "gt") holds."""
    pairs = zip(_split(a, size, as_signed=True), _split(b, size, as_signed=True), strict=True)
    return _join([-1 if (x == y if relation == "eq" else x > y) else 0 for x, y in pairs], size)


def parallel_extreme(name: str, a: int, b: int, size: int) -> int:
    """Pmin and pmax; a ".u" completer compares unsigned."""
    choose = min if name.startswith("pmin") else max
    as_signed = not name.endswith(".u")
    pairs = zip(_split(a, size, as_signed=as_signed), _split(b, size, as_signed=as_signed), strict=True)
    return _join([choose(x, y) for x, y in pairs], size)


def parallel_shift_left(a: int, count: int, size: int) -> int:
    """Pshl: a count beyond the lane gives zero."""
    return 0 if count >= size * 8 else _join([lane << count for lane in _split(a, size)], size)


def parallel_shift_right(a: int, count: int, size: int, *, as_signed: bool) -> int:
    """Pshr and pshr.u: a count beyond the lane gives the sign, or zero."""
    count = min(count, size * 8)
    return _join([lane >> count for lane in _split(a, size, as_signed=as_signed)], size)


def parallel_shift_add(a: int, count: int, b: int, *, left: bool) -> int:
    """Pshladd2 and pshradd2: both the shift and the sum saturate, signed."""
    lanes = []
    for x, y in zip(_split(a, 2, as_signed=True), _split(b, 2, as_signed=True), strict=True):
        shifted = _clamp(x << count, 2, to_signed=True) if left else x >> count
        if left and shifted != x << count:
            lanes.append(shifted)
        else:
            lanes.append(_clamp(shifted + y, 2, to_signed=True))
    return _join(lanes, 2)


def parallel_multiply_shift(a: int, b: int, count: int, *, as_signed: bool) -> int:
    """Pmpyshr2 and pmpyshr2.u: the 16 bits of each product from bit count up."""
    pairs = zip(_split(a, 2, as_signed=as_signed), _split(b, 2, as_signed=as_signed), strict=True)
    return _join([x * y >> count for x, y in pairs], 2)


def parallel_multiply(a: int, b: int, *, left: bool) -> int:
    """Pmpy2.l and pmpy2.r: 32-bit products of the odd or even lanes."""
    x, y = _split(a, 2, as_signed=True), _split(b, 2, as_signed=True)
    return _join([x[lane] * y[lane] for lane in ((1, 3) if left else (0, 2))], 4)


def mix(a: int, b: int, size: int, *, left: bool) -> int:
    """Mix: the odd (left) or even (right) lanes, those of a above those of b."""
    x, y = _split(a, size), _split(b, size)
    lanes: list[int] = []
    for index in range(1 if left else 0, len(x), 2):
        lanes += [y[index], x[index]]
    return _join(lanes, size)


def unpack(a: int, b: int, size: int, *, high: bool) -> int:
    """Unpack: the high or low halves interleaved, a's lane above b's."""
    x, y = _split(a, size), _split(b, size)
    half = len(x) // 2
    lanes: list[int] = []
    for index in range(half if high else 0, len(x) if high else half):
        lanes += [y[index], x[index]]
    return _join(lanes, size)


def pack(a: int, b: int, size: int, *, to_signed: bool) -> int:
    """Pack2 and pack4 (size: bytes a source lane): saturate to half the width, a below b."""
    lanes = _split(a, size, as_signed=True) + _split(b, size, as_signed=True)
    return _join([_clamp(lane, size // 2, to_signed=to_signed) for lane in lanes], size // 2)


def sum_of_differences(a: int, b: int) -> int:
    """Psad1: the sum of the bytes' absolute differences."""
    return sum(abs(x - y) for x, y in zip(_split(a, 1), _split(b, 1), strict=True))


_MUX1 = {
    0: (0, 0, 0, 0, 0, 0, 0, 0), 8: (0, 4, 2, 6, 1, 5, 3, 7), 9: (0, 4, 1, 5, 2, 6, 3, 7),
    10: (0, 2, 4, 6, 1, 3, 5, 7), 11: (7, 6, 5, 4, 3, 2, 1, 0),
}  # fmt: skip
"""Source byte of each result byte, lowest first, by the type field (mux page, figure 2-27)."""


def mux1(a: int, kind: int) -> int:
    """Mux1: a permutation of the bytes, by the type field of format I3."""
    lanes = _split(a, 1)
    return _join([lanes[index] for index in _MUX1[kind]], 1)


def mux2(a: int, kind: int) -> int:
    """Mux2: a permutation of the 16-bit lanes; two bits of the type field choose each."""
    lanes = _split(a, 2)
    return _join([lanes[kind >> 2 * index & 3] for index in range(4)], 2)


def zero_index(a: int, size: int, *, left: bool) -> int:
    """Czx: the index of the first zero lane from the left or right, or the number of lanes."""
    lanes = _split(a, size)
    if left:
        lanes.reverse()
    return lanes.index(0) if 0 in lanes else len(lanes)


def rotations(size: int, base: int) -> list[int]:
    """Return where each of size rotating registers is when the rename base is base."""
    return [(index + base) % size for index in range(size)]
