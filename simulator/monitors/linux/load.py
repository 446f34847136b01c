"""Execve of a static program: segments where they ask to be, stack, register backing store, gate page.

Source: Linux 6.1, fs/binfmt_elf.c, arch/ia64/include/asm/{elf,processor}.h, arch/ia64/mm/init.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from simulator import registers as reg
from simulator.image import ImageError
from simulator.monitors.linux import abi, gate
from simulator.monitors.linux.address_space import Backing, LinuxError, MappedArea

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.monitors.linux.process import Process

AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = 0, 3, 4, 5, 6, 7, 8, 9
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_HWCAP, AT_CLKTCK, AT_SECURE, AT_RANDOM, AT_EXECFN, AT_SYSINFO = (
    11, 12, 13, 14, 16, 17, 23, 25, 31, 32,
)  # fmt: skip
USER_ID = 1000
FIRST_STACK_LEN = 4 * abi.PAGE_LEN


def load_program(process: Process, path: Path, arguments: Sequence[str]) -> None:
    """Make the process run a program. Raises ImageError for one that Linux would not start, OSError."""
    with path.open("rb") as stream:
        try:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_IA_64" or elf.elfclass != 64 or not elf.little_endian:
                raise ImageError(f"{path}: found machine {elf['e_machine']}, expected a little-endian ia64 ELF")
            if elf["e_type"] != "ET_EXEC":
                raise ImageError(f"{path}: found type {elf['e_type']}, expected a static program (ET_EXEC)")
            header_va = _load_segments(process, path, elf)
            entry: int = elf["e_entry"]
            headers = (elf["e_phentsize"], elf["e_phnum"])
        except ELFError as error:
            raise ImageError(f"{path}: not an ELF file: {error}") from None
    _map_gate(process)
    space = process.space
    stack = Backing(space.frames)
    space.insert(MappedArea(abi.STACK_TOP - FIRST_STACK_LEN, abi.STACK_TOP, 3, stack, 0, grows=-1))
    space.insert(MappedArea(abi.RBS_BOTTOM, abi.RBS_BOTTOM + abi.PAGE_LEN, 3, Backing(space.frames), 0, grows=1))
    sp = _write_arguments(process, arguments, {AT_PHDR: header_va, AT_PHENT: headers[0], AT_PHNUM: headers[1],
                                               AT_ENTRY: entry})  # fmt: skip
    cpu = process.cpu
    cpu.ar[reg.AR_RSC] = 0xF
    cpu.ar[reg.AR_FPSR] = abi.FPSR_DEFAULT
    cpu.rse.set_bspstore(abi.RBS_BOTTOM)
    cpu.cfm = 0
    cpu.gr[8] = 1  # get_dumpable()
    cpu.gr[12] = sp - 16
    cpu.ip = entry


def _load_segments(process: Process, path: Path, elf: ELFFile) -> int:
    """Map the segments; return where the program headers are. Raises ImageError."""
    space = process.space
    header_va = 0
    for number, segment in enumerate(elf.iter_segments()):
        if segment["p_type"] == "PT_INTERP":
            raise ImageError(f"{path}: segment {number} names an interpreter, expected a static program")
        if segment["p_type"] != "PT_LOAD" or not segment["p_memsz"]:
            continue
        va, offset = segment["p_vaddr"], segment["p_offset"]
        if (va ^ offset) & abi.PAGE_LEN - 1:
            raise ImageError(
                f"{path}: segment {number}: address {va:#x} and file offset {offset:#x} differ modulo the page size; "
                f"link with -z max-page-size={abi.PAGE_LEN:#x} or more"
            )
        if offset <= elf["e_phoff"] < offset + segment["p_filesz"]:
            header_va = va + elf["e_phoff"] - offset
        start = va & -abi.PAGE_LEN
        length = va + segment["p_memsz"] - start
        flags = segment["p_flags"]
        prot = (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2
        try:
            space.map(start, length, prot, abi.MAP_PRIVATE | abi.MAP_FIXED_NOREPLACE, None, 0)
            area = space.find(start)
            assert area is not None
            # The file's first page comes with what stands in front of the segment, as mmap gives it.
            front = va - start
            elf.stream.seek(offset - front)
            data = elf.stream.read(front + segment["p_filesz"])
            for at in range(0, len(data), abi.PAGE_LEN):
                pa = area.page_of(start + at)
                assert pa is not None
                process.memory.load(pa, data[at : at + abi.PAGE_LEN])
        except LinuxError as error:
            raise ImageError(
                f"{path}: segment {number}: Linux does not map {va:#x} to {va + segment['p_memsz']:#x} (errno "
                f"{error.number})"
            ) from None
    return header_va


def _map_gate(process: Process) -> None:
    space = process.space
    gate_pages = Backing(space.frames)
    space.insert(MappedArea(abi.GATE_VA, abi.GATE_VA + abi.PAGE_LEN, abi.PROT_EXEC, gate_pages, 0))
    pa = gate_pages.page(0)
    assert pa is not None
    process.memory.load(pa, gate.GATE)


def _write_arguments(process: Process, arguments: Sequence[str], vector: dict[int, int]) -> int:
    """create_elf_tables(): argc, argv, no environment, auxiliary vector; return where argc is."""
    strings = b"".join(argument.encode() + b"\0" for argument in arguments)
    top = abi.STACK_TOP - 16
    strings_va = top - len(strings)
    random_va = (strings_va & -16) - 16
    vector = {
        AT_SYSINFO: abi.GATE_VA + gate.SYSTEM_CALL_OFFSET, AT_HWCAP: 0, AT_PAGESZ: abi.PAGE_LEN, AT_CLKTCK: 100,
        **vector, AT_BASE: 0, AT_FLAGS: 0, AT_UID: USER_ID, AT_EUID: USER_ID, AT_GID: USER_ID, AT_EGID: USER_ID,
        AT_SECURE: 0, AT_RANDOM: random_va, AT_EXECFN: strings_va, AT_NULL: 0,
    }  # fmt: skip
    pointers = []
    at = strings_va
    for argument in arguments:
        pointers.append(at)
        at += len(argument.encode()) + 1
    words = [len(arguments), *pointers, 0, 0]
    for kind, value in vector.items():
        words += [kind, value]
    sp = random_va - 8 * len(words) & -16
    process.space.write(sp, struct.pack(f"<{len(words)}Q", *words))
    process.space.write(random_va, bytes(range(0xA0, 0xB0)))
    process.space.write(strings_va, strings)
    return sp
