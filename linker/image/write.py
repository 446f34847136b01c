"""Write an output file whole or not at all: a temporary file beside it, then a rename.

    .vmlinux.bare.4711.previrt      the temporary file's name, for as long as it has one: 4711 is the process

Where the file system can, the file has no name until it is complete. A name that is taken is somebody else's, and
another is tried. `leftovers` finds what killed processes left.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linker.image.windows import Bytes

SUFFIX = ".previrt"
STEM_LEN = 220  # bytes of the output's name; with the rest below 255, the longest name there is
TRIES = 100
PIECE_LEN = 1 << 30
# What says what a file contained, and is made anew by who must (Linux, IMA and EVM).
OF_CONTENTS = ("security.ima", "security.evm")
WITHOUT_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
INTACT = "nothing was written, the input is intact"


def nothing() -> None:
    """Nobody wants to know."""


def write_whole(
    output: Path | int,
    contents: Bytes,
    mode: int,
    *,
    durable: bool = False,
    announce: Callable[[], None] = nothing,
    like: int | None = None,
) -> None:
    """Make `output` these bytes: all of them, or nothing is left behind. LinkError when it cannot be done.

    `durable` waits for the disk, so that after a power failure `output` is the old file or the new one. `announce` is
    called when all but the name is done; what it raises keeps the output from appearing. `like` is an open file whose
    owner and extended attributes `output` gets. An `output` that is open already is filled; its mode is its owner's.
    """
    if isinstance(output, int):
        try:
            _write_all(output, contents)
        except OSError as error:
            raise LinkError(f"cannot write: {error.strerror}", where=f"descriptor {output}") from None
        announce()
        return
    with _replacing(output, durable=durable, announce=announce) as descriptor:
        _write_all(descriptor, contents)
        if like is not None:
            _take_over(like, descriptor, output)
        os.fchmod(descriptor, mode)  # behind the change of owner, which takes some bits away


@contextmanager
def _replacing(output: Path, *, durable: bool, announce: Callable[[], None]) -> Iterator[int]:
    """A descriptor to write to, whose file becomes `output` when the block ends well and vanishes when it does not."""
    named: Path | None = None
    try:
        directory = os.open(output.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            descriptor, named = _open_temporary(output)
            try:
                yield descriptor
                if durable:
                    os.fsync(descriptor)
                if named is None:
                    named = _name(descriptor, directory, output)
            finally:
                os.close(descriptor)
            announce()
            named.rename(output)
            if durable:
                sync_directory(output.parent)
        finally:
            os.close(directory)
    except BaseException as error:
        if named is not None:
            with suppress(OSError):
                named.unlink()
        if isinstance(error, OSError):
            raise LinkError(f"cannot write: {error.strerror}", where=str(output), advice=INTACT) from None
        raise


def _take_over(like: int, descriptor: int, output: Path) -> None:
    """Give a file the owner, the group and the extended attributes of another; LinkError when it may not have them."""
    there, mine = os.fstat(like), os.fstat(descriptor)
    what = "owner"
    try:
        if (there.st_uid, there.st_gid) != (mine.st_uid, mine.st_gid):
            os.fchown(descriptor, there.st_uid, there.st_gid)
        with _where_supported():
            had = set(os.listxattr(descriptor))
            for what in os.listxattr(like):
                value = os.getxattr(like, what)
                if what not in OF_CONTENTS and not (what in had and os.getxattr(descriptor, what) == value):
                    os.setxattr(descriptor, what, value)
    except OSError as error:
        raise LinkError(
            f"cannot keep the {what} of the file to be replaced: {error.strerror}",
            where=str(output),
            advice=f"write another file, with --output; {INTACT}",
        ) from None


@contextmanager
def _where_supported() -> Iterator[None]:
    """A file system without extended attributes has none to keep."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def leftovers(output: Path, start: bytes) -> list[Path]:
    """Temporary files that writers of `output`, killed between naming and renaming them, left beside it.

    They are this user's, no process of their number runs, and they begin with `start`, or are empty: a file that
    somebody else named alike is none of them.
    """
    pattern = re.compile(re.escape(f".{_stem(output)}.") + r"(\d+)(?:-\d+)?" + re.escape(SUFFIX))
    found = []
    with suppress(OSError):
        for path in sorted(output.parent.iterdir()):
            match = pattern.fullmatch(path.name)
            if match and not _runs(int(match[1])) and _is_ours(path, start):
                found.append(path)
    return found


def _runs(process: int) -> bool:
    if process in (0, os.getpid()):  # whoever had this process's number before
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_ours(path: Path, start: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        return is_plain and os.pread(descriptor, len(start), 0) in (b"", start)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _stem(output: Path) -> str:
    return os.fsdecode(os.fsencode(output.name)[:STEM_LEN])


def _names(output: Path) -> Iterator[Path]:
    """Names for the temporary file, the usual one first."""
    first = f".{_stem(output)}.{os.getpid()}"
    yield output.with_name(f"{first}{SUFFIX}")
    for number in range(1, TRIES):
        yield output.with_name(f"{first}-{number}{SUFFIX}")


def _name(descriptor: int, directory: int, output: Path) -> Path:
    """Name an open file that has no name."""
    for path in _names(output):
        with suppress(FileExistsError):
            # Only linkat with AT_SYMLINK_FOLLOW names an open file; Python takes it when given a directory.
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=directory, follow_symlinks=True)
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _open_temporary(output: Path) -> tuple[int, Path | None]:
    """A file in the output's directory; without a name where possible, so that not even SIGKILL leaves it behind."""
    try:
        return os.open(output.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), None
    except OSError as error:
        if error.errno not in WITHOUT_TMPFILE:
            raise
    for path in _names(output):
        with suppress(FileExistsError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _write_all(descriptor: int, contents: Bytes) -> None:
    done = 0
    with memoryview(contents) as view:
        while done < len(view):
            done += os.pwrite(descriptor, view[done : done + PIECE_LEN], done)
