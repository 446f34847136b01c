"""`--in-place` keeps owner, mode and extended attributes; files of others beside the output are left alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from elfwriter import Site, make_image

import previrt
from linker.image.write import STEM_LEN, leftovers

SITES = [Site("fa"), Site("f4")] * 20
NOBODY = 65534
MARK = b"\x7fELF"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    return path


def no_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: str | Path, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)


@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o4755, 0o2640])
def test_owner_and_mode_survive(guest: Path, mode: int) -> None:
    os.chown(guest, 1234, 4321)
    guest.chmod(mode)
    for target in ("bare", ""):
        before = guest.stat().st_ino
        if target:
            previrt.link(guest, target, in_place=True)
        else:
            previrt.restore(guest, in_place=True)
        status = guest.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 4321, mode)
        assert status.st_ino != before


def test_extended_attributes_survive(guest: Path) -> None:
    try:
        os.setxattr(guest, "user.mark", b"kept")
    except OSError:
        pytest.skip("no extended attributes in this file system")
    previrt.link(guest, "bare", in_place=True)
    assert os.getxattr(guest, "user.mark") == b"kept"


@needs_root
def test_owner_that_cannot_be_kept_is_an_error(guest: Path) -> None:
    """Somebody who may write to the directory, but not give files away."""
    guest.parent.chmod(0o777)
    os.chown(guest, 1234, 4321)
    guest.chmod(0o666)
    for parent in guest.parents:
        if not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o711)
    before = guest.read_bytes()
    script = (
        "import os, sys, linker.commands.link as link\n"
        "link.main([sys.argv[1], '-t', 'bare', '-nq'])\n"
        f"os.setgroups([]); os.setresgid(*[{NOBODY}] * 3); os.setresuid(*[{NOBODY}] * 3)\n"
        "sys.exit(link.main([sys.argv[1], '-t', 'bare', '-iq']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, guest], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        f"previrt-link: {guest}: {guest}: cannot keep the owner of the file to be replaced: Operation not permitted; "
        "write another file, with --output; nothing was written, the input is intact\n",
    )
    assert guest.read_bytes() == before
    assert list(guest.parent.iterdir()) == [guest]


@pytest.mark.parametrize("unnamed", [True, False])
def test_somebody_elses_temporary_file_is_left_alone(
    guest: Path, unnamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that this process would take is taken."""
    if not unnamed:
        no_unnamed_files(monkeypatch)
    taken = guest.with_name(f".guest.bare.{os.getpid()}.previrt")
    taken.write_text("mine")
    previrt.link(guest, "bare")
    assert taken.read_text() == "mine"
    assert sorted(path.name for path in guest.parent.iterdir()) == [taken.name, "guest", "guest.bare"]


def test_leftovers_are_ours(guest: Path) -> None:
    """Number of a process that is gone, our file, our contents: else it is somebody else's."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    def beside(number: object, contents: bytes) -> Path:
        path = guest.with_name(f".guest.bare.{number}.previrt")
        path.write_bytes(contents)
        return path

    ours = {beside(gone.pid, MARK + b"..."), beside(f"{gone.pid}-1", b"")}
    beside(f"{gone.pid}-2", b"something else")
    beside(os.getppid(), MARK)
    beside("letters", MARK)
    guest.with_name(f".guest.bare.{gone.pid}-3.previrt").symlink_to(guest)
    guest.with_name(f".guest.bare.{gone.pid}-4.previrt").mkdir()
    if os.geteuid() == 0:
        os.chown(beside(f"{gone.pid}-5", MARK), 1234, 4321)
    assert set(leftovers(guest.with_name("guest.bare"), MARK)) == ours


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("length", [STEM_LEN - 1, 255])
def test_long_names(guest: Path, length: int, unnamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file's name is never longer than a name may be."""
    if not unnamed:
        no_unnamed_files(monkeypatch)
    output = guest.with_name("\N{GREEK SMALL LETTER ALPHA}" * (length // 2) + "x" * (length % 2))
    previrt.link(guest, "bare", output=output)
    assert output.read_bytes()[:4] == MARK
    assert len(list(guest.parent.iterdir())) == 2


@pytest.mark.parametrize(
    ("output", "reason"), [("x" * 256, "File name too long"), ("loop", "Too many levels of symbolic links")]
)
def test_names_that_no_file_can_have(guest: Path, output: str, reason: str) -> None:
    guest.with_name("loop").symlink_to("loop")
    path = guest.with_name(output)
    with pytest.raises(previrt.UsageError) as caught:
        previrt.link(guest, "bare", output=path)
    assert str(caught.value) == f"{path}: cannot be the output: {reason}; name another file"
    if output == "loop":
        assert path.is_symlink()


@needs_root
@pytest.mark.parametrize("how", [[], ["-i"]])
def test_full_disk(tmp_path: Path, how: list[str]) -> None:
    """A file system with room for the image and little more."""
    contents = make_image(SITES)
    room = f"size={(len(contents) // 4096 + 6) * 4096}"
    script = (
        f"set -e; mount -t tmpfs -o {room} none {tmp_path}; cat >{tmp_path}/guest; sha256sum <{tmp_path}/guest; "
        f'"$0" -m linker.commands.link {tmp_path}/guest -t bare -q {" ".join(how)} || echo status $?; '
        f"ls -A {tmp_path}; sha256sum <{tmp_path}/guest"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable], input=contents, capture_output=True, check=False
    )
    if b"unshare" in done.stderr or b"mount" in done.stderr:
        pytest.skip("no file systems can be mounted here")
    before, status, names, after = done.stdout.decode().splitlines()
    assert (status, names, after) == ("status 1", "guest", before)
    assert b"cannot write: No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1
