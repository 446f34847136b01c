"""The domain: its memory, and how Xen builds dom0 from an image.

Source: Xen 4.1.6, xen/arch/ia64/xen/domain.c (construct_dom0), mm.c, xen/common/libelf/libelf-dominfo.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from simulator.image import ImageError
from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.memory import Memory

_NOTE_ENTRY, _NOTE_VIRT_BASE, _NOTE_XEN_VERSION, _NOTE_GUEST_OS, _NOTE_LOADER = 1, 3, 5, 6, 8


class Domain:
    """Guest-physical memory from 0 to memory_len. Machine pages are in reverse order behind Xen's own."""

    def __init__(self, memory: Memory, memory_len: int) -> None:
        self.memory = memory
        self.memory_len = memory_len
        self._top_pa = layout.XEN_LEN + memory_len

    def machine_address(self, address: int) -> int | None:
        """Return the machine address of a guest-physical one, or None if the domain has no such page."""
        if address >= self.memory_len:
            return None
        return self._top_pa - layout.PAGE_LEN - (address & -layout.PAGE_LEN) | address & layout.PAGE_LEN - 1

    def read(self, address: int, size_len: int) -> bytes | None:
        """Return guest-physical memory, or None if part of it is not the domain's."""
        if address + size_len > self.memory_len:
            return None
        data = bytearray()
        while size_len:
            chunk_len = min(size_len, layout.PAGE_LEN - (address & layout.PAGE_LEN - 1))
            machine = self.machine_address(address)
            assert machine is not None
            data += self.memory.ram1[machine : machine + chunk_len]
            address, size_len = address + chunk_len, size_len - chunk_len
        return bytes(data)

    def write(self, address: int, data: bytes) -> bool:
        """Write guest-physical memory; tell whether all of it is the domain's."""
        if address + len(data) > self.memory_len:
            return False
        while data:
            chunk_len = min(len(data), layout.PAGE_LEN - (address & layout.PAGE_LEN - 1))
            machine = self.machine_address(address)
            assert machine is not None
            self.memory.ram1[machine : machine + chunk_len] = data[:chunk_len]
            address, data = address + chunk_len, data[chunk_len:]
        return True


def _notes(elf: ELFFile) -> dict[int, bytes]:
    """Return the descriptors of the notes Xen owns, by type."""
    found: dict[int, bytes] = {}
    for segment in elf.iter_segments("PT_NOTE"):
        data = segment.data()
        offset = 0
        while offset + 12 <= len(data):
            name_len, descriptor_len, kind = struct.unpack_from("<III", data, offset)
            name = data[offset + 12 : offset + 12 + name_len]
            start = offset + 12 + (name_len + 3 & -4)
            if name == b"Xen\0":
                found[kind] = data[start : start + descriptor_len]
            offset = start + (descriptor_len + 3 & -4)
    return found


def _check_notes(path: Path, notes: dict[int, bytes]) -> None:
    """What elf_xen_note_check asks: nothing of an image without notes, on ia64."""
    if not notes:
        return
    if not notes.get(_NOTE_LOADER, b"").startswith(b"generic") and not notes.get(_NOTE_GUEST_OS, b"").startswith(
        b"linux"
    ):
        raise ImageError(f"{path}: Will only load images built for the generic loader or Linux images")
    if not notes.get(_NOTE_XEN_VERSION, b"").startswith(b"xen-3.0"):
        raise ImageError(f"{path}: Xen will only load images built for Xen v3.0")
    base = notes.get(_NOTE_VIRT_BASE)
    if base is not None and int.from_bytes(base, "little") % layout.PAGE_LEN:
        raise ImageError(f"{path}: Initial guest OS must load to a page boundary.")


def load(domain: Domain, path: Path) -> tuple[int, int]:
    """Load the image as dom0's kernel; return the guest-physical entry and the address of the start_info page.

    The lowest physical address of the image goes to guest-physical 0x4000000. Raises ImageError, OSError.
    """
    with path.open("rb") as stream:
        try:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_IA_64" or elf.elfclass != 64 or not elf.little_endian:
                raise ImageError(f"{path}: found machine {elf['e_machine']}, expected a little-endian ia64 ELF")
            notes = _notes(elf)
            _check_notes(path, notes)
            segments = list(elf.iter_segments("PT_LOAD"))
            if not segments:
                raise ImageError(f"{path}: no segment to load")
            lowest = min(segment["p_paddr"] for segment in segments)
            end = max(segment["p_paddr"] + segment["p_memsz"] for segment in segments)
            move = layout.KERNEL_PA - lowest
            for segment in segments:
                data = segment.data().ljust(segment["p_memsz"], b"\0")
                if not domain.write(segment["p_paddr"] + move, data):
                    raise ImageError(
                        f"{path}: Initial guest OS requires too much space: {end - lowest:#x} bytes at "
                        f"{layout.KERNEL_PA:#x}, found {domain.memory_len:#x} bytes of memory"
                    )
            entry = elf["e_entry"]
            if _NOTE_ENTRY in notes:
                entry = int.from_bytes(notes[_NOTE_ENTRY], "little")
        except ELFError as error:
            raise ImageError(f"{path}: not an ELF file: {error}") from None
    return entry + move, end + move + layout.PAGE_LEN - 1 & -layout.PAGE_LEN
