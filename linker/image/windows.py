"""Where bytes that run at an address stand in a file or buffer."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LAST_VA = 1 << 64


class Sliceable(Protocol):
    """What can be read by slices: a file (`linker.image.file.FileBytes`), or memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes | bytearray | memoryview: ...


class Bytes(Sliceable, Protocol):
    """Memory that can be read by slices: bytes, bytearray, mmap, memoryview."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class WritableBytes(Bytes, Protocol):
    """Memory that can be written by slices too."""

    def __setitem__(self, key: slice, value: bytes, /) -> None: ...


class Window(NamedTuple):
    """`len` bytes that stand at `off` in a file or buffer and run at `va`."""

    va: int
    len: int
    off: int


def check_windows(windows: Iterable[Window], what: str = "segments") -> tuple[Window, ...]:
    """By address; LinkError when two share an address or a byte."""
    by_va = sorted(windows)
    for one, other in pairwise(by_va):
        if one.va + one.len > other.va:
            raise LinkError(f"{what} overlap", where=f"{other.va:#x}", expected="disjoint addresses")
    by_off = sorted(windows, key=lambda window: window.off)
    for one, other in pairwise(by_off):
        if one.off + one.len > other.off:
            raise LinkError(f"{what} share bytes", where=f"offset {other.off:#x}", expected="disjoint contents")
    return tuple(by_va)


def offset_of(windows: Sequence[Window], va: int, length: int) -> int | None:
    """Where `length` bytes at `va` stand, None when no window holds them all. `windows` are by address and disjoint."""
    window = window_at(windows, va)
    return None if window is None or va + length > window.va + window.len else va - window.va + window.off


def window_at(windows: Sequence[Window], va: int) -> Window | None:
    """The window that begins at `va` or is the last to begin before, though it may have ended."""
    index = bisect_right(windows, (va, LAST_VA, LAST_VA)) - 1
    return windows[index] if index >= 0 else None
