"""Linux's modules bound to xen, loaded by Linux bound to xen: their sites reach the module that Linux carries."""

from __future__ import annotations

from pathlib import Path

from linux_kernel import build
from module_machine import APPEND, CPUID, LAST, TRY, make_initramfs, said
from xen_machine import run_on_xen

import previrt
from linker.objects.options import ObjectOptions


def test_modules_say_what_they_say_on_bare(tmp_path: Path) -> None:
    directory = build("full").directory
    kernel = tmp_path / "linux.xen"
    previrt.link(directory / "vmlinux", "xen", output=kernel)
    bound = {}
    for module in (directory / "arch/x86/kernel/cpuid.ko", directory / "module/previrt_try.ko"):
        bound[module.name] = tmp_path / module.name
        report = previrt.link(module, "xen", output=bound[module.name], options=ObjectOptions(kernel))
        assert report.bound == report.sites > 0
    run = run_on_xen(
        kernel,
        APPEND,
        folder=tmp_path,
        dom0_mib=128,
        initrd=make_initramfs(tmp_path, directory, bound),
        until=LAST,
    )
    assert said(run.lines) == [*CPUID, *TRY, LAST], run.console[-40:]
    assert any("previrt_try: ~ no such MSR: -5" in line for line in run.lines), (
        "a fault of the module's, handled by Linux"
    )
