"""previrt-run on an image that is not bound: bound in memory, entered; no file is written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from boot_qemu import GUEST, ROOT, is_running, wait_for

import previrt

TRANSCRIPT = (ROOT / "fixtures" / "x86_64" / "transcript.txt").read_text().splitlines()
IA64_GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"
PREVIRT_RUN = [sys.executable, "-m", "linker.commands.run"]


def previrt_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PREVIRT_RUN, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_unbound_guest_runs_as_a_process() -> None:
    before = GUEST.read_bytes()
    done = previrt_run(GUEST)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("~ ")]
    assert lines == [line for line in TRANSCRIPT if not line.startswith("~ ")]
    assert GUEST.read_bytes() == before


def test_no_file_is_written(tmp_path: Path) -> None:
    """strace sees every file opened by previrt-run and by the guest it becomes."""
    trace = tmp_path / "trace"
    strace = [
        "strace",
        "-f",
        "-s",
        "999",
        "-o",
        str(trace),
        "-e",
        "trace=openat,open,creat,linkat,rename,memfd_create,execve",
    ]
    python = [
        sys.executable,
        "-B",
        "-m",
        "linker.commands.run",
    ]  # Python's own cache of compiled modules is not the subject
    done = subprocess.run([*strace, *python, GUEST, "--append", "notests"], cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0
    calls = trace.read_text()
    assert not re.search(r"O_CREAT|O_TMPFILE|creat\(|linkat\(|rename\(", calls)
    opened = re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", [^)]*(?:O_WRONLY|O_RDWR)', calls)
    assert set(opened) <= {"/dev/null", "/dev/tty"}
    assert re.search(r'memfd_create\("guest.elf"', calls)
    assert re.search(r'execve\("/proc/self/fd/\d+", \["[^"]*guest.elf"', calls)


def test_it_runs_like_the_bound_file(tmp_path: Path) -> None:
    """Its report of a crash too, which takes symbols from its own file."""
    previrt.link(GUEST, "lol", output=tmp_path / "guest.lol")
    of_file, of_memory = (previrt_run(image, "--append", "notests panic") for image in (tmp_path / "guest.lol", GUEST))
    assert of_memory.returncode == of_file.returncode == 1
    assert "guest stopped: triple fault" in of_memory.stderr
    assert of_memory.stderr == of_file.stderr


def test_an_image_that_nobody_may_execute_or_change_runs(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    guest.write_bytes(GUEST.read_bytes())
    guest.chmod(0o400)
    assert previrt_run(guest, "--append", "notests").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["guest"]


@pytest.mark.parametrize("target", ["xen", "lol", "bare"])
def test_an_ia64_image_is_bound_in_memory_for_its_monitor(target: str) -> None:
    command = [*PREVIRT_RUN, str(IA64_GUEST), "--target", target]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        said = Path(f"/proc/{running.pid}/cmdline").read_text().split("\0")
        assert re.fullmatch(r"/proc/self/fd/\d+", said[-2]), "a file in memory"
        running.kill()
    wait_for(lambda: not is_running(running.pid), "it runs on")
    assert first.startswith("previrt fixture guest"), first


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([GUEST, "--target", "vax"], 2, "unknown target 'vax'"),
        ([GUEST, "--target", "vnuma"], 2, "target 'vnuma' does not support x86_64"),
        ([GUEST, "--target", "xen"], 1, "an image bound to xen does not run as a process of this machine"),
        (["bound", "--target", "bare"], 2, "bound: the image is bound to lol already: found --target bare; give the"),
        ([GUEST, "--memory", "1M"], 2, "16M to 16G"),
        ([__file__], 1, "not an ELF file"),
    ],
)
def test_what_cannot_be_run(arguments: list[str | Path], status: int, message: str, tmp_path: Path) -> None:
    previrt.link(GUEST, "lol", output=tmp_path / "bound")
    done = previrt_run(*(tmp_path / "bound" if word == "bound" else word for word in arguments))
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
