"""Every sensitive instruction of a kernel image as iced-x86 sees it: a linear sweep that starts anew at each symbol.

What is sensitive is said here a second time and in the decoder's own terms, so that a gap in the afterburner's tables
shows: all that iced-x86 calls privileged, and the unprivileged instructions that read privileged state.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import iced_x86
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from iced_x86 import FlowControl, Mnemonic, OpKind, Register

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNPRIVILEGED = frozenset(
    getattr(Mnemonic, name)
    for name in (
        "CLI STI PUSHFQ PUSHF PUSHFD POPFQ POPF POPFD SGDT SIDT SLDT STR SMSW IN OUT INSB INSW INSD OUTSB OUTSW OUTSD "
        "IRET IRETD IRETQ RETF SYSRET SYSRETQ SYSEXIT SYSEXITQ RDPMC RDTSC RDTSCP CPUID LSS LFS LGS RDFSBASE RDGSBASE "
        "WRFSBASE WRGSBASE VERR VERW LAR LSL INT INT1 INT3 UD2 XSETBV MONITOR MONITORX MWAIT MWAITX"
    ).split()
)
_NO_RETURN = frozenset((FlowControl.UNCONDITIONAL_BRANCH, FlowControl.INDIRECT_BRANCH, FlowControl.RETURN))
_FILLER_RUN = re.compile(rb"\xcc{16,}")  # longer than an instruction can be, so nothing but filler
_FAR_BRANCHES = frozenset((Mnemonic.JMP, Mnemonic.CALL))
_SPECIAL_REGISTERS = frozenset(
    value
    for name, value in vars(Register).items()
    if name in {"ES", "CS", "SS", "DS", "FS", "GS"} or (name[:2] in {"CR", "DR"} and name[2:].isdigit())
)


@dataclass(frozen=True)
class Found:
    """One sensitive instruction: where it stands, what it is, and the symbol it follows."""

    va: int
    length: int
    text: str
    section: str
    symbol: str
    symbol_va: int
    is_filler: bool  # int3 where control does not come: behind a jump or return, behind the end of a function


def _is_sensitive(instruction: iced_x86.Instruction) -> bool:
    mnemonic = instruction.mnemonic
    if instruction.is_privileged or mnemonic in _UNPRIVILEGED:
        return True
    if mnemonic in _FAR_BRANCHES:
        return instruction.is_jmp_far_indirect or instruction.is_call_far_indirect
    return any(
        instruction.op_kind(index) == OpKind.REGISTER and instruction.op_register(index) in _SPECIAL_REGISTERS
        for index in range(instruction.op_count)
    )


def symbols_by_section(elf: ELFFile) -> dict[int, list[tuple[int, int, str]]]:
    """Section index -> (address, size, name) of its symbols, sorted; of several at one address the longest name."""
    table = elf.get_section_by_name(".symtab")
    assert table is not None
    names = elf.get_section(table["sh_link"]).data()
    found: dict[int, dict[int, tuple[int, str]]] = {}
    for name_off, _, _, index, value, size in struct.iter_unpack("<IBBHQQ", table.data()):
        name = names[name_off : names.index(b"\0", name_off)].decode()
        if name and index:
            at = found.setdefault(index, {})
            at[value] = max(at.get(value, (0, "")), (size, name))
    return {index: sorted((va, *rest) for va, rest in at.items()) for index, at in found.items()}


def sensitive_instructions(path: Path) -> Iterator[Found]:
    """Sweep all executable sections of the image."""
    formatter = iced_x86.Formatter(iced_x86.FormatterSyntax.GAS)
    with path.open("rb") as file:
        elf = ELFFile(file)
        by_section = symbols_by_section(elf)
        for index, section in enumerate(elf.iter_sections()):
            if not section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR or section["sh_type"] == "SHT_NOBITS":
                continue
            start_va, code = section["sh_addr"], section.data()
            end_va = start_va + len(code)
            starts = [row for row in by_section.get(index, []) if start_va <= row[0] < end_va]
            if not starts or starts[0][0] != start_va:
                starts.insert(0, (start_va, 0, section.name))
            ends = [row[0] for row in starts[1:]] + [end_va]
            for (va, size, name), stop_va in zip(starts, ends, strict=True):
                body = code[va - start_va : stop_va - start_va]
                filler = size == 0  # a bare label may name the end of what stands before it
                for part in _parts(body):
                    for instruction in iced_x86.Decoder(64, body[part.start : part.stop], ip=va + part.start):
                        is_int3 = instruction.mnemonic == Mnemonic.INT3
                        filler = is_int3 and (filler or (0 < size <= instruction.ip - va))
                        if _is_sensitive(instruction):
                            text = formatter.format(instruction)
                            yield Found(instruction.ip, instruction.len, text, section.name, name, va, filler)
                        filler = filler or instruction.flow_control in _NO_RETURN


def _parts(body: bytes) -> Iterator[range]:
    """The ranges of `body` between long runs of filler."""
    start = 0
    for run in _FILLER_RUN.finditer(body):
        yield range(start, run.start())
        start = run.end()
    yield range(start, len(body))
