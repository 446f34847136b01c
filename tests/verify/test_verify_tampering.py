"""Any byte changed in a bound image is found; hostile images bring no traceback.

What no proof can see without the original: bytes that a binding neither writes nor depends on are the original's by
definition. With --original nothing is left.

PREVIRT_FUZZ_SECONDS says how long the hostile images go on (CI: 60).
"""

from __future__ import annotations

import os
import time
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from bound_guests import annotated, bound_guest, is_found
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from linker.bind.examine import examined
from linker.errors import LinkError
from linker.verification.bytes import changeable
from linker.verification.image import BoundImage
from linker.verification.prove import prove

SECONDS = float(os.environ.get("PREVIRT_FUZZ_SECONDS", "10")) / 2
QUICK = settings(
    max_examples=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Parts that are judged without the original. Where a site's instruction stays, it could be another original's; so could
# what .afterburn.undo keeps of an instruction whose form does not depend on its operands, and the entry that was
# saved. A smaller count of bound sites may mean that sites whose form is as annotated were left out.
JUDGED = {"module text", "stubs", "module data", "tables", "note BOUND", "note SPACE", "overwritten sites"}
SAVED_ENTRY_OFF, NOTE_HEADER_LEN = 24, 20


@cache
def parts(arch: str, target: str) -> dict[str, list[tuple[int, int]]]:
    """Ranges of offsets by the part they belong to; sites that hold another code than their instruction apart."""
    found: dict[str, list[tuple[int, int]]] = {}
    with examined(bound_guest(arch, target)) as examination:
        image = BoundImage(examination)
        for low, high, name in changeable(image):
            if low < high:
                found.setdefault(name, []).append((low, high))
        ((low, high),) = found["note BOUND"]
        entry = low + SAVED_ENTRY_OFF
        found["note BOUND"], found["believed"] = [(low, entry)], [(entry, high)]
        if target != "xen":  # which needs its notes, so that a damaged header is no longer room for them
            ((low, high),) = found["note SPACE"]
            found["note SPACE"] = [(low + NOTE_HEADER_LEN, high)]
        found["overwritten sites"] = [
            (site.off, site.off + len(site.present))
            for site in examination.sites
            if site.instruction.code not in site.present
        ]
    return found


def flipped(directory: Path, arch: str, target: str, off: int, bit: int) -> Path:
    contents = bytearray(bound_guest(arch, target).read_bytes())
    contents[off] ^= 1 << bit
    path = directory / "flipped"
    path.write_bytes(contents)
    return path


@pytest.mark.parametrize(
    ("arch", "target"), [("x86_64", "bare"), ("x86_64", "lol"), ("x86_64", "xen"), ("ia64", "lol"), ("ia64", "vnuma")]
)
@QUICK
@given(data=st.data())
def test_a_bit_flipped_in_what_a_binding_writes_is_found(
    tmp_path: Path, arch: str, target: str, data: st.DataObject
) -> None:
    ranges = parts(arch, target)
    judged = JUDGED if target == "bare" else JUDGED | {"entry address"}
    name = data.draw(st.sampled_from(sorted(name for name in judged if ranges.get(name))))
    low, high = data.draw(st.sampled_from(ranges[name]))
    off = data.draw(st.integers(low, high - 1))
    bit = data.draw(st.integers(0, 7))
    assert is_found(flipped(tmp_path, arch, target, off, bit)), f"{name} at {off:#x}, bit {bit}"


@pytest.mark.parametrize(("arch", "target"), [("x86_64", "lol"), ("x86_64", "bare"), ("ia64", "vnuma")])
@QUICK
@given(data=st.data())
def test_any_bit_flipped_is_found_with_the_original(
    tmp_path: Path, arch: str, target: str, data: st.DataObject
) -> None:
    size = bound_guest(arch, target).stat().st_size
    ranges = parts(arch, target)
    if data.draw(st.booleans()):
        low, high = data.draw(st.sampled_from([one for several in ranges.values() for one in several]))
        off = data.draw(st.integers(low, high - 1))
    else:
        off = data.draw(st.integers(0, size - 1))
    bit = data.draw(st.integers(0, 7))
    assert is_found(flipped(tmp_path, arch, target, off, bit), annotated(arch)), f"{off:#x}, bit {bit}"


@pytest.mark.parametrize("change", ["truncated", "longer"])
def test_a_file_of_another_length_is_found(tmp_path: Path, change: str) -> None:
    contents = bound_guest("x86_64", "lol").read_bytes()
    (tmp_path / "guest").write_bytes(contents[:-1] if change == "truncated" else contents + b"\0")
    assert is_found(tmp_path / "guest", annotated("x86_64"))


INTERESTING = (0, 1, 2, 7, 8, 15, 16, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1, 0x400000, 0x418000)


@cache
def hot(arch: str, target: str) -> list[int]:
    """Where changes matter: headers, what a binding writes, tables of sections at the end."""
    size = bound_guest(arch, target).stat().st_size
    ranges = [(0, 0x200), (size - 0x800, size - 8), *chain.from_iterable(parts(arch, target).values())]
    return [n for low, high in ranges for n in range(low, high)]


VALUES = st.one_of(st.sampled_from(INTERESTING), st.integers(0, 255))
EDITS = st.lists(st.tuples(st.integers(0, 1 << 40), st.sampled_from((1, 2, 4, 8)), VALUES), min_size=1, max_size=6)
SEEDS = st.sampled_from([("x86_64", "lol"), ("x86_64", "bare"), ("ia64", "vnuma")])


def test_hostile_images_bring_no_traceback(tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    path = tmp_path / "hostile"

    @settings(QUICK, max_examples=100)
    @given(SEEDS, EDITS)
    def one_round(seed: tuple[str, str], edits: list[tuple[int, int, int]]) -> None:
        if time.monotonic() > end:
            return
        image = bytearray(bound_guest(*seed).read_bytes())
        places = hot(*seed)
        for where, width, value in edits:
            at = places[where % len(places)]
            image[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
        path.write_bytes(image)
        try:
            assert prove(path).to_json()
        except LinkError as error:
            assert str(error)

    while time.monotonic() < end:
        one_round()
