"""A domain's disk: where on it file systems of the ext family start, with a partition table (MBR, GPT) or without."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.xl.tools import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR_LEN = 512  # partx's unit, whatever the disk's own is
EXT_MAGIC_OFF, EXT_MAGIC = 1024 + 56, b"\x53\xef"  # s_magic of the superblock (Linux, fs/ext4/ext4.h)
MBR_ACTIVE = "0x80"
PARTITIONS_MAX = 128  # as many as a GPT has room for where nobody asks for more
DISK = "an image file or a block device"
KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a character device"}


@contextmanager
def open_disk(path: str) -> Iterator[int]:
    """A descriptor of an image file or block device, for reading. LinkError for anything else, a FIFO say."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise LinkError(f"cannot open the disk: {error.strerror}", where=path) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise LinkError("no disk", where=path, found=KINDS.get(stat.S_IFMT(mode), "something"), expected=DISK)
        yield descriptor
    finally:
        os.close(descriptor)


def is_ext(descriptor: int, off: int) -> bool:
    """Whether a file system of the ext family starts there."""
    try:
        return os.pread(descriptor, len(EXT_MAGIC), off + EXT_MAGIC_OFF) == EXT_MAGIC
    except OSError:
        return False


def file_system_offs(descriptor: int) -> list[int]:
    """Offsets in bytes, the active partition's first as pygrub does. LinkError where there is none."""
    if is_ext(descriptor, 0):
        return [0]
    partitions = _partitions(descriptor)
    found = [off for off in partitions if is_ext(descriptor, off)]
    if not found:
        raise LinkError(
            "no file system that can be read",
            found=f"{len(partitions)} partitions" if partitions else "no partition table",
            expected="ext2, ext3 or ext4, on the disk or in a partition",
        )
    return found


def _partitions(descriptor: int) -> list[int]:
    columns = ["--noheadings", "--raw", "--output", "FLAGS,START"]
    done = run_tool("partx", [*columns, f"/proc/self/fd/{descriptor}"], keep=descriptor)
    rows = [row.split() for row in done.stdout.decode("ascii", "replace").splitlines()]
    found = [(flags != MBR_ACTIVE, int(start) * SECTOR_LEN) for flags, start in rows if start.isdecimal()]
    return [off for _, off in sorted(found[:PARTITIONS_MAX], key=lambda partition: partition[0])]
