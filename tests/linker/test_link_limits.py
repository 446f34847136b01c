"""Every field of fixed width has a limit, and an image beyond it gets an error that names it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from elfwriter import TEXT_VA, Site, annotation_note, make_image, note

import previrt
from linker.hypervisors.base import TableContext
from linker.hypervisors.shared import x86_64_vcpu
from linker.hypervisors.shared.x86_64_rows import SITE, SITE_ROWS, SITE_SPAN_LEN, unpack_sites
from linker.hypervisors.xen.ia64 import Ia64Binding
from linker.objects.bind import _packed
from linker.sites.codec import Instruction

LIDT, LIDT_ROOM = "0f011d", 16


def lidts(count: int) -> list[Site]:
    """`lidt n(%rip)`, each of its own operand."""
    return [Site(LIDT + struct.pack("<i", n * 32).hex(), LIDT_ROOM) for n in range(count)]


@pytest.mark.parametrize("target", ["lol", "xen"])
def test_more_distinct_instructions_than_rows(tmp_path: Path, target: str) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(lidts(66_000)))
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(path, target)
    assert (
        "too many distinct sensitive instructions for the module's site table: found 66000, expected at most 65536"
        in (str(caught.value))
    )
    assert list(tmp_path.iterdir()) == [path]


def context(**how: Any) -> TableContext:
    """What a binding's tables are made from."""
    insn = Instruction(1, "cli", b"\xfa", "cli", 0)
    good = TableContext((insn,), (), 0x1000, 0, 0, 0, 0, 0, 0, {}, 0)
    return good._replace(**how)


def test_the_last_row_and_the_last_byte_are_in_reach() -> None:
    insn = Instruction(1, "cli", b"\xfa", "cli", 0)
    last = SITE_SPAN_LEN - 9
    made = x86_64_vcpu.vcpu_tables(
        context(instructions=(insn,) * SITE_ROWS, sites=((0, 8, 0), (last, last + 8, SITE_ROWS - 1)))
    )
    assert list(unpack_sites(made.data[-SITE.size :])) == [(last, SITE_ROWS - 1, 8)]
    for sites, many in ((((0, 8, 0), (last + 1, last + 9, 0)), 1), (((0, 8, 0),), SITE_ROWS + 1)):
        with pytest.raises(previrt.LinkError, match=r"too far apart|too many distinct"):
            x86_64_vcpu.vcpu_tables(context(instructions=(insn,) * many, sites=sites))


def test_a_break_of_ia64_too_far_from_the_module() -> None:
    insn = Instruction(1, "break", bytes(16), "break.m 5", 0, immediate=5)
    with pytest.raises(previrt.LinkError, match=r"the module's text is out of reach.*64 bits"):
        Ia64Binding().tables(context(instructions=(insn,), sites=((0xE << 60, (0xE << 60) + 32, 0),), text_va=0))


def test_a_reserve_out_of_reach(tmp_path: Path) -> None:
    """Beyond 2 GiB, where no rel32 leads."""
    far_va = TEXT_VA + 0x2000 + (1 << 31)
    image = bytearray(make_image([Site("fa")], part_len=0x18000))
    (count,) = struct.unpack_from("<H", image, 56)
    for n in range(2, 4):
        at = 64 + 56 * n + 16
        va = struct.unpack_from("<Q", image, at)[0] + (1 << 31)
        struct.pack_into("<QQ", image, at, va, va)
    reserve = image.index(struct.pack("<III", 8, 40, 3) + b"previrt\0") + 20
    for at in (reserve, reserve + 16):
        struct.pack_into("<Q", image, at, struct.unpack_from("<Q", image, at)[0] + (1 << 31))
    assert count == 5
    assert struct.unpack_from("<Q", image, reserve)[0] == far_va
    path = tmp_path / "guest"
    path.write_bytes(image)
    with pytest.raises(previrt.LinkError, match=r"out of reach: found a distance of 0x80.*at most 32 bits with sign"):
        previrt.link(path, "xen")
    assert previrt.link(path, "lol", anyway=True).forms == {"cli": {"trap": 1}}  # by its address


def test_an_entry_address_that_the_elf_header_does_not_hold(tmp_path: Path) -> None:
    """Of a 32-bit image whose BOUND note says 64 bits."""
    bound = note(2, struct.pack("<16sIIQQ", b"bare", 0, 0, 1 << 32, 1))
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa")], bits=32, reserve=False, notes=annotation_note(3, 32) + bound))
    with pytest.raises(previrt.LinkError, match=r"the entry after the link does not fit.*0x100000000, expected 0 to"):
        previrt.restore(path)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ((0, 1, 1 << 32, 0), "the symbol's number does not fit its field: found 0x100000000, expected 0 to 0xffffffff"),
        ((0, 1, 1, 1 << 63), "what it is about is out of reach"),
        ((0, 1, 1, -(1 << 63) - 1), "what it is about is out of reach"),
    ],
)
def test_relocations_that_no_entry_holds(entry: tuple[int, int, int, int], match: str) -> None:
    with pytest.raises(previrt.LinkError, match=match):
        _packed([entry])
