"""Phase 1: what an ELF image is made of. Facts only; the bytes stay where they are.

The file may be hostile, so every number is checked against the size of the file before it is used.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TypeVar

from elftools.elf.elffile import ELFFile

from linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

SHF_ALLOC, SHF_EXECINSTR = 2, 4
NOTE_HEADER = struct.Struct("<III")  # name size, descriptor size, type
ENTRY_OFF = 24  # e_entry in the ELF header of either class


class Bytes(Protocol):
    """Memory that can be read by slices: bytes, bytearray, mmap, memoryview."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes | bytearray | memoryview: ...


class WritableBytes(Bytes, Protocol):
    """Memory that can be written by slices too."""

    def __setitem__(self, key: slice, value: bytes, /) -> None: ...


class Section(NamedTuple):
    """A section header, its name looked up."""

    name: str
    type: str | int
    flags: int
    va: int
    off: int
    len: int

    @property
    def end_va(self) -> int:
        """The address behind the section."""
        return self.va + self.len

    @property
    def is_code(self) -> bool:
        """Whether it is mapped, executable and in the file."""
        return bool(self.flags & SHF_ALLOC and self.flags & SHF_EXECINSTR and self.type != "SHT_NOBITS")


class Window(NamedTuple):
    """`len` bytes that stand at `off` in a file or buffer and run at `va`."""

    va: int
    len: int
    off: int


class Note(NamedTuple):
    """An ELF note. `va` is the descriptor's address, None where the note is not mapped."""

    owner: str
    type: int
    off: int
    va: int | None
    descriptor: bytes


class Image(NamedTuple):
    """What the linker knows about an image. `windows` are its file-backed PT_LOADs, by address."""

    machine: int
    word_len: int
    entry_va: int
    sections: tuple[Section, ...]
    windows: tuple[Window, ...]
    notes: tuple[Note, ...]
    size: int

    def section(self, name: str) -> Section | None:
        """The section of that name; LinkError when there are two."""
        found = [section for section in self.sections if section.name == name]
        if len(found) > 1:
            raise LinkError(f"{len(found)} sections named {name}", expected="one", advice="link the guest again")
        return found[0] if found else None


class OpenFile(NamedTuple):
    """An image file, open. `memory` is a private, writable view: what is changed in it never reaches the file."""

    memory: mmap.mmap
    descriptor: int
    mode: int


