"""Linux 6.1, configurations and layouts, bound for xen, as PV dom0: Xen builds the domain, and Linux boots in it."""

import subprocess
from pathlib import Path

import pytest
from xen_machine import run_on_xen

import previrt

BUILD = Path(__file__).resolve().parents[2] / "fixtures" / "linux" / "build.sh"
LAST = "previrt: initramfs reached"


@pytest.mark.parametrize(("name", "layout"), [("small", "high"), ("full", "high"), ("small", "low")])
def test_linux_boots_to_its_initramfs(name: str, layout: str, tmp_path: Path) -> None:
    command: list[str | Path] = [BUILD, "--config", name, "--layout", layout]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    directory = Path(built.strip())
    report = previrt.link(directory / "vmlinux", "xen", output=tmp_path / "linux.xen")
    assert report.bound == report.sites > 3000
    run = run_on_xen(
        tmp_path / "linux.xen",
        "console=ttyS0",
        folder=tmp_path,
        dom0_mib=128,
        initrd=directory / "initramfs.cpio",
        until=LAST,
    )
    assert any("Linux version 6.1" in line for line in run.lines), run.console[-20:]
    assert any(LAST in line for line in run.lines), run.console[-20:]
