"""previrt-run on ia64 images: the simulator and the target's monitor. LoL images of this machine: tests/lol_x86_64."""

import subprocess
import sys
from pathlib import Path

import pytest

import previrt

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"


def previrt_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def test_an_ia64_image_runs_bound_to_bare_and_unbound(tmp_path: Path) -> None:
    previrt.link(GUEST, "bare", output=tmp_path / "guest.bare")
    unbound = previrt_run(GUEST, "--memory", "128M")
    assert (unbound.returncode, unbound.stderr) == (0, "")
    assert "0 failed" in unbound.stdout.splitlines()[-1]
    bound = previrt_run(tmp_path / "guest.bare", "--statistics")
    assert bound.stdout.splitlines()[-1] == unbound.stdout.splitlines()[-1]
    assert "instructions" in bound.stderr


@pytest.mark.parametrize("options", [["xen"], ["lol"], ["vnuma", "--nodes", "2"]], ids=lambda options: options[0])
def test_an_ia64_image_begins_to_run_on_its_targets_monitor(options: list[str], tmp_path: Path) -> None:
    """The whole transcripts are compared in each target's own tests."""
    target, *more = options
    previrt.link(GUEST, target, output=tmp_path / "guest")
    command = [sys.executable, "-m", "linker.commands.run", str(tmp_path / "guest"), *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        running.terminate()
    assert first.startswith("previrt fixture guest"), first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nodes", "2"], "--nodes is for images bound to vnuma"),
        (["--append", "x"], "--append is not there for ia64 images"),
        (["--memory", "100K"], "memory size is no multiple of 1M"),
    ],
)
def test_what_does_not_fit_is_said(options: list[str], message: str) -> None:
    done = previrt_run(GUEST, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
