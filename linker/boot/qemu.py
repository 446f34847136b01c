"""`previrt-boot qemu`: QEMU started paused, its guest bound in memory, and again after every reset.

    previrt-boot                      QEMU
      memfd  <----- shared ----->  guest RAM (memory-backend-file, share=on)
      socket <------- QMP ------>  monitor on an inherited descriptor

At a reset QEMU loads the original kernel again and would run it. So QEMU is told to take a reboot for a shutdown, and
a shutdown for a pause: the machine stands still, is reset by us, patched, and goes on. No instruction runs unpatched.

    guest reboots -> SHUTDOWN (guest-reset), paused -> reboot=reset, system_reset -> RESET -> reboot=shutdown
                  -> patch -> cont
"""

from __future__ import annotations

import asyncio
import ctypes
import mmap
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

from linker.boot.qemu_options import OURS_ID, QemuOptions
from linker.errors import LinkError, UsageError
from linker.image.memory_file import memory_file, path_of

if TYPE_CHECKING:
    from linker.boot.qemu_boot import QemuBoot

    pass

PR_SET_PDEATHSIG = 1  # linux/prctl.h
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_SIGNALLED = 128  # added to the signal's number, as a shell does


def run(boot: QemuBoot) -> int:
    """Run QEMU to its end; returns its exit status. LinkError, with QEMU gone, when the guest cannot be bound."""
    memory_fd = _guest_memory(boot.options.memory_len)
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = _start(boot, memory_fd, theirs.fileno())
        try:
            with mmap.mmap(memory_fd, boot.options.memory_len) as memory:
                return asyncio.run(_accompany(boot, process, memory, ours))
        finally:
            _end(process)
    finally:
        ours.close()
        os.close(memory_fd)


def _guest_memory(length: int) -> int:
    """A file in memory without a name: gone with the last process that has it."""
    descriptor = memory_file("previrt guest memory")
    try:
        os.ftruncate(descriptor, length)
    except OSError as error:
        os.close(descriptor)
        raise LinkError(f"no memory for the guest: {error.strerror}", expected=f"{length} bytes") from None
    return descriptor


def qemu_arguments(options: QemuOptions, memory_fd: int, monitor_fd: int) -> list[str]:
    """What is put behind the user's own arguments; of contradicting ones QEMU takes the last."""
    memory, monitor = f"{OURS_ID}-ram", f"{OURS_ID}-qmp"
    backend = f"memory-backend-file,id={memory},size={options.memory_len},share=on,mem-path={path_of(memory_fd)}"
    return [
        *("-object", backend),
        *("-machine", f"memory-backend={memory}"),
        *("-m", f"{options.memory_len}B"),
        *("-chardev", f"socket,id={monitor},fd={monitor_fd}"),
        *("-mon", f"chardev={monitor},mode=control"),
        *("-action", "reboot=shutdown,shutdown=pause"),
        "-S",
    ]


def _start(boot: QemuBoot, memory_fd: int, monitor_fd: int) -> subprocess.Popen[bytes]:
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(EXIT_SIGNALLED + signal.SIGTERM)

    command = [*boot.command, *qemu_arguments(boot.options, memory_fd, monitor_fd)]
    try:
        return subprocess.Popen(command, pass_fds=(memory_fd, monitor_fd), preexec_fn=die_with_parent)  # noqa: PLW1509 - one thread
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}", advice="name another with --qemu") from None


async def _accompany(
    boot: QemuBoot, process: subprocess.Popen[bytes], memory: mmap.mmap, monitor: socket.socket
) -> int:
    """Work with QEMU until it ends; the exit status."""
    from linker.boot.qemu_session import Session  # heavy, and QEMU is starting meanwhile

    def forward(number: int) -> None:
        if process.poll() is None:
            process.send_signal(number)

    loop = asyncio.get_running_loop()
    for number in FORWARDED:
        loop.add_signal_handler(number, forward, number)
    ended = asyncio.Event()
    pidfd = os.pidfd_open(process.pid)
    loop.add_reader(pidfd, ended.set)
    session = Session(boot, memory)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(session.run(monitor))
            await ended.wait()
            loop.remove_reader(pidfd)
            await session.qemu_ended()
    except* LinkError as errors:
        raise errors.exceptions[0] from None
    finally:
        os.close(pidfd)
    status = process.wait()
    return session.status or (EXIT_SIGNALLED - status if status < 0 else status)


def _end(process: subprocess.Popen[bytes]) -> None:
    """QEMU must be gone, whatever happened; normally it is."""
    if process.poll() is None:
        process.kill()
        process.wait()
