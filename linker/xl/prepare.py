"""The work on what the domain's owner wrote: choose, copy out of the disk, bind. All files are open already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from linker import log
from linker.errors import LinkError
from linker.image.file import peek
from linker.image.read import read_image
from linker.quick.tuples import NamedTuple
from linker.sites.formats import SECTION_RECORDS

if TYPE_CHECKING:
    from linker.image.windows import Sliceable

ELF_MAGIC = b"\x7fELF"
BZIMAGE_MAGIC_OFF, BZIMAGE_MAGIC = 0x202, b"HdrS"  # Linux, Documentation/x86/boot.rst
FILE_LEN_MAX = 1 << 30
PADDING = b"\0" * 3  # between RAM disks: Linux wants each at a multiple of 4


class Task(NamedTuple):
    """What to do, with open descriptors: those of host files and of the copies are None where there is none.

    `kernel_name` is what messages call a kernel of the host.
    """

    target: str
    disk: int | None
    offset: int | None
    entry: str | None
    args: str
    kernel: int | None
    kernel_name: str
    ramdisk: int | None
    kernel_copy: int | None
    ramdisk_copy: int | None


class PreparedDomain(NamedTuple):
    """What was found; the names are the disk's, or the host's for what came from there."""

    kernel: str
    ramdisk: str
    args: str
    bound: bool
    warning: str = ""

    @classmethod
    def from_json(cls, said: object) -> PreparedDomain:
        """What a child process says of it; LinkError when it says something else."""
        if not isinstance(said, dict) or set(said) != set(cls._fields):
            raise LinkError("the work on the disk ended without an answer")
        names = {name: str(said[name]) for name in ("kernel", "ramdisk", "args", "warning")}
        return cls(**names, bound=bool(said["bound"]))


def prepare(task: Task) -> PreparedDomain:
    """Fill the copies. LinkError when there is no kernel, or one that cannot be bound."""
    raw = os.memfd_create("kernel", os.MFD_CLOEXEC)
    try:
        return _prepare(task, raw)
    except OSError as error:  # no room, for one
        raise LinkError(f"cannot copy: {error.strerror}", where=error.filename or "") from None
    finally:
        os.close(raw)


def _prepare(task: Task, raw: int) -> PreparedDomain:
    if task.kernel is not None:
        name, ramdisk, args = task.kernel_name, "", ""
        copy_file(task.kernel, raw)
    else:
        name, ramdisk, args = _from_disk(task, raw)
    if task.ramdisk is not None:
        ramdisk = "the host's"
        if task.ramdisk_copy is not None:
            copy_file(task.ramdisk, task.ramdisk_copy)
    foreign = _bind(raw, name, task)
    warning = f"{name}: {foreign}; handed over as it is" if foreign else ""
    return PreparedDomain(name, ramdisk, " ".join(part for part in (args, task.args) if part), not foreign, warning)


def _from_disk(task: Task, raw: int) -> tuple[str, str, str]:
    from linker.xl.choose import choose

    assert task.disk is not None
    chosen = choose(task.disk, task.offset, task.entry)
    for files in ((chosen.kernel,), chosen.ramdisks):
        length = sum(file.len for file in files)
        if length > FILE_LEN_MAX:
            where = files[-1].path
            raise LinkError("too long", where=where, found=f"{length} bytes", expected=f"at most {FILE_LEN_MAX}")
    chosen.file_system.copy(chosen.kernel, raw)
    if task.ramdisk_copy is not None and task.ramdisk is None:
        for file in chosen.ramdisks:
            chosen.file_system.copy(file, task.ramdisk_copy)
            os.write(task.ramdisk_copy, PADDING[: -file.len % 4])
    return chosen.kernel.path, " ".join(file.path for file in chosen.ramdisks), chosen.args


def _bind(raw: int, name: str, task: Task) -> str:
    """Bind the kernel, or pass one that is not annotated through as it is, and say why it is none."""
    from linker.bind.link import link

    path = Path(f"/proc/self/fd/{raw}")
    try:
        with peek(path) as contents:
            foreign = _why_not_annotated(contents)
        if not foreign:
            report = link(path, task.target, output=task.kernel_copy, dry_run=task.kernel_copy is None)
            log.debug("bound", kernel=name, target=task.target, sites=report.sites, bound=report.bound)
            return ""
    except LinkError as error:
        error.file = name
        raise
    if task.kernel_copy is not None:
        copy_file(raw, task.kernel_copy)
    return foreign


def _why_not_annotated(memory: Sliceable) -> str:
    """Empty for an annotated image."""
    if bytes(memory[BZIMAGE_MAGIC_OFF : BZIMAGE_MAGIC_OFF + 4]) == BZIMAGE_MAGIC:
        return "a bzImage, whose kernel is compressed and cannot be bound: name its vmlinux (ELF) in the boot menu"
    if bytes(memory[:4]) != ELF_MAGIC:
        return "not an ELF file"
    return "" if read_image(memory).section(SECTION_RECORDS) else "not annotated (built without previrt-as)"


def copy_file(source: int, destination: int) -> None:
    """Append a regular file, from its start, to another."""
    done, size = 0, os.fstat(source).st_size
    os.lseek(destination, 0, os.SEEK_END)
    while done < size:
        count = os.sendfile(destination, source, done, size - done)
        if not count:
            raise LinkError("a file became shorter while it was read")
        done += count
