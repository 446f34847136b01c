"""The range checks of everything that is written into a field of fixed width."""

from linker.errors import LinkError


def fits_signed(value: int, bits: int, align: int = 1) -> bool:
    """Whether `value` is a multiple of `align` that two's complement of `bits` bits holds."""
    limit = 1 << (bits - 1)
    return -limit <= value < limit and value % align == 0


def require_signed(value: int, bits: int, where: str, what: str, align: int = 1) -> int:
    """`value`, or LinkError when `bits` do not hold it or it is no multiple of `align`."""
    if not fits_signed(value, bits, align):
        raise LinkError(
            f"{what} is out of reach",
            where=where,
            found=f"a distance of {value:#x}",
            expected=f"at most {bits} bits with sign" + (f", a multiple of {align}" if align > 1 else ""),
            advice="put the reserve nearer to the guest's text",
        )
    return value


def require_unsigned(value: int, bits: int, where: str, what: str, advice: str = "") -> int:
    """`value`, or LinkError when it is negative or `bits` do not hold it."""
    if value < 0 or value >> bits:
        raise LinkError(
            f"{what} does not fit its field",
            where=where,
            found=f"{value:#x}",
            expected=f"0 to {(1 << bits) - 1:#x}, {bits} bits",
            advice=advice,
        )
    return value
