"""The input is read once: what changes it during a link ends the link, and no output is a mixture of two states."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from elfwriter import Site, make_image

import previrt
from linker.image.file import open_image, peek
from linker.plan.make import make_plan
from linker.plan.patches import Plan, Request

COMMAND = [sys.executable, "-m", "linker.commands.link"]
SITES = [Site("fa"), Site("f4")] * 20
LATER_NS = 3_000_000_000


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """An image that nobody has touched for a while."""
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, part_len=0x20000))
    age(path)
    return path


def age(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - LATER_NS))


def overwrite(path: Path) -> None:
    """As `cp other path`."""
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)


def replace(path: Path) -> None:
    """As `mv other path`."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def cut(path: Path) -> None:
    os.truncate(path, 100)


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite_within_a_tick(path: Path) -> None:
    """The clock of the file system has not moved on."""
    status = path.stat()
    overwrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (overwrite, "found a later time of modification"),
    (replace, "found another file under its name"),
    (cut, "found 100 bytes, expected "),
    (extend, " bytes, expected "),
    (Path.unlink, "found it cannot be found any more (No such file or directory)"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("target", ["bare", "lol", ""])
def test_changed_input_ends_the_link(
    guest: Path, target: str, change: Callable[[Path], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the phases, when all has been read."""
    if not target:
        previrt.link(guest, "bare", in_place=True)
        age(guest)

    def meddle(request: Request) -> Plan:
        change(guest)
        return make_plan(request)

    monkeypatch.setattr("linker.bind.phases.make_plan", meddle)
    with pytest.raises(previrt.LinkError) as caught:
        if target:
            previrt.link(guest, target)
        else:
            previrt.restore(guest)
    assert "the file changed while it was in use: " in str(caught.value)
    assert message in str(caught.value)
    assert str(caught.value).endswith("; link again, undisturbed")
    assert {path.name for path in guest.parent.iterdir()} <= {"guest"}


def test_file_written_a_moment_ago_is_compared(guest: Path) -> None:
    """The time of modification does not tell: the file was written twice within a tick of the clock."""
    os.utime(guest)
    with open_image(guest) as file:
        file.memory[0:4] = b"bind"  # a link changes its copy
        file.require_unchanged()
        overwrite_within_a_tick(guest)
        with pytest.raises(previrt.LinkError, match="other contents"):
            file.require_unchanged()


def test_overwritten_while_output_is_written(guest: Path) -> None:
    """What once gave a mixture: `cp` to the input while the kernel copies it. strace makes the writing last."""
    output = guest.with_name("out")
    calls = "copy_file_range,sendfile,pwrite64"
    strace = ["strace", "-qq", "-o", os.devnull, "-e", f"trace={calls}"]
    strace += ["-e", f"inject={calls}:delay_exit=1500000"]
    process = subprocess.Popen(
        [*strace, *COMMAND, guest, "-t", "bare", "-o", output, "-q"], stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not is_written(process.pid, guest.parent):
        time.sleep(0.01)
    overwrite(guest)
    _, said = process.communicate()
    assert said.startswith(f"previrt-link: {guest}: the file changed while it was in use: found a later time")
    assert (process.returncode, list(guest.parent.iterdir())) == (1, [guest])


def is_written(tracer: int, directory: Path) -> bool:
    """Whether the process under strace has its output open, which has no name yet."""
    children = Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()
    opened = []
    for child in children:
        for entry in Path(f"/proc/{child}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                opened.append(entry.readlink())
    return any(path.parent == directory and path.name.startswith("#") for path in opened)


@pytest.mark.parametrize("count", [0, 1])
def test_file_cut_while_it_is_read(guest: Path, count: int) -> None:
    """One that is cut between any two system calls gives a message: nothing maps it."""
    contents = make_image(SITES * 20_000)
    guest.write_bytes(contents)
    age(guest)
    script = (
        "import os, sys, linker.image.file as file, linker.commands.link as link\n"
        "real = os.preadv\n"
        "def slow(*arguments):\n"
        f"    os.truncate({str(guest)!r}, 4096) if {count} == 0 else None\n"
        "    done = real(*arguments)\n"
        f"    os.truncate({str(guest)!r}, 4096)\n"
        "    return done\n"
        "os.preadv = slow\n"
        "sys.exit(link.main([sys.argv[1], '-t', 'bare']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, guest], capture_output=True, text=True, check=False)
    assert done.returncode != -signal.SIGBUS
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "the file became shorter while it was read" in done.stderr or "4096 bytes" in done.stderr
    assert list(guest.parent.iterdir()) == [guest]


def test_file_cut_under_a_look_at_its_headers(guest: Path) -> None:
    with peek(guest) as contents:
        assert contents[:4] == b"\x7fELF"
        cut(guest)
        with pytest.raises(previrt.LinkError, match="became shorter"):
            contents[50:200]


def test_longest_image(guest: Path) -> None:
    """A limit that is named, before memory is taken."""
    os.truncate(guest, 5 << 40)
    with pytest.raises(
        previrt.LinkError, match="file is too long: found 5497558138880 bytes, expected up to 4294967296"
    ):
        previrt.link(guest, "bare")
