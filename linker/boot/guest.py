"""A kernel in guest-physical memory: compared with its file, then bound in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.bind.buffer import link_buffer, read_table
from linker.errors import LinkError, naming
from linker.image.file import open_image
from linker.image.load_map import file_map, physical_map

if TYPE_CHECKING:
    from pathlib import Path

    from linker.bind.report import LinkReport
    from linker.image.windows import Window, WritableBytes
    from linker.table.guest import GuestTable

CHUNK_LEN = 1 << 20


class PhysicalGuest:
    """A kernel that a loader puts at its segments' physical addresses, once or again and again.

    The contents of the segments are kept as they were when this was made: a loader that keeps its own copy (QEMU) loads
    that again even if the file has changed since.
    """

    def __init__(self, path: Path, target: str) -> None:
        """Read the image's table and segments, and try the binding. LinkError for an image that cannot be bound."""
        self._path, self._target = path, target
        with naming(path), open_image(path) as file:
            contents = bytes(file.memory)
            self.table: GuestTable = read_table(contents)
            bound = self.table.annotations.bound
            if bound is not None and bound.target:
                raise LinkError(
                    f"already bound to {bound.target}",
                    expected="an image as annotated",
                    advice=f"start it without previrt-boot, or give the original back: previrt-link --restore {path}",
                )
            self.load_map: list[Window] = physical_map(self.table)
            self._segments = [
                (load.pa, contents[load.off : load.off + load.len]) for load in self.table.image.loads if load.len
            ]
            # Tried on a copy: what is wrong is said before a machine waits, and nothing is left to be imported then.
            link_buffer(bytearray(contents), file_map(self.table), target, table=self.table)

    @property
    def end_pa(self) -> int:
        """The physical address behind everything the loader fills."""
        return max((load.pa + load.memory_len for load in self.table.image.loads), default=0)

    def patch(self, memory: WritableBytes) -> LinkReport:
        """Bind the guest in `memory`, whose first byte is physical address 0; LinkError and nothing written."""
        with naming(self._path):
            self._compare(memory)
            return link_buffer(memory, self.load_map, self._target, table=self.table)

    def _compare(self, memory: WritableBytes) -> None:
        """The loader must have put every segment where its program header says."""
        for start_pa, contents in self._segments:
            for low in range(0, len(contents), CHUNK_LEN):
                want = contents[low : low + CHUNK_LEN]
                found = memory[start_pa + low : start_pa + low + len(want)]
                if found != want:
                    raise _differs(start_pa + low, bytes(found), want)


def _differs(pa: int, found: bytes, want: bytes) -> LinkError:
    at = next((n for n, (one, other) in enumerate(zip(found, want, strict=False)) if one != other), len(found))
    return LinkError(
        "guest memory does not hold this image",
        where=f"physical address {pa + at:#x}",
        found=found[at : at + 8].hex(" ") or "the end of memory",
        expected=want[at : at + 8].hex(" "),
        advice="start the image itself, uncompressed; if it is not the one -kernel names, name it with --kernel",
    )
