"""The bootloader: opens what it needs with the rights it has, lets the work be done, hands the result over at the end.

Only the last step, one write to `--output`, makes xl take anything.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from linker.commands.say import say, warn
from linker.errors import LinkError, UsageError
from linker.xl import DEFAULT_DIRECTORY, PROGRAM
from linker.xl.disk import open_disk
from linker.xl.hand_over import Copy, HandOver, format_hand_over
from linker.xl.prepare import PreparedDomain, Task, prepare

if TYPE_CHECKING:
    import argparse

COMMAND_LINE_LEN = 1024  # Xen's public header xen.h, MAX_GUEST_CMDLINE


def run(request: argparse.Namespace) -> None:
    """What `previrt-xl` does. LinkError when nothing is handed over."""
    _check(request)
    with ExitStack() as stack:
        if request.list_entries:
            _list_entries(request, stack.enter_context(open_disk(request.disk)))
            return
        output = _open_output(request.output, stack)
        task = _task(request, stack)
        if request.not_really:
            found = _prepare(request.runas, task)
            ramdisk_name = f"<ramdisk:{found.ramdisk}>" if found.ramdisk else ""
            what = HandOver(f"<kernel:{found.kernel}>", ramdisk_name, found.args)
            _write(output, format_hand_over(what, request.output_format))
            return
        directory = _directory(request.output_directory)
        copies = [Copy(directory, f"boot_{what}.") for what in ("kernel", "ramdisk")]
        kept = False
        try:
            kernel, ramdisk = copies
            prepared = _prepare(
                request.runas, task._replace(kernel_copy=kernel.descriptor, ramdisk_copy=ramdisk.descriptor)
            )
            _warn_of_length(prepared.args)
            has_ramdisk = bool(os.fstat(ramdisk.descriptor).st_size)
            what = HandOver(kernel.keep(), ramdisk.keep() if has_ramdisk else "", prepared.args)
            _write(output, format_hand_over(what, request.output_format))
            kept = True
        finally:
            for copy in copies if not kept else copies[has_ramdisk + 1 :]:
                copy.drop()


def _check(request: argparse.Namespace) -> None:
    from linker.registry import targets

    if request.target not in targets():
        raise UsageError(f"unknown target {request.target}", expected=" ".join(targets()))
    if request.runas is not None and request.runas <= 0:
        raise UsageError("--runas is for a user other than root", found=str(request.runas))
    if request.offset is not None and request.offset < 0:
        raise UsageError("--offset is negative", found=str(request.offset))
    if request.output_directory is not None and not Path(request.output_directory).is_dir():
        raise UsageError("not an existing directory", where=request.output_directory)


def _task(request: argparse.Namespace, stack: ExitStack) -> Task:
    """Everything that is opened is opened here, with the rights the command was started with."""
    kernel, ramdisk = (None if path is None else _open_file(path, stack) for path in (request.kernel, request.ramdisk))
    return Task(
        target=request.target,
        disk=None if request.kernel is not None else stack.enter_context(open_disk(request.disk)),
        offset=request.offset,
        entry=request.entry,
        args=request.args,
        kernel=kernel,
        kernel_name=request.kernel or "",
        ramdisk=ramdisk,
        kernel_copy=None,
        ramdisk_copy=None,
    )


def _open_file(path: str, stack: ExitStack) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise LinkError(f"cannot open: {error.strerror}", where=path) from None
    stack.callback(os.close, descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise LinkError("is not a regular file", where=path)
    return descriptor


def _open_output(path: str | None, stack: ExitStack) -> int:
    if path in (None, "-"):
        return sys.stdout.fileno()
    try:
        # libxl has made it; older tools make a FIFO. Nothing but writing is done with it.
        descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LinkError(f"cannot write: {error.strerror}", where=str(path)) from None
    stack.callback(os.close, descriptor)
    return descriptor


def _directory(path: str | None) -> Path:
    directory = Path(path or DEFAULT_DIRECTORY)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(f"cannot make the directory: {error.strerror}", where=str(directory)) from None
    return directory.absolute()


def _prepare(uid: int | None, task: Task) -> PreparedDomain:
    from linker.xl.restricted import in_child, load_all

    load_all(task.target)
    prepared = PreparedDomain.from_json(in_child(lambda: prepare(task)._asdict(), uid))
    if prepared.warning:
        warn(PROGRAM, f"warning: {prepared.warning}")
    return prepared


def _warn_of_length(args: str) -> None:
    if len(args) >= COMMAND_LINE_LEN:
        seen = COMMAND_LINE_LEN - 1
        warn(PROGRAM, f"warning: the command line has {len(args)} characters; a PV domain sees {seen}")


def _write(output: int, text: bytes) -> None:
    """All of it at once, so that there is no half of it."""
    try:
        count = os.write(output, text)
    except OSError as error:
        raise LinkError(f"cannot write the output: {error.strerror}") from None
    if count != len(text):
        raise LinkError("the output was not taken whole", found=f"{count} bytes", expected=str(len(text)))


def _list_entries(request: argparse.Namespace, disk: int) -> None:
    from linker.xl.restricted import in_child

    lines = in_child(lambda: _entry_lines(disk, request.offset), request.runas)
    say(map(str, lines if isinstance(lines, list) else ()))


def _entry_lines(disk: int, off: int | None) -> list[str]:
    from linker.xl.choose import find_menu

    _, menu = find_menu(disk, off)
    lines = []
    for number, entry in enumerate(menu.entries):
        lines += [f"{number}: {entry.title}", f"  kernel: {entry.kernel}", f"  args: {entry.args}"]
        lines += [f"  initrd: {path}" for path in entry.ramdisks]
    return lines
