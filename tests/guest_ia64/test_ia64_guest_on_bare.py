"""The ia64 fixture guest on the simulator: not bound, bound to bare, and broken on purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from ia64_guest import GUEST, Run, compare, simulate, symbols_of

import previrt
from linker.sites.ia64.classes import BUNDLE_LEN, CLASSES

DONE = re.compile(r"done: \d+ checks, 0 failed")
NOP_BUNDLE = ((0x0D) | (1 << 27 << 5) | (1 << 27 << 46) | (1 << 27 << 87)).to_bytes(BUNDLE_LEN, "little")
"""{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }"""


@pytest.fixture(scope="module")
def bare_run() -> Run:
    return simulate(GUEST)


def test_the_transcript_is_the_one_that_is_kept(bare_run: Run) -> None:
    assert not compare(bare_run.lines)
    assert bare_run.status == 0
    assert DONE.fullmatch(bare_run.lines[-1])


def test_what_monitors_may_say_otherwise_is_right_here(bare_run: Run) -> None:
    codes = [line.rpartition(" ")[2] for line in bare_run.machine_lines if line.startswith("user: refused: isr ")]
    assert codes == ["10"] * 8 + ["20"] * 2 + ["10"] * 2
    assert "tpa of nothing: isr 800000000" in bare_run.machine_lines
    assert "disabled f6: Disabled FP-Register, isr 1" in bare_run.machine_lines
    assert "disabled f32: Disabled FP-Register, isr 2" in bare_run.machine_lines
    assert "psr.ss: Single Step, isr 8" in bare_run.machine_lines
    assert "psr.tb: Taken Branch, isr 4" in bare_run.machine_lines
    assert "load, no key: Data Key Miss" in bare_run.machine_lines
    assert "load, key without read: Key Permission" in bare_run.machine_lines


def test_bound_to_bare_it_does_the_same(tmp_path: Path, bare_run: Run) -> None:
    previrt.link(GUEST, "bare", output=tmp_path / "guest.bare")
    assert simulate(tmp_path / "guest.bare") == bare_run


def test_every_class_has_been_run(bare_run: Run) -> None:
    runs = {}
    for line in bare_run.lines:
        match = re.fullmatch(r"intact: (\w+): forms \d+, runs (\d+), differences 0", line)
        if match:
            runs[match[1]] = int(match[2])
    assert set(runs) == {row.name for row in CLASSES} - {"vmsw"}
    assert min(runs.values()) > 0


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("site_tpa", "tpa: result in r8"),
        ("site_ptc_l_under_p17", "ptc_l: what it changes"),
        ("site_break_i", "break_i: what it changes"),
    ],
)
def test_a_site_that_does_nothing_is_found_out(tmp_path: Path, symbol: str, says: str) -> None:
    va = symbols_of(GUEST)[symbol]
    with GUEST.open("rb") as stream:
        code = next(ELFFile(stream).iter_segments("PT_LOAD")).header
    image = bytearray(GUEST.read_bytes())
    at = va - code["p_vaddr"] + code["p_offset"]
    image[at : at + BUNDLE_LEN] = NOP_BUNDLE
    broken = tmp_path / "broken"
    broken.write_bytes(image)
    run = simulate(broken)
    assert run.status == 1
    assert any(line.strip().startswith(says) for line in run.lines)
    assert not DONE.fullmatch(run.lines[-1])
