"""Bundles: 128 bits, little-endian (Intel Itanium Architecture SDM vol. 3, 3.3 and table 3-9).

bits    0-4   5-45    46-86   87-127
        tmpl  slot 0  slot 1  slot 2

In MLX slots 1 and 2 are one instruction: slot 1 holds its upper bits (the L unit), slot 2 its opcode (the X unit).
"""

from __future__ import annotations

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

BUNDLE_LEN = 16
SLOT_BITS = 41
SLOT_MASK = (1 << SLOT_BITS) - 1
TEMPLATE_BITS = 5


class Template(NamedTuple):
    """Units of the slots, and the slots behind which an instruction group ends."""

    units: str
    stops: tuple[int, ...]

    @property
    def places(self) -> str:
        """The unit of each instruction: in MLX slots 1 and 2 are one."""
        return "MX" if self.units == "MLX" else self.units


# Table 3-9, by number. Numbers that are not here are reserved.
TEMPLATES = {
    0x00: Template("MII", ()),
    0x01: Template("MII", (2,)),
    0x02: Template("MII", (1,)),
    0x03: Template("MII", (1, 2)),
    0x04: Template("MLX", ()),
    0x05: Template("MLX", (2,)),
    0x08: Template("MMI", ()),
    0x09: Template("MMI", (2,)),
    0x0A: Template("MMI", (0,)),
    0x0B: Template("MMI", (0, 2)),
    0x0C: Template("MFI", ()),
    0x0D: Template("MFI", (2,)),
    0x0E: Template("MMF", ()),
    0x0F: Template("MMF", (2,)),
    0x10: Template("MIB", ()),
    0x11: Template("MIB", (2,)),
    0x12: Template("MBB", ()),
    0x13: Template("MBB", (2,)),
    0x16: Template("BBB", ()),
    0x17: Template("BBB", (2,)),
    0x18: Template("MMB", ()),
    0x19: Template("MMB", (2,)),
    0x1C: Template("MFB", ()),
    0x1D: Template("MFB", (2,)),
}
NUMBER_OF = {template: number for number, template in TEMPLATES.items()}


class Bundle(NamedTuple):
    """A template and what stands in its slots: 41 bits each, three of them, in MLX two (the second has 82)."""

    template: Template
    slots: tuple[int, ...]

    @property
    def units(self) -> str:
        """The unit of each of `slots`."""
        return self.template.places


def split(code: bytes) -> Bundle:
    """The bundle in 16 bytes; LinkError when its template is reserved."""
    word = int.from_bytes(code[:BUNDLE_LEN], "little")
    number = word & (1 << TEMPLATE_BITS) - 1
    template = TEMPLATES.get(number)
    if template is None or len(code) < BUNDLE_LEN:
        raise LinkError("no bundle", found=code[:BUNDLE_LEN].hex(" "), expected="16 bytes with a template in use")
    slots = [word >> TEMPLATE_BITS + SLOT_BITS * slot & SLOT_MASK for slot in range(3)]
    if template.units == "MLX":
        slots[1:] = [slots[1] << SLOT_BITS | slots[2]]
    return Bundle(template, tuple(slots))


def join(bundle: Bundle) -> bytes:
    """The 16 bytes of a bundle."""
    slots = bundle.slots
    if bundle.template.units == "MLX":
        slots = (slots[0], slots[1] >> SLOT_BITS, slots[1] & SLOT_MASK)
    word = NUMBER_OF[bundle.template]
    for slot, bits in enumerate(slots):
        word |= bits << TEMPLATE_BITS + SLOT_BITS * slot
    return word.to_bytes(BUNDLE_LEN, "little")
