"""Writing the output: whole or not at all, input intact, nothing left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elfwriter import Site, make_image

import previrt
from linker.plan.make import make_plan
from linker.plan.patches import Plan

COMMAND = [sys.executable, "-m", "linker.commands.link"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
NOBODY = 65534
SITES = [Site("fa"), Site("f4")] * 20


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    return path


def run(*arguments: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, env=ENVIRONMENT, **how)  # type: ignore[call-overload,no-any-return]


def assert_nothing_happened(guest: Path, before: bytes) -> None:
    assert guest.read_bytes() == before
    assert list(guest.parent.iterdir()) == [guest]


def test_input_is_not_output(guest: Path) -> None:
    before = guest.read_bytes()
    alias = guest.with_name("alias")
    alias.hardlink_to(guest)
    for output in (guest, alias):
        done = run(guest, "-t", "bare", "-o", output)
        assert (done.returncode, guest.read_bytes()) == (2, before)
        assert done.stderr == f"previrt-link: {output}: input and output are the same file; say --in-place\n"


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_odd_outputs_are_refused(guest: Path, kind: str) -> None:
    output = guest.with_name(kind)
    output.mkdir() if kind == "directory" else os.mkfifo(output)
    done = run(guest, "-t", "bare", "-o", output)
    assert done.returncode == 2
    assert str(output) in done.stderr


def test_output_behind_a_link_is_replaced_and_the_link_kept(guest: Path) -> None:
    pointer, real = guest.with_name("pointer"), guest.with_name("real")
    real.write_text("old")
    pointer.symlink_to(real.name)
    previrt.link(guest, "bare", output=pointer)
    assert pointer.is_symlink()
    assert real.read_bytes()[:4] == b"\x7fELF"


def run_without_rights(guest: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """As someone who may read the image and nothing more; root must become someone else first, modules loaded."""
    guest.parent.chmod(0o555)
    guest.chmod(0o444)
    become = f"os.setgroups([]); os.setresgid(*[{NOBODY}] * 3); os.setresuid(*[{NOBODY}] * 3)"
    script = (
        "import os, sys, linker.commands.link\n"
        "linker.commands.link.main([sys.argv[1], '-t', 'bare', '--dry-run', '--quiet'])\n"
        f"{become if os.geteuid() == 0 else ''}\n"
        "sys.exit(linker.commands.link.main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, guest, *arguments], check=False, capture_output=True, text=True, env=ENVIRONMENT
    )
    guest.parent.chmod(0o755)
    return done


@pytest.fixture
def public_guest() -> Iterator[Path]:
    """A guest where everyone may go; pytest's own directories are private."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "guest"
        path.write_bytes(make_image(SITES))
        yield path


def test_no_write_permission(public_guest: Path) -> None:
    guest = public_guest
    before = guest.read_bytes()
    done = run_without_rights(guest, "-t", "bare")
    assert (done.returncode, done.stderr) == (
        1,
        f"previrt-link: {guest}: {guest}.bare: cannot write: Permission denied; "
        "nothing was written, the input is intact\n",
    )
    done = run_without_rights(guest, "-t", "bare", "--in-place")
    assert (done.returncode, done.stderr) == (1, f"previrt-link: {guest}: {guest}: cannot write: Permission denied\n")
    assert_nothing_happened(guest, before)


def test_disk_full(guest: Path) -> None:
    """A limit on file size stops the write as a full disk does."""
    before = guest.read_bytes()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))

    done = run(guest, "-t", "bare", preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr == (
        f"previrt-link: {guest}: {guest}.bare: cannot write: File too large; nothing was written, the input is intact\n"
    )
    done = run(guest, "-t", "bare", "--in-place", preexec_fn=limit)
    assert done.returncode == 1
    assert_nothing_happened(guest, before)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=str
)
@pytest.mark.parametrize("where", ["linker.image.write._write_all", "linker.image.write._take_over"])
def test_killed_while_writing(guest: Path, number: signal.Signals, status: int, where: str) -> None:
    """The process is stopped inside the write, then killed there."""
    before = guest.read_bytes()
    module, name = where.rsplit(".", 1)
    script = (
        f"import sys, time, linker.commands.link, {module} as m\n"
        f"real = m.{name}\n"
        "def slow(*a):\n"
        "    real(*a)\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        f"m.{name} = slow\n"
        "sys.exit(linker.commands.link.main(sys.argv[1:]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, guest, "-t", "bare", "--in-place"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(number)
    assert process.wait(10) == status
    assert "Traceback" not in process.stderr.read()
    assert_nothing_happened(guest, before)


def test_file_system_without_unnamed_files(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where O_TMPFILE is missing a named temporary file does, and vanishes when the write fails."""
    real_open = os.open

    def refuse(path: str | Path, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    previrt.link(guest, "bare")
    bound = Path(f"{guest}.bare")
    assert sorted(guest.parent.iterdir()) == [guest, bound]
    bound.unlink()
    before = guest.read_bytes()
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(previrt.LinkError, match="cannot write: No space left on device"):
        previrt.link(guest, "bare")
    assert_nothing_happened(guest, before)


def test_image_that_changes_while_it_is_linked_is_refused(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old bytes are compared again at the moment of writing."""

    def meddle(request: Any) -> Plan:
        plan = make_plan(request)
        request.memory[0x1000:0x1001] = b"\xfb"
        return plan

    monkeypatch.setattr("linker.bind.phases.make_plan", meddle)
    before = guest.read_bytes()
    with pytest.raises(previrt.LinkError, match="site changed while it was being linked: found fb 90"):
        previrt.link(guest, "bare")
    assert_nothing_happened(guest, before)


def test_output_appears_at_once(guest: Path) -> None:
    """Nobody ever sees half a file under the output's name."""
    output = guest.with_name("out")
    process = subprocess.Popen([*COMMAND, guest, "-t", "bare", "-o", output, "-q"], env=ENVIRONMENT)
    size = len(guest.read_bytes())
    while process.poll() is None:
        if output.exists():
            assert output.stat().st_size == size
        time.sleep(0.001)
    assert output.stat().st_size == size
