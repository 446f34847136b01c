"""The records of a linked image, read with pyelftools."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path


class Record(NamedTuple):
    """What one record says; `scratch` is 0 on x86-64."""

    start_va: int
    end_va: int
    class_number: int
    flags: int
    scratch: int


def section_of(path: Path, name: str) -> bytes:
    """Contents of a section."""
    with path.open("rb") as file:
        found = ELFFile(file).get_section_by_name(name)
        assert found is not None, name
        return bytes(found.data())


def records_of(path: Path) -> list[Record]:
    """All records by address."""
    places = struct.iter_unpack("<QQ", section_of(path, ".afterburn"))
    infos = struct.iter_unpack("<HHIII", section_of(path, ".afterburn.info"))
    return sorted(Record(*place, *info[:3]) for place, info in zip(places, infos, strict=True))
