"""Pseudo addresses: each allocated section of an object has a range of its own, so that the phases know one kind.

    .text          from 0x4f00000000000000 on
    .init.text     from 0x4f00000000100000 on       .init.text+0x12 is 0x4f00000000100012

They never leave the linker: messages, lists and reports say section and offset, and nothing that is written holds one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import contextmanager
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.image.read import FIRST_PSEUDO_VA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.image.read import Image

PSEUDO = re.compile(rf"0x({FIRST_PSEUDO_VA >> 56:x}[0-9a-f]{{14}})\b", re.IGNORECASE)


class Places:
    """Sections and offsets by pseudo address. Of an image, whose addresses are real, it changes nothing."""

    def __init__(self, image: Image) -> None:
        self._sections = sorted(
            (s.va, s.name or f"section {n}") for n, s in enumerate(image.sections) if s.va and image.is_object
        )

    def split(self, va: int) -> tuple[str, int]:
        """Section and offset; no section and the address itself in an image."""
        index = bisect_right(self._sections, (va, "\U0010ffff")) - 1
        if index < 0:
            return "", va
        base_va, name = self._sections[index]
        return name, va - base_va

    def name(self, va: int) -> str:
        """`.text+0x12`, or the address itself."""
        section, off = self.split(va)
        return f"{section}+{off:#x}" if section else f"{va:#x}"

    def say(self, text: str) -> str:
        """A text with pseudo addresses made sections and offsets."""
        return PSEUDO.sub(lambda found: self.name(int(found[1], 16)), text) if self._sections else text

    def address(self, word: str) -> int | None:
        """What `.text+0x12` in an object, `0x401012` in an image is; None for a word that is no address."""
        try:
            if not self._sections:
                return int(word, 0)
            section, plus, off = word.rpartition("+")
            number = int(off, 0)
        except ValueError:
            return None
        bases = [va for va, name in self._sections if name == section]
        if not plus or not bases:
            return None
        if len(bases) > 1:
            raise UsageError(f"{len(bases)} sections are named {section}", advice="name the sites by symbol or class")
        return bases[0] + number


def column(section: str, va: int) -> str:
    """How lists show what `Places.split` gave."""
    return f"{section}+{va:#x}" if section else f"{va:016x}"


@contextmanager
def speaking(image: Image) -> Iterator[None]:
    """Say section and offset in every LinkError from inside, where the image is an object."""
    try:
        yield
    except LinkError as error:
        if image.is_object:
            error.reword(Places(image).say)
        raise