@contextmanager
def open_image(path: Path) -> Iterator[OpenFile]:
    """Open a regular, non-empty file; LinkError for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise LinkError(f"cannot open: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise LinkError("is a directory", expected="an ELF image")
        if not stat.S_ISREG(status.st_mode):
            raise LinkError("is not a regular file", expected="an ELF image")
        if status.st_size == 0:
            raise LinkError("file is empty", expected="an ELF image")
        try:
            memory = mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise LinkError(f"cannot read: {error}") from None
        with memory:
            yield OpenFile(memory, descriptor, stat.S_IMODE(status.st_mode))
    finally:
        os.close(descriptor)


def read_image(memory: mmap.mmap) -> Image:
    """Read headers, sections and notes; LinkError says what is wrong with the file."""
    if memory[:4] != b"\x7fELF":
        raise LinkError("not an ELF file", found=f"magic {memory[:4].hex(' ')}", expected="7f 45 4c 46")
    if memory[5:6] == b"\x02":
        raise LinkError("wrong byte order", found="big-endian", expected="little-endian")
    memory.seek(0)
    elf = _guard("ELF header", lambda: ELFFile(memory))
    header = elf.header
    if header["e_type"] not in ("ET_EXEC", "ET_DYN"):
        raise LinkError(
            "wrong kind of ELF file",
            found=str(header["e_type"]),
            expected="a linked image, ET_EXEC or ET_DYN",
            advice="link the guest first",
        )
    for what, offset, entry_len, count in (
        ("program header table", header["e_phoff"], header["e_phentsize"], _guard("header", elf.num_segments)),
        ("section header table", header["e_shoff"], header["e_shentsize"], _guard("header", elf.num_sections)),
    ):
        _check_inside(what, offset, entry_len * count, len(memory))
    sections, notes = _guard("section headers", lambda: _read_sections(elf, len(memory)))
    windows = _guard("program headers", lambda: _read_windows(elf, len(memory)))
    return Image(
        machine=_machine_number(memory),
        word_len=elf.elfclass // 8,
        entry_va=header["e_entry"],
        sections=sections,
        windows=windows,
        notes=notes,
        size=len(memory),
    )


def _machine_number(memory: mmap.mmap) -> int:
    return int.from_bytes(memory[18:20], "little")


def _guard(what: str, read: Callable[[], T]) -> T:
    """Run pyelftools on bytes nobody vouches for. Besides ELFError it lets through whatever its own parsing trips on."""
    try:
        return read()
    except LinkError:
        raise
    except Exception as error:
        raise LinkError(f"cannot read the {what}", found=f"{type(error).__name__}: {error}") from error


def _check_inside(what: str, offset: int, length: int, size: int) -> None:
    if offset + length > size:
        raise LinkError(
            f"{what} is cut off",
            found=f"a file of {size} bytes",
            expected=f"at least {offset + length}",
            advice="the file is truncated or damaged; copy it again",
        )


def _read_windows(elf: ELFFile, size: int) -> tuple[Window, ...]:
    windows = []
    for number in range(elf.num_segments()):
        header = elf.get_segment(number).header
        if header["p_type"] == "PT_LOAD" and header["p_filesz"]:
            _check_inside(f"segment {number}", header["p_offset"], header["p_filesz"], size)
            windows.append(Window(header["p_vaddr"], header["p_filesz"], header["p_offset"]))
    return check_windows(windows)


def check_windows(windows: Iterable[Window]) -> tuple[Window, ...]:
    """By address; LinkError when two share an address or a byte."""
    by_va = sorted(windows)
    for one, other in zip(by_va, by_va[1:], strict=False):
        if one.va + one.len > other.va:
            raise LinkError("segments overlap", where=f"{other.va:#x}", expected="disjoint addresses")
    by_off = sorted(windows, key=lambda window: window.off)
    for one, other in zip(by_off, by_off[1:], strict=False):
        if one.off + one.len > other.off:
            raise LinkError("segments share bytes", where=f"offset {other.off:#x}", expected="disjoint contents")
    return tuple(by_va)


def _read_sections(elf: ELFFile, size: int) -> tuple[tuple[Section, ...], tuple[Note, ...]]:
    sections, notes = [], []
    for number in range(elf.num_sections()):
        section = read_section_header(elf, number)
        if section.type not in ("SHT_NOBITS", "SHT_NULL"):
            _check_inside(f"section {number} ({section.name})", section.off, section.len, size)
        sections.append(section)
        if section.type == "SHT_NOTE":
            notes.extend(read_notes(elf.stream, section))
    return tuple(sections), tuple(notes)


def read_notes(stream: BinaryIO | mmap.mmap, section: Section) -> Iterator[Note]:
    """Notes as they stand: a name and a descriptor, each padded to 4 bytes (gABI, Note Section).

    pyelftools would translate type numbers as if every owner were GNU or CORE.
    """
    end = section.off + section.len
    offset = section.off
    while offset + NOTE_HEADER.size <= end:
        stream.seek(offset)
        name_len, descriptor_len, kind = NOTE_HEADER.unpack(stream.read(NOTE_HEADER.size))
        name_off = offset + NOTE_HEADER.size
        descriptor_off = name_off + (name_len + 3 & ~3)
        if descriptor_off + descriptor_len > end:
            raise LinkError("note is cut off", where=f"{section.name} at offset {offset - section.off:#x}")
        owner = stream.read(name_len).rstrip(b"\0").decode("latin-1")
        stream.seek(descriptor_off)
        descriptor = stream.read(descriptor_len)
        va = section.va + descriptor_off - section.off if section.flags & SHF_ALLOC else None
        yield Note(owner, kind, descriptor_off, va, descriptor)
        offset = descriptor_off + (descriptor_len + 3 & ~3)


def read_section_header(elf: ELFFile, number: int) -> Section:
    """One section header, its name looked up."""
    read = elf.get_section(number)
    header = read.header
    return Section(
        read.name, header["sh_type"], header["sh_flags"], header["sh_addr"], header["sh_offset"], header["sh_size"]
    )
