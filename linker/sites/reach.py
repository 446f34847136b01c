"""The one range check of everything that is written as a signed displacement."""

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
