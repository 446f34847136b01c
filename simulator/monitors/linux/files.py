"""File descriptors: the console and memory files.

Source: Linux 6.1, mm/memfd.c, fs/open.c, fs/read_write.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.monitors.linux import abi
from simulator.monitors.linux.address_space import Backing, Frames, LinuxError

if TYPE_CHECKING:
    from collections.abc import Callable

CONSOLE = "console"


class Files:
    """0, 1 and 2 are the console, whose input is at its end; others are memory files."""

    def __init__(self, frames: Frames, put: Callable[[bytes], object]) -> None:
        self._frames = frames
        self._put = put
        self._open: dict[int, str | Backing] = {0: CONSOLE, 1: CONSOLE, 2: CONSOLE}

    def find(self, number: int) -> str | Backing:
        """Return what a descriptor is. Raises LinuxError EBADF."""
        if number not in self._open:
            raise LinuxError(abi.EBADF)
        return self._open[number]

    def memory_file(self, number: int) -> Backing:
        """Return a memory file's pages. Raises LinuxError: EBADF, or ENODEV for what cannot be mapped."""
        file = self.find(number)
        if isinstance(file, str):
            raise LinuxError(abi.ENODEV)
        return file

    def create(self) -> int:
        """memfd_create: return the descriptor."""
        number = next(number for number in range(len(self._open) + 1) if number not in self._open)
        self._open[number] = Backing(self._frames, size_len=0)
        return number

    def truncate(self, number: int, size_len: int) -> None:
        """Ftruncate. Raises LinuxError."""
        file = self.find(number)
        if isinstance(file, str) or size_len >> 63:
            raise LinuxError(abi.EINVAL)
        file.drop(size_len + abi.PAGE_LEN - 1 >> abi.PAGE_SHIFT, 1 << 62)
        file.size_len = size_len

    def write_at(self, number: int, data: bytes, offset: int) -> int:
        """pwrite64 to a memory file, inside its size. Raises LinuxError."""
        file = self.find(number)
        if isinstance(file, str):
            raise LinuxError(abi.ESPIPE)
        if file.size_len is None or offset + len(data) > file.size_len:
            raise LinuxError(abi.EFBIG)
        file.store(offset, data)
        return len(data)

    def write(self, number: int, data: bytes) -> int:
        """Write to the console. Raises LinuxError for what is not a console."""
        if self.find(number) != CONSOLE:
            raise LinuxError(abi.EINVAL)
        self._put(data)
        return len(data)

    def read(self, number: int) -> bytes:
        """Read: the console's input is at its end."""
        if self.find(number) != CONSOLE:
            raise LinuxError(abi.EINVAL)
        return b""

    def close(self, number: int) -> None:
        """Close. Raises LinuxError."""
        self.find(number)
        del self._open[number]
