"""Hostile images: whatever bytes are changed, only LinkErrors come out, and what is bound can be read and restored.

PREVIRT_FUZZ_SECONDS says how long (CI: 60).
"""

from __future__ import annotations

import os
import random
import struct
import time
from pathlib import Path

import pytest
from elfwriter import Site, make_image
from fuzz_mutate import seed
from fuzz_oracles import Case
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import previrt

SECONDS = float(os.environ.get("PREVIRT_FUZZ_SECONDS", "10"))
SITES = [Site("fa"), Site("0f20d8"), Site("fb", flags=2), Site("0f011d00000000", 12)]
INTERESTING = (0, 1, 2, 7, 8, 15, 16, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1, 0x401000, 0x402000)


def bound_seed() -> bytes:
    """An image that says it is bound, with room to undo in use."""
    undo = b"\x01\xfa".ljust(16, b"\0") + b"\x03\x0f\x20\xd8".ljust(16, b"\0") + bytes(32)
    image = bytearray(make_image(SITES, contents={".afterburn.undo": undo}))
    note = bytes(image).index(b"previrt\0" + bytes(40)) + 8
    struct.pack_into("<16sIIQQ", image, note, b"lol", 1, 0, 0x401000, 4)
    return bytes(image)


SEEDS = (
    make_image(SITES, part_len=0x18000, space_len=512),
    make_image(SITES[:2], bits=32, version1=False, reserve=False),
    make_image(SITES, reserve=False),
    bound_seed(),
)
LINKED = seed("image", SEEDS[0], "bare", "lol", "xen")


def hot_bytes(seed: bytes) -> list[int]:
    """Where changes matter: everything but the reserve and the gaps between parts."""
    return [n for n in range(len(seed)) if seed[n] not in (0, 0xCC)] + list(range(0x1000, 0x1040))


HOT = [hot_bytes(seed) for seed in SEEDS]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    which = draw(st.integers(0, len(SEEDS) - 1))
    image = bytearray(SEEDS[which])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.sampled_from(HOT[which])) if draw(st.booleans()) else draw(st.integers(0, len(image) - 8))
        width = draw(st.sampled_from((1, 2, 4, 8)))
        value = draw(st.sampled_from(INTERESTING)) if draw(st.booleans()) else draw(st.integers(0, 255))
        image[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    if draw(st.integers(0, 9)) == 0:
        del image[draw(st.integers(0, len(image) - 1)) :]
    return bytes(image)


def check(directory: Path, image: bytes, number: int) -> None:
    """Bind to a target, list, restore; what is refused leaves nothing, what is taken reads well and restores.

    `number` chooses the target and what else is tried (tests/fuzz/fuzz_oracles.py).
    """
    path = directory / "guest"
    outcome = Case(LINKED, image, directory, path, random.Random(number)).run()
    assert not outcome.findings, outcome.findings[0]
    for act in (lambda: previrt.restore(path), lambda: previrt.list_sites(path)):
        try:
            act()
        except previrt.LinkError as error:
            assert str(error)
        assert path.read_bytes() == image
    for left in directory.iterdir():
        assert left.name in ("guest", "bound", "guest.restored", "restored", "original", "again")
        left.unlink()


def test_only_link_errors_come_out(tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    tried = 0

    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated())
    def one_round(image: bytes) -> None:
        nonlocal tried
        if time.monotonic() < end:
            tried += 1
            check(tmp_path, image, tried)

    while time.monotonic() < end:
        one_round()
    assert tried > SECONDS * 5, "too slow to find anything"


@pytest.mark.parametrize("which", range(len(SEEDS)))
def test_every_hot_byte_set_to_all_ones(tmp_path: Path, which: int) -> None:
    for at in [n for n in HOT[which] if n < 0x200 or n > len(SEEDS[which]) - 0x400]:
        image = bytearray(SEEDS[which])
        image[at] = 0xFF
        check(tmp_path, bytes(image), at)
