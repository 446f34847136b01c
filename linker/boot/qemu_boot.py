"""What a boot under QEMU is, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linker.bind.report import LinkReport
    from linker.boot.qemu_options import QemuOptions


class GuestBinding(NamedTuple):
    """One binding of the guest in memory.

    resets           how often the machine had been reset before
    patch_seconds    to compare memory with the image and bind it
    paused_seconds   from QEMU found paused to QEMU told to go on; None when the user keeps it paused
    """

    report: LinkReport
    resets: int
    patch_seconds: float
    paused_seconds: float | None


class QemuBoot(NamedTuple):
    """A command line for QEMU, the kernel in it, and who is told of each binding."""

    command: Sequence[str]
    options: QemuOptions
    kernel: Path
    target: str
    tell: Callable[[GuestBinding], None]
