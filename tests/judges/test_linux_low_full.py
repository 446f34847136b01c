"""The low layout with several CPUs, page-table isolation, mitigations and modules.

`make judges`: CI has no time for a third kernel of this size.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from layout_cost import compare
from linux_kernel import Kernel, build
from module_machine import APPEND, CPUID, LAST, TRY, make_initramfs, said
from xen_machine import run_on_xen

import previrt
from linker.objects.options import ObjectOptions

LIMIT = 1.015  # seen: 1.011, for a page fault
MODULES = ("arch/x86/kernel/cpuid.ko", "module/previrt_try.ko")


@pytest.fixture(scope="module")
def low() -> Kernel:
    return build("full", layout="low")


def bound_modules(low: Kernel, kernel: Path, target: str) -> dict[str, Path]:
    """The build's modules, bound for a bound kernel."""
    bound = {name.rpartition("/")[2]: kernel.parent / name.rpartition("/")[2] for name in MODULES}
    for name, output in zip(MODULES, bound.values(), strict=True):
        previrt.link(low.directory / name, target, output=output, options=ObjectOptions(kernel))
    return bound


def boot(folder: Path, low: Kernel, kernel: Path, modules: dict[str, Path], append: str) -> list[str]:
    """The lines of the console of a machine with two CPUs that loads these modules."""
    command = ["qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"]
    command += ["-smp", "2", "-kernel", str(kernel), "-append", f"{APPEND} {append}"]
    command += ["-initrd", str(make_initramfs(folder, low.directory, modules))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "smp: Brought up 1 node, 2 CPUs" in lines
    assert ("Kernel/User page tables isolation: enabled" in lines) == ("pti=on" in append)
    return lines


@pytest.mark.parametrize("append", ["", "pti=on"])
def test_unbound(low: Kernel, append: str, tmp_path: Path) -> None:
    modules = {Path(name).name: low.directory / name for name in MODULES}
    assert said(boot(tmp_path, low, low.vmlinux, modules, append)) == [*CPUID, *TRY, LAST]


@pytest.mark.parametrize("append", ["", "pti=on"])
def test_bound_to_bare(low: Kernel, append: str, tmp_path: Path) -> None:
    kernel = tmp_path / "linux.bare"
    report = previrt.link(low.vmlinux, "bare", output=kernel)
    assert report.bound == len(low.sites) > 3000
    modules = bound_modules(low, kernel, "bare")
    assert said(boot(tmp_path, low, kernel, modules, append)) == [*CPUID, *TRY, LAST]


def test_bound_to_xen(low: Kernel, tmp_path: Path) -> None:
    kernel = tmp_path / "linux.xen"
    previrt.link(low.vmlinux, "xen", output=kernel)
    initramfs = make_initramfs(tmp_path, low.directory, bound_modules(low, kernel, "xen"))
    run = run_on_xen(kernel, APPEND, folder=tmp_path, dom0_mib=128, initrd=initramfs, until=LAST)
    assert said(run.lines) == [*CPUID, *TRY, LAST], run.console[-40:]


def test_bound_to_lol(low: Kernel, tmp_path: Path) -> None:
    """As a process, of one CPU; where the host has FSGSBASE, else it says so."""
    kernel = tmp_path / "linux.lol"
    previrt.link(low.vmlinux, "lol", output=kernel)
    initramfs = make_initramfs(tmp_path, low.directory, bound_modules(low, kernel, "lol"))
    command: list[str | Path] = [kernel, "-m", "256M", "-i", initramfs, "--", *APPEND.split()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if "for which a process needs FSGSBASE" not in done.stderr:
        assert said(done.stdout.splitlines()) == [*CPUID, *TRY, LAST], done.stdout + done.stderr


def test_the_layout_costs_little(low: Kernel, tmp_path: Path) -> None:
    for name, (here, there) in compare(low, build("full"), tmp_path).items():
        assert here < LIMIT * there, name
