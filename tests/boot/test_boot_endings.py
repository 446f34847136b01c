"""QEMU's ends are previrt-boot's: the status a guest asks for, panics, and machines of other shapes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from boot_qemu import GUEST, PC, Monitor, bindings, run, segments_of, started, wait_for
from port_guest import make_port_guest

import previrt

DEBUG_EXIT, PANIC = 0x501, 0x505  # QEMU's devices isa-debug-exit and pvpanic
QUIET = ["-M", "pc", "-accel", "tcg", "-m", "32", "-nic", "none", "-display", "none", "-monitor", "none"]


@pytest.mark.parametrize(
    ("port", "value", "arguments", "status"),
    [
        (DEBUG_EXIT, 3, ["-device", "isa-debug-exit"], 7),
        (DEBUG_EXIT, 60, ["-device", "isa-debug-exit"], 121),
        (PANIC, 1, ["-device", "pvpanic"], 0),
        (PANIC, 1, ["-device", "pvpanic", "-action", "panic=exit-failure"], 1),
    ],
)
def test_the_status_is_what_it_is_without(
    port: int, value: int, arguments: list[str], status: int, tmp_path: Path
) -> None:
    guest = make_port_guest(tmp_path, port, value)
    qemu = ["qemu-system-x86_64", *QUIET, *arguments, "-kernel", str(guest)]
    alone = subprocess.run(qemu, stdin=subprocess.DEVNULL, check=False, timeout=60, capture_output=True)
    done = run(*QUIET, *arguments, "-kernel", guest, options=("-v",))
    assert done.returncode == alone.returncode == status
    assert "1 sites bound" in done.stderr


@pytest.mark.parametrize("arguments", [["-action", "panic=pause"], ["-no-shutdown"]], ids=" ".join)
def test_a_panic_that_is_to_pause_pauses(arguments: list[str], tmp_path: Path) -> None:
    guest = make_port_guest(tmp_path, PANIC, 1)
    with (
        Monitor(tmp_path) as monitor,
        started(*QUIET, *monitor.arguments, *arguments, "-device", "pvpanic", "-kernel", guest) as boot,
    ):
        wait_for(lambda: monitor.status() == "guest-panicked", "no panic")
        assert boot.poll() is None
        monitor("quit")
        assert boot.wait() == 0


@pytest.mark.parametrize("shape", [["-M", "q35", "-m", "3G"], ["-M", "microvm", "-m", "5G"], ["-M", "pc", "-m", "33"]])
def test_machines_with_and_without_a_hole_in_memory(shape: list[str], tmp_path: Path) -> None:
    previrt.link(GUEST, "bare", output=tmp_path / "bound")
    report = tmp_path / "report"
    with (
        Monitor(tmp_path) as monitor,
        started(*PC, *shape, *monitor.arguments, "-S", "-kernel", GUEST, options=("--report", report)),
    ):
        wait_for(lambda: bool(bindings(report)), "not bound")
        assert monitor.segments(GUEST, tmp_path) == [data for _, data in segments_of(tmp_path / "bound")]
        monitor("quit")


def test_qemu_and_its_first_arguments_may_be_configured(tmp_path: Path) -> None:
    guest, config = make_port_guest(tmp_path, DEBUG_EXIT, 2), tmp_path / "previrt.toml"
    program = tmp_path / "my-qemu"
    program.write_text('#!/bin/sh\nexec qemu-system-x86_64 "$@"\n')
    program.chmod(0o755)
    words = ", ".join(f'"{word}"' for word in [*QUIET, "-device", "isa-debug-exit"])
    config.write_text(f'[qemu]\nprogram = "{program}"\narguments = [{words}]\n')
    assert run("-kernel", guest, options=("--config", config)).returncode == 5
    config.write_text('[qemu]\nprogram = "/nowhere"\n')
    done = run(*QUIET, "-kernel", guest, options=("--config", config))
    assert (done.returncode, "cannot run /nowhere" in done.stderr) == (2, True)
