"""An image file, read once: what is linked is one state of the file, and that state is still there at the end.

    open     fstat, read into private memory, fstat: the same, or the file was written meanwhile
    ...      all phases work on that memory; nothing maps the file, so one that is cut cannot end the process
    output   `require_unchanged`, then the name: the path leads to the same file, with the same size and time

A file system's clock is coarse: of a file written a moment ago the time may stay the same when it is written again. Of
such a one a digest is compared too.
"""

from __future__ import annotations

import mmap
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from linker.errors import LinkError, naming
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_IMAGE_LEN = 1 << 32
COARSE_NS = 50_000_000  # several ticks of any kernel's clock
HUGE_PAGE_LEN = 1 << 21
CHUNK_LEN = 1 << 30
MACHINE_OFF = 18  # e_machine
UNDISTURBED = "link again, undisturbed"


class OpenFile(NamedTuple):
    """An image file, open. `memory` is a private copy: what is changed in it never reaches the file.

    `status` None: there is no file. `digest`: of a file that was written just before it was read.
    """

    memory: mmap.mmap
    descriptor: int
    mode: int
    path: Path | None = None
    status: os.stat_result | None = None
    digest: bytes | None = None

    def require_unchanged(self) -> None:
        """LinkError unless the path still leads to the file that was read, as it was then."""
        if self.path is None or self.status is None:
            return
        try:
            now = os.stat(self.path)  # noqa: PTH116 - what pathlib adds is not worth its time
        except OSError as error:
            raise _changed(f"it cannot be found any more ({error.strerror})") from None
        _require_same(self.status, now)
        if self.digest is not None and _digest(_read(self.descriptor, now.st_size)) != self.digest:
            raise _changed("other contents")


class FileBytes:
    """An open file as something to take slices of, read as they are taken: for a look at the headers of a large one."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytes:
        """The bytes; LinkError when the file has become shorter."""
        start, end, _ = key.indices(self._size)
        parts = []
        while start < end:
            part = os.pread(self._descriptor, min(end - start, CHUNK_LEN), start)
            if not part:
                raise _shorter()
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def open_image(path: Path) -> Iterator[OpenFile]:
    """Read a regular, non-empty file; LinkError for anything else, and for one that changes while it is read."""
    with _opened(path) as (descriptor, status):
        if status.st_size > LONGEST_IMAGE_LEN:
            raise LinkError("file is too long", found=f"{status.st_size} bytes", expected=f"up to {LONGEST_IMAGE_LEN}")
        memory = _read(descriptor, status.st_size)
        _require_same(status, os.fstat(descriptor))
        is_new = time.time_ns() - status.st_mtime_ns < COARSE_NS
        digest = _digest(memory) if is_new else None
        try:
            yield OpenFile(memory, descriptor, stat.S_IMODE(status.st_mode), path, status, digest)
        finally:
            with suppress(BufferError):  # an error on its way holds views of it, and takes them along
                memory.close()


@contextmanager
def peek(path: Path) -> Iterator[FileBytes]:
    """A regular, non-empty file, read piece by piece; LinkError for anything else."""
    with _opened(path) as (descriptor, status):
        yield FileBytes(descriptor, status.st_size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise LinkError(f"cannot open: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise LinkError("is a directory", expected="an ELF image")
        if not stat.S_ISREG(status.st_mode):
            raise LinkError("is not a regular file", expected="an ELF image")
        if status.st_size == 0:
            raise LinkError("file is empty", expected="an ELF image")
        yield descriptor, status
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> mmap.mmap:
    """`size` bytes of a file in memory of their own."""
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if size >= HUGE_PAGE_LEN:
            memory.madvise(mmap.MADV_HUGEPAGE)  # a large image is read in half the time
    except OSError as error:
        raise LinkError(f"no memory for it: {error.strerror}", found=f"{size} bytes") from None
    with memoryview(memory) as view:
        done = 0
        while done < size:
            try:
                count = os.preadv(descriptor, [view[done : done + CHUNK_LEN]], done)
            except OSError as error:
                raise LinkError(f"cannot read: {error.strerror}") from None
            if not count:
                raise _shorter()
            done += count
    return memory


def _digest(memory: mmap.mmap) -> bytes:
    import hashlib  # rarely needed

    return hashlib.blake2b(memory).digest()


def _require_same(before: os.stat_result, now: os.stat_result) -> None:
    if (before.st_dev, before.st_ino) != (now.st_dev, now.st_ino):
        raise _changed("another file under its name")
    if before.st_size != now.st_size:
        raise _changed(f"{now.st_size} bytes", str(before.st_size))
    if before.st_mtime_ns != now.st_mtime_ns:
        raise _changed("a later time of modification")


def _changed(found: str, expected: str = "") -> LinkError:
    return LinkError("the file changed while it was in use", found=found, expected=expected, advice=UNDISTURBED)


def _shorter() -> LinkError:
    return LinkError("the file became shorter while it was read", advice=UNDISTURBED)


def read_machine(path: Path) -> int:
    """The ELF machine number of a file, whatever else it is; LinkError for one that is not ELF."""
    with naming(path), peek(path) as contents:
        ident = contents[:4]
        if ident != b"\x7fELF":
            raise LinkError("not an ELF file", found=f"magic {ident.hex(' ')}", expected="7f 45 4c 46")
        return int.from_bytes(contents[MACHINE_OFF : MACHINE_OFF + 2], "little")
