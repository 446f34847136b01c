"""Signed saturation, which the recorded states do not cover: values worked out from the manual's definitions."""

import pytest

from linker.sites.ia64.isa.decoder import decode_bundle
from simulator import arithmetic
from simulator.cpu import FR_NATVAL
from simulator.floating import from_integer, join_halves


@pytest.mark.parametrize(
    ("name", "a", "b", "size", "value"),
    [
        ("padd.sss", 0x7FFF_8000_0001_FFFF, 0x0001_FFFF_0002_FFFF, 2, 0x7FFF_8000_0003_FFFE),
        ("padd.sss", 0x7F80_0000_0000_0001, 0x01FF_0000_0000_0002, 1, 0x7F80_0000_0000_0003),
        ("psub.sss", 0x8000_7FFF_0000_0091, 0x0001_FFFF_0200_0000, 2, 0x8000_7FFF_FE00_0091),
        ("padd.uuu", 0xFFFF_0001_0000_8000, 0x0001_0001_0000_8000, 2, 0xFFFF_0002_0000_FFFF),
        ("psub.uuu", 0x0000_0001_0005_8000, 0x0001_0001_0002_8001, 2, 0x0000_0000_0003_0000),
        ("padd.uus", 0x0000_FFFF_0005_8000, 0xFFFF_0001_FFFF_8000, 2, 0x0000_FFFF_0004_0000),
    ],
)
def test_parallel_add_saturates(name: str, a: int, b: int, size: int, value: int) -> None:
    assert arithmetic.parallel_add(name, a, b, size) == value


def test_pack_saturates_to_half_the_width() -> None:
    assert arithmetic.pack(0x7FFF_8000_0001_FFFF, 0x0080_FF7F_007F_FF80, 2, to_signed=True) == 0x7F80_7F80_7F80_01FF
    assert arithmetic.pack(0x7FFF_8000_0001_FFFF, 0x0100_0000_00FF_0080, 2, to_signed=False) == 0xFF00_FF80_FF00_0100


def test_shift_and_add_saturates_each_step() -> None:
    assert arithmetic.parallel_shift_add(0x4000_0001_C000_8000, 1, 0, left=True) == 0x7FFF_0002_8000_8000
    assert arithmetic.parallel_shift_add(0x8000_0004_FFFF_0000, 2, 0x8000_0001_0001_7FFF, left=False) == (
        0x8000_0002_0000_7FFF
    )


def test_mlx_is_two_instructions() -> None:
    bundle = decode_bundle(0x60000000000000000000000100000005)
    assert bundle is not None
    assert [slot.key if slot else None for slot in bundle.slots] == ["nop.m", None, "movl"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fmix.lr", 0x81234567_89ABCDEF),
        ("fmix.l", 0x81234567_01234567),
        ("fmix.r", 0x7654321F_89ABCDEF),
        ("fsxt.l", 0xFFFFFFFF_01234567),
        ("fsxt.r", 0x00000000_89ABCDEF),
    ],
)
def test_halves_of_significands(kind: str, expected: int) -> None:
    """SDM volume 3, fmix and fsxt: the first source gives the left half or its sign, the second the right half."""
    first, second = from_integer(0x81234567_7654321F), from_integer(0x01234567_89ABCDEF)
    assert join_halves(kind, first, second) == from_integer(expected)
    assert join_halves(kind, first, FR_NATVAL) == FR_NATVAL
