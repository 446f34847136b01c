"""previrt-verify on Linux 6.1: bytes and branches on every target, and on x86-64 what sites do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from linux_kernel import build

import previrt
from linker.verification.prove import prove

# CPU seconds for the static proof of some 3,400 sites: 0.5 as measured, on a loaded machine.
STATIC_CPU_S = 3


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_linux_is_proven(tmp_path: Path, target: str) -> None:
    vmlinux = build("small").vmlinux
    report = previrt.link(vmlinux, target, anyway=target == "lol", output=tmp_path / "bound")
    start = time.process_time()
    static = prove(tmp_path / "bound", original=vmlinux, run=False)
    assert time.process_time() - start < STATIC_CPU_S
    assert static.failures == ()
    assert static.sites == {name: dict(forms) for name, forms in sorted(report.forms.items())}
    proof = prove(tmp_path / "bound")
    assert proof.failures == ()
    assert proof.runs is not None
    forms = sum(run.forms for run in proof.runs)
    not_run = sum(sum(run.not_run.values()) for run in proof.runs)
    assert sum(run.runs for run in proof.runs) > 80
    if target == "lol":  # nearly all: but what sleeps, traps, or goes to 32-bit code
        assert not_run <= 5 < 150 < forms


@pytest.mark.parametrize("target", ["lol", "xen", "vnuma"])
def test_linux_for_ia64_is_proven(tmp_path: Path, target: str) -> None:
    vmlinux = build("small", "ia64").vmlinux
    previrt.link(vmlinux, target, output=tmp_path / "bound")
    proof = prove(tmp_path / "bound", original=vmlinux)
    assert proof.failures == ()
    assert sum(sum(forms.values()) for forms in proof.sites.values()) == proof.site_count > 500
