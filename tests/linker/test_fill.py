"""Templates filled for one place and for many: the one is the other."""

from __future__ import annotations

import struct

import pytest

from linker.hypervisors.base import Fixup, FixupKind
from linker.plan.fill import FIELDS, fill

FAR_VA = 0x7E7F_8140_0000
PLACES_VA = (FAR_VA, FAR_VA + 0x100, FAR_VA + 0x230)
SYMBOLS_VA = [0x7E7F_8181_1110, 0x7E7F_8182_2220, 0x7E7F_8183_3330]
X86_KINDS = [kind for kind in FixupKind if "ia64" not in FIELDS[kind].hole and kind is not FixupKind.ABS32]


@pytest.mark.parametrize("kind", X86_KINDS)
@pytest.mark.parametrize("each", [True, False], ids=["a symbol each", "one symbol"])
def test_one_place_is_filled_like_many(kind: FixupKind, each: bool) -> None:
    template, fixups = bytes(16), [Fixup(4, "symbol", 8, kind)]
    many = fill(template, fixups, PLACES_VA, lambda _: SYMBOLS_VA if each else SYMBOLS_VA[0], "test")
    for number, place_va in enumerate(PLACES_VA):
        symbol_va = SYMBOLS_VA[number if each else 0]
        resolved = {"symbol": [symbol_va] if each else symbol_va}
        one = fill(template, fixups, [place_va], resolved.__getitem__, "test")
        assert one == many[16 * number : 16 * number + 16]


def test_halves_of_an_address_make_the_address() -> None:
    fixups = [Fixup(0, "symbol", 0, FixupKind.WORD32), Fixup(4, "symbol", 0, FixupKind.HIGH32)]
    for places_va in (PLACES_VA[:1], PLACES_VA):
        filled = fill(bytes(8), fixups, places_va, lambda _: SYMBOLS_VA[0], "test")
        assert {value for (value,) in struct.iter_unpack("<Q", filled)} == {SYMBOLS_VA[0]}
