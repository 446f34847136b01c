"""The image that a link starts from: the file, the original that a grown image keeps, or one with room added."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linker import log
from linker.bind.apply import apply
from linker.bind.phases import Selection, plan_link, read_sites
from linker.bind.undo import find_original, require_annotated
from linker.errors import LinkError, naming
from linker.image.file import open_image
from linker.image.grow import Kept, grow, kept_original
from linker.image.places import speaking
from linker.quick.tuples import NamedTuple
from linker.sites.formats import SECTION_ORIGINAL
from linker.table.decode import decode
from linker.table.guest import GuestTable, read_guest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.image.file import OpenFile
    from linker.image.windows import Bytes
    from linker.table.decode import Sites


class Source(NamedTuple):
    """An image as it will be written: `memory` holds it, `table` describes it, `previous` is what it was bound to.

    `counts`: it was bound so that its sites count their runs.
    `is_file`: memory is a view of the file itself. Otherwise it is the original out of a grown image, or a grown one,
    which then keeps `kept`.
    """

    file: OpenFile
    memory: mmap.mmap
    table: GuestTable
    previous: str
    is_file: bool
    counts: bool = False
    kept: Kept | None = None

    @property
    def is_grown(self) -> bool:
        """Whether `memory` is an image with room added, which keeps its whole original."""
        return self.kept is not None


def original_source(file: OpenFile) -> Source:
    """The file, or the original that a grown image keeps."""
    table = read_guest(file.memory)
    kept = kept_original(table.image, file.memory)
    if kept is not None:
        memory = anonymous(kept.original)
        table = read_guest(memory)
        if kept_original(table.image, memory) is not None:
            raise LinkError(
                "kept original keeps an original itself",
                where=SECTION_ORIGINAL,
                expected="an annotated image",
                advice="link from the original image",
            )
        return Source(file, memory, table, kept.target, is_file=False, counts=kept.counts)
    bound = table.annotations.bound
    return Source(
        file, file.memory, table, bound.target if bound else "", is_file=True, counts=bound is not None and bound.counts
    )


def grown_source(source: Source, target: str, *, counts: bool) -> Source:
    """The image with room for an interface module, for counters and their stubs."""
    table = source.table
    sites = read_sites(source.memory, table, table.image.windows)
    require_annotated(find_original(source.memory, table, sites), table)
    restoring = plan_link(source.memory, table, table.image.windows, None, Selection(), sites=sites)
    apply(restoring, source.memory, restoring.edits)
    original = bytes(source.memory)
    kept = Kept(target, counts, original)
    grown, reserve = grow(kept, len(table.annotations.numbers), restoring.entry_va, table.codec)
    memory = anonymous(grown)
    read = read_guest(memory)
    log.debug("grown", text_va=reserve.text_va, data_va=reserve.data_va, part_len=reserve.text_len)
    table = read._replace(annotations=read.annotations._replace(reserve=reserve))
    return Source(source.file, memory, table, source.previous, is_file=False, counts=counts, kept=kept)


def anonymous(contents: Bytes) -> mmap.mmap:
    """A copy in memory of its own."""
    memory = mmap.mmap(-1, len(contents))
    memory[:] = bytes(contents[:])
    return memory


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Bytes, GuestTable, Sites]]:
    """An image read and decoded, for as long as the block lasts."""
    path = Path(path)
    with naming(path), open_image(path) as file:
        source = original_source(file)
        table = source.table
        with speaking(table.image):
            yield source.memory, table, decode(table.annotations, source.memory, table.image.windows, table.codec)
