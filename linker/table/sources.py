"""Where in the guest's source a site comes from, read only when it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.image.read import string_at
from linker.image.relocations import Relocatable
from linker.registry import codec_for
from linker.sites.formats import INFO, SECTION_INFO, SECTION_STRINGS
from linker.table.object_records import file_offsets
from linker.table.read import pieces_of, words

if TYPE_CHECKING:
    from array import array

    from linker.image.read import Image
    from linker.image.windows import Bytes
    from linker.table.read import Annotations

INFO_WORDS = INFO.sizeof() // 4
LINE_WORD, FILE_WORD = 2, 3  # positions of `line` and `file_off` in a record of 32-bit words


class Sources:
    """Source files and lines by site."""

    def __init__(self, image: Image, memory: Bytes, annotations: Annotations) -> None:
        names = image.section(SECTION_STRINGS)
        self._numbers = annotations.numbers
        self._info: array[int] | None = None
        relocatable = None
        if image.is_object:
            relocatable = Relocatable(image, memory, codec_for(image.machine).object_relocations)
        for info in pieces_of(image, SECTION_INFO):
            piece = words(bytes(memory[info.off : info.off + info.len]), 4)
            if relocatable is not None:
                piece = file_offsets(relocatable, info, piece)
            if self._info is None:
                self._info = piece
            else:
                self._info.extend(piece)
        self._names = bytes(memory[names.off : names.off + names.len]) if names else b""

    def at(self, index: int) -> str:
        """`file:line` of the site at `index` of the address order; empty when unknown."""
        if self._info is None:
            return ""
        base = self._numbers[index] * INFO_WORDS
        if base >= len(self._info):  # a memory operation's record has no such entry
            return ""
        line, file_off = self._info[base + LINE_WORD], self._info[base + FILE_WORD]
        if not line or file_off >= len(self._names):
            return ""
        return f"{string_at(self._names, file_off)}:{line}"
