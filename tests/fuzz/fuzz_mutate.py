"""Damage to a good file: a few fields get values that others, edges or neighbours have, or parts change places."""

from __future__ import annotations

import random
from typing import NamedTuple

from fuzz_fields import Shape, shape_of

INTERESTING = (
    *(0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7F, 0x80, 0xFF, 0x100, 0xFFF, 0x1000, 0xFF00, 0xFFF1, 0xFFFE, 0xFFFF, 0x10000),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, 1 << 40, 0x4F << 56, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
    *(0x401000, 0x402000),
)
STEPS = (1, -1, 2, -2, 4, -4, 8, -8, 16, -16, 0x100, -0x100, 0x1000, -0x1000)
# How often a group of fields is hit: what the linker reads most carefully, most often.
WEIGHTS = {
    "header": 3, "programs": 5, "sections": 6, "notes": 6, "tables": 6, "undo": 3, "code": 4, "relocations": 5,
    "symbols": 3, "kept": 3, "other": 2,
}  # fmt: skip


class Seed(NamedTuple):
    """A good file: what it is called, its bytes, the targets to bind it to, where its fields are."""

    name: str
    image: bytes
    targets: tuple[str, ...]
    shape: Shape

    @property
    def is_object(self) -> bool:
        """Whether it is relocatable."""
        return self.image[16] == 1


def seed(name: str, image: bytes, *targets: str) -> Seed:
    """A seed with its fields found."""
    return Seed(name, image, targets, shape_of(image))


def mutated(one: Seed, choose: random.Random) -> bytes:
    """The seed, damaged in one to six places, or one time in fifty not at all."""
    image = bytearray(one.image)
    if choose.random() < 0.02:
        return bytes(image)
    for _ in range(choose.choice((1, 2, 3, 3, 4, 5, 6))):
        if choose.random() < 0.08:
            _rearrange(image, one, choose)
        else:
            _set_field(image, one, choose)
    if choose.random() < 0.02:
        del image[choose.randrange(1, len(image)) :]
    return bytes(image)


def _set_field(image: bytearray, one: Seed, choose: random.Random) -> None:
    groups = list(one.shape.groups)
    (group,) = choose.choices(groups, [WEIGHTS[name] for name in groups])
    field = choose.choice(one.shape.groups[group])
    old = int.from_bytes(image[field.off : field.off + field.width], "little")
    kind = choose.random()
    if kind < 0.3:
        value = choose.choice(INTERESTING)
    elif kind < 0.6:
        value = old + choose.choice(STEPS)
    elif kind < 0.75:
        other = choose.choice(one.shape.groups[choose.choice(groups)])
        value = int.from_bytes(image[other.off : other.off + other.width], "little")
    elif kind < 0.9:
        value = old ^ 1 << choose.randrange(8 * field.width)
    else:
        value = choose.getrandbits(8 * field.width)
    image[field.off : field.off + field.width] = (value % (1 << 8 * field.width)).to_bytes(field.width, "little")


def _rearrange(image: bytearray, one: Seed, choose: random.Random) -> None:
    """Two section headers change places, one is copied over another, or a section's contents over another's."""
    if len(one.shape.sections) < 3:
        return
    this, other = choose.sample(one.shape.sections[1:], 2)
    length = one.shape.section_len
    kind = choose.random()
    if kind < 0.6:
        here, there = (slice(section.header_off, section.header_off + length) for section in (this, other))
        image[here], image[there] = image[there], (image[here] if kind < 0.3 else image[there])
    else:
        count = min(this.len, other.len, 256)
        image[this.off : this.off + count] = image[other.off : other.off + count]
