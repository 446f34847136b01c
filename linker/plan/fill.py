"""Fill the holes of a template for many places at once (`linker.hypervisors.base.Fixup`).

template   e8 00 00 00 00 0f 1f 00         call rel32, nopl (%rax)
fixup      offset 1, PC32, symbol - 4
filled     e8 1b 02 00 00 0f 1f 00         at the first place
           e8 0b 02 00 00 0f 1f 00         sixteen bytes on, and so forth
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from linker.hypervisors.base import Fixup, FixupKind
from linker.quick.tuples import NamedTuple
from linker.sites.reach import fits_signed, require_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linker.sites.holes import Hole

WORD_MASK = (1 << 64) - 1
SIGN_64 = 1 << 63


class FixupField(NamedTuple):
    """How a kind of fixup is stored: "module:attribute" of the hole, bits checked (0: none, the hole keeps its own),
    whether P is subtracted, what the value is a multiple of.
    """

    hole: str
    signed_bits: int
    pc_relative: bool
    align: int = 1
    shift: int = 0  # of the value, to the right


FIELDS = {
    FixupKind.PC32: FixupField("linker.sites.holes:INT32", 32, True),
    FixupKind.ABS32: FixupField("linker.sites.holes:INT32", 32, False),
    FixupKind.WORD32: FixupField("linker.sites.holes:WORD32", 0, False),
    FixupKind.HIGH32: FixupField("linker.sites.holes:WORD32", 0, False, shift=32),
    FixupKind.ABS64: FixupField("linker.sites.holes:WORD64", 0, False),
    FixupKind.BRL: FixupField("linker.sites.ia64.holes:BRANCH", 64, True, 16),
    FixupKind.MOVL: FixupField("linker.sites.ia64.holes:IMMEDIATE", 0, False),
}


@cache
def hole_of(kind: FixupKind) -> Hole:
    """Where a kind of fixup is stored."""
    module, _, attribute = FIELDS[kind].hole.partition(":")
    return cast("Hole", getattr(import_module(module), attribute))


def fill(
    template: bytes,
    fixups: Sequence[Fixup],
    places_va: Sequence[int],
    resolve: Callable[[str], int | Sequence[int]],
    name: str,
) -> bytes:
    """The template once for each place, in one string. `resolve` gives a symbol's address, or one for each place.

    LinkError (via `require_signed`) names the place whose fixup does not reach.
    """
    if not fixups:
        return template * len(places_va)
    if len(places_va) == 1:
        return _fill_one(template, fixups, places_va[0], resolve, name)
    filled = bytearray(template * len(places_va))
    stride = len(template)
    for fixup in fixups:
        values = _values(fixup, FIELDS[fixup.kind], places_va, resolve(fixup.symbol), name)
        hole_of(fixup.kind).put(filled, fixup.offset, stride, values)
    return bytes(filled)


def _fill_one(
    template: bytes, fixups: Sequence[Fixup], place_va: int, resolve: Callable[[str], int | Sequence[int]], name: str
) -> bytes:
    """The same for one place, without lists: most groups of a small guest have one site."""
    filled = bytearray(template)
    for fixup in fixups:
        kind, hole, symbol = FIELDS[fixup.kind], hole_of(fixup.kind), resolve(fixup.symbol)
        value = (symbol if isinstance(symbol, int) else symbol[0]) + fixup.addend
        if kind.pc_relative:
            value -= place_va + fixup.offset
        if not kind.signed_bits:
            value = value >> kind.shift & (1 << hole.value_bits) - 1
        else:
            if not kind.pc_relative or kind.signed_bits == 64:
                value = (value + SIGN_64 & WORD_MASK) - SIGN_64
            if not fits_signed(value, kind.signed_bits, kind.align):
                require_signed(value, kind.signed_bits, f"{name} at {place_va:#x}", f"'{fixup.symbol}'", kind.align)
        hole.put(filled, fixup.offset, len(template), (value,))
    return bytes(filled)


def _values(
    fixup: Fixup, kind: FixupField, places_va: Sequence[int], symbol: int | Sequence[int], name: str
) -> Sequence[int]:
    if isinstance(symbol, int):
        value = symbol + fixup.addend
        if kind.pc_relative:
            value -= fixup.offset
            values = [value - va for va in places_va]
        else:
            values = [value] * len(places_va)
    elif kind.pc_relative:
        delta = fixup.addend - fixup.offset
        values = [va - place_va + delta for va, place_va in zip(symbol, places_va, strict=True)]
    else:
        values = [va + fixup.addend for va in symbol]
    if not kind.signed_bits:
        mask = (1 << hole_of(fixup.kind).value_bits) - 1
        return [value >> kind.shift & mask for value in values]
    if not kind.pc_relative or kind.signed_bits == 64:
        values = [(value + SIGN_64 & WORD_MASK) - SIGN_64 for value in values]  # addresses wrap
    if values:
        for extreme in {min(values), max(values)}:
            if not fits_signed(extreme, kind.signed_bits, kind.align):
                where = f"{name} at {places_va[values.index(extreme)]:#x}"
                require_signed(extreme, kind.signed_bits, where, f"'{fixup.symbol}'", kind.align)
    return values
