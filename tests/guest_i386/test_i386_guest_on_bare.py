"""The ia32 fixture guest on bare hardware, as QEMU plays it: not bound, and bound to bare; and back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from i386_guest import GUEST, ROOT, compare, machine_lines, run_qemu

import previrt


@pytest.mark.parametrize("cpu", ["max", "pentium3"])
def test_the_transcript_is_the_same_on_every_processor(cpu: str) -> None:
    run = run_qemu(GUEST, cpu=cpu)
    assert not compare(run.lines)
    assert run.status == 0
    assert re.fullmatch(r"done: \d+ checks, 0 failed", run.lines[-1])
    document = (ROOT / "docs" / "fixture-guest.md").read_text().split("## The ia32 guest", 1)[1]
    beginnings = [row.split("`")[1] for row in document.splitlines() if row.startswith("| `")]
    assert {line for line in machine_lines(run.lines) if not line.startswith(tuple(beginnings))} == set()
    assert {b for b in beginnings if not any(line.startswith(b) for line in machine_lines(run.lines))} == set()


def test_bound_to_bare_it_does_the_same(tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    report = previrt.link(GUEST, "bare", output=bound)
    assert report.bound == report.sites > 300
    assert bound.stat().st_size == GUEST.stat().st_size
    assert not compare(run_qemu(bound).lines)


def test_restored_and_bound_again(tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    previrt.link(GUEST, "bare", output=bound)
    previrt.restore(bound, output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == GUEST.read_bytes()
    previrt.link(bound, "bare", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == bound.read_bytes()


def test_bound_in_memory_it_is_the_file(tmp_path: Path) -> None:
    table = previrt.read_table(GUEST)
    memory = bytearray(GUEST.read_bytes())
    previrt.link_buffer(memory, [(w.va, w.len, w.off) for w in table.image.windows], "bare", table=table)
    previrt.link(GUEST, "bare", output=tmp_path / "guest.bare")
    assert bytes(memory) == (tmp_path / "guest.bare").read_bytes()
