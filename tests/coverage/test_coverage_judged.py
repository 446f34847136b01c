"""Our sweep against objdump, which knows none of our tables: the same instructions at the same addresses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from objdump_judge import OBJDUMP, sensitive_by_objdump

from linker.bind.uncovered import look_at

ROOT = Path(__file__).resolve().parents[2]
# Enough that a sweep that stops early shows: the guests try every class.
LEAST = {"x86_64": 900, "i386": 60, "ia64": 1600}


def end_of_32_bit_code(guest: Path) -> int:
    """objdump reads all of an image in one mode. The guest's PVH entry stands in front of its 64-bit one."""
    symbols = subprocess.run(["nm", guest], check=True, capture_output=True, text=True).stdout.splitlines()
    return next((int(line.split()[0], 16) for line in symbols if line.endswith(" T startup_64")), 0)


@pytest.mark.parametrize("architecture", LEAST)
def test_a_guest_without_its_table_is_seen_as_objdump_sees_it(architecture: str, tmp_path: Path) -> None:
    """Without the table and its notes nothing is a site, so all that is sensitive is uncovered or exempt."""
    guest = tmp_path / "guest"
    strip = [OBJDUMP[architecture].replace("objdump", "objcopy"), "-R", ".afterburn*", "-R", ".note*", "-R", ".notes*"]
    subprocess.run([*strip, ROOT / "fixtures" / architecture / "guest.elf", guest], check=True)
    coverage = look_at(guest).coverage
    start_va = end_of_32_bit_code(guest)
    found = {row.va: row for row in coverage.uncovered if row.va >= start_va}
    judged = {va: text for va, text in sensitive_by_objdump(guest, architecture).items() if va >= start_va}
    assert coverage.exempt == ()
    assert {hex(va): judged[va] for va in judged.keys() - found.keys()} == {}
    assert {hex(va): found[va].instruction for va in found.keys() - judged.keys()} == {}
    assert len(found) >= LEAST[architecture]
