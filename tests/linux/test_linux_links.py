"""Linking the Linux kernels: each site has a form for each target, links can be undone and repeated, and are quick."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from linux_kernel import ROOT, Kernel, build

import previrt

BENCHMARK = ROOT / "benchmarks" / "link_speed.py"


def test_every_site_has_a_form_on_lol(kernel: Kernel) -> None:
    report = previrt.link(kernel.vmlinux, "lol", anyway=True, dry_run=True)
    assert (report.bound, report.skipped, report.dropped) == (len(kernel.sites), 0, 0)
    shares = Counter[str]()
    for forms in report.forms.values():
        shares.update(forms)
    assert set(shares) == {"inline", "call", "jump", "native", "trap"}
    assert sum(shares.values()) == report.sites
    assert shares["inline"] + shares["call"] + shares["jump"] > 0.3 * report.sites
    traps = {name for name, forms in report.forms.items() if "trap" in forms}
    assert traps == {"int3", "ud2"}, "the guest's own traps, nothing else"


def test_lol_says_that_it_cannot_run_it(kernel: Kernel) -> None:
    with pytest.raises(previrt.LinkError, match=r"cannot run on lol: a process of Linux has no such address"):
        previrt.link(kernel.vmlinux, "lol", dry_run=True)


def test_bind_rebind_and_restore_are_exact(kernel: Kernel, tmp_path: Path) -> None:
    bare, lol, again, back = (tmp_path / name for name in ("bare", "lol", "again", "back"))
    previrt.link(kernel.vmlinux, "bare", output=bare)
    previrt.link(bare, "lol", anyway=True, output=lol)
    previrt.link(kernel.vmlinux, "lol", anyway=True, output=again)
    assert lol.read_bytes() == again.read_bytes()
    previrt.link(lol, "bare", output=again)
    assert bare.read_bytes() == again.read_bytes()
    previrt.restore(lol, output=back)
    assert back.read_bytes() == kernel.vmlinux.read_bytes()


@pytest.mark.parametrize("name", ["small"])
def test_a_link_costs_less_than_half_of_lief_and_little_memory(name: str) -> None:
    """Ratios taken in one run; the absolute aims depend on the machine, `make bench` prints them."""
    command = [sys.executable, str(BENCHMARK), "--json", str(build(name).vmlinux)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    ratios = [
        figure for figure in json.loads(printed)["figures"] if figure["unit"] == "x" and figure["aim"] is not None
    ]
    assert len(ratios) == 2
    assert all(figure["value"] < figure["aim"] for figure in ratios), ratios
