"""Write an output file whole or not at all: a temporary file beside it, then a rename."""

from __future__ import annotations

import errno
import glob
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from linker.image.windows import Bytes

PAGE_LEN = 4096


def nothing() -> None:
    """Nobody wants to know."""


def pages(ranges: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Half-open byte ranges widened to whole pages, joined where they touch, cut at `size`."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted({(low // PAGE_LEN, -(-high // PAGE_LEN)) for low, high in ranges}):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return [(low * PAGE_LEN, min(high * PAGE_LEN, size)) for low, high in joined]


def write_changed(
    source: int,
    output: Path | int,
    memory: Bytes,
    changed: Iterable[tuple[int, int]],
    mode: int,
    *,
    durable: bool = False,
    announce: Callable[[], None] = nothing,
) -> None:
    """Make `output` the bytes of the open file `source` but for the pages around `changed`, which come from `memory`.

    The kernel copies the file; only changed pages pass through the process. `durable` waits for the disk, so that after
    a power failure `output` is the old file or the new one. `announce` is called when all but the name is done; what it
    raises, and LinkError, leaves nothing behind.
    """
    with _opened(output, mode, durable=durable, announce=announce) as descriptor:
        _copy(source, descriptor, len(memory))
        for low, high in pages(changed, len(memory)):
            _write_all(descriptor, memory[low:high], low)


def write_whole(
    output: Path | int, contents: Bytes, mode: int, *, durable: bool = False, announce: Callable[[], None] = nothing
) -> None:
    """Make `output` these bytes; `durable` and `announce` as above. LinkError leaves nothing behind."""
    with _opened(output, mode, durable=durable, announce=announce) as descriptor:
        _write_all(descriptor, contents[:], 0)


@contextmanager
def _opened(output: Path | int, mode: int, *, durable: bool, announce: Callable[[], None]) -> Iterator[int]:
    """A descriptor to write to: one that `_replacing` gives, or an open file's own, whose mode is its owner's."""
    if not isinstance(output, int):
        with _replacing(output, mode, durable=durable, announce=announce) as descriptor:
            yield descriptor
        return
    try:
        yield output
    except OSError as error:
        raise LinkError(f"cannot write: {error.strerror}", where=f"descriptor {output}") from None
    announce()


@contextmanager
def _replacing(output: Path, mode: int, *, durable: bool, announce: Callable[[], None]) -> Iterator[int]:
    """A descriptor to write to, whose file becomes `output` when the block ends well and vanishes when it does not."""
    named: Path | None = None
    try:
        directory = os.open(output.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            descriptor, named = _open_temporary(output)
            try:
                yield descriptor
                os.fchmod(descriptor, mode)
                if durable:
                    os.fsync(descriptor)
                if named is None:
                    named = output.with_name(f".{output.name}.{os.getpid()}.previrt")
                    # Only linkat with AT_SYMLINK_FOLLOW names an open file; Python takes it when given a directory.
                    os.link(f"/proc/self/fd/{descriptor}", named, src_dir_fd=directory, follow_symlinks=True)
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
            raise LinkError(
                f"cannot write: {error.strerror}", where=str(output), advice="nothing was written, the input is intact"
            ) from None
        raise


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def leftovers(output: Path) -> list[Path]:
    """Temporary files that writers of `output`, killed between naming and renaming them, left beside it."""
    return sorted(output.parent.glob(f".{glob.escape(output.name)}.*.previrt"))


def _open_temporary(output: Path) -> tuple[int, Path | None]:
    """A file in the output's directory; without a name where possible, so that not even SIGKILL leaves it behind."""
    try:
        return os.open(output.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), None
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    import tempfile  # rarely needed, and slow to start

    descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", suffix=".previrt", dir=output.parent)
    return descriptor, Path(name)


def _copy(source: int, target: int, size: int) -> None:
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, size - done, done, done)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
                raise
            os.lseek(target, done, os.SEEK_SET)
            count = os.sendfile(target, source, done, size - done)
        if not count:
            raise LinkError("the image became shorter while it was read", advice="link again, undisturbed")
        done += count


def _write_all(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    left = memoryview(data)
    while left:
        count = os.pwrite(descriptor, left, offset)
        left, offset = left[count:], offset + count
