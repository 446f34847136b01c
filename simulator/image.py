"""Loading a static ELF image without a loader: segments to their physical addresses, entry in region 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.machine import Machine


class ImageError(Exception):
    """An image that cannot be loaded; the message says what, where, found and expected."""


def load_image(machine: Machine, path: Path) -> int:
    """Load the image and return its entry address; the machine starts there.

    Raises ImageError for a file that is no static ia64 ELF or does not fit, OSError if it cannot be read.
    """
    with path.open("rb") as stream:
        try:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_IA_64" or elf.elfclass != 64 or not elf.little_endian:
                raise ImageError(f"{path}: found machine {elf['e_machine']}, expected a little-endian ia64 ELF")
            for number, segment in enumerate(elf.iter_segments()):
                if segment["p_type"] == "PT_INTERP":
                    raise ImageError(f"{path}: segment {number} names an interpreter, expected a static image")
                if segment["p_type"] != "PT_LOAD":
                    continue
                data = segment.data()
                try:
                    machine.memory.load(segment["p_paddr"], data.ljust(segment["p_memsz"], b"\0"))
                except ValueError as error:
                    raise ImageError(f"{path}: segment {number}: {error}; give the machine more memory") from None
            entry: int = elf["e_entry"]
        except ELFError as error:
            raise ImageError(f"{path}: not an ELF file: {error}") from None
    machine.cpu.ip = entry
    return entry
