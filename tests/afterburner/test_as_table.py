"""The class table against somebody else's decoder: over whole opcode maps they must call the same things sensitive."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import iced_x86
import pytest
from assembling import STAND_IN_DIR, assemble, assemble_plain
from iced_x86 import Decoder, FlowControl, InstructionInfoFactory, OpAccess, RflagsBits

from afterburner.x86_64.candidate_patterns import FIRST_BYTES, grep_patterns, python_patterns
from afterburner.x86_64.operations import by_operands
from linker.errors import LinkError
from linker.sites.x86_64.classes import AWAY, CLASSES, NAME_OF, REGISTERS
from linker.sites.x86_64.codec import I386, X86_64
from linker.sites.x86_64.spellings import by_encoding, encodings, is_prefixes, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linker.sites.x86_64.classes import Row

NAMES = {value: name for name, value in vars(iced_x86.Register).items() if name.isupper()}
WRITES = {OpAccess.WRITE, OpAccess.COND_WRITE, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE}
READS = {OpAccess.READ, OpAccess.COND_READ, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE}
LETTERS = {"o": "OF", "s": "SF", "z": "ZF", "a": "AF", "p": "PF", "c": "CF"}


def decoded_number(code: bytes) -> tuple[int, int]:
    """Class number, 0 for none, and length of the instruction in 64-bit code, by the decoder; length 0: invalid."""
    iced = Decoder(64, code).decode()
    if iced.is_invalid:
        return 0, 0
    try:
        return X86_64.decode(code, 0).class_number, iced.len
    except LinkError:
        return 0, iced.len


PREFIXES = (b"", b"\x66", b"\xf2", b"\xf3", b"\x48", b"\xf3\x48")
MODRM = [reg << 3 | rest for reg in range(8) for rest in (0x00, 0x04, 0x05, 0x43, 0x84, 0xC0, 0xC1, 0xC7)]


def opcode_maps() -> Iterator[bytes]:
    """Every opcode of the one-byte, 0F and 0F 38 maps behind the prefixes that select one, with each kind of operand.

    Of 0F 01, where ModRM is a third opcode byte, all 256.
    """
    for prefix, opcode_map, opcode in product(PREFIXES, (b"", b"\x0f", b"\x0f\x38"), range(256)):
        for modrm in range(256) if (opcode_map, opcode) == (b"\x0f", 1) else MODRM:
            yield prefix + opcode_map + bytes((opcode, modrm)) + bytes(11)


def test_bytes_and_decoder_agree_over_the_opcode_maps() -> None:
    differences = set()
    seen = set()
    for code in opcode_maps():
        number, length = decoded_number(code)
        if not length:
            continue
        seen.add(number)
        found = by_encoding(code[:length])
        if found != number:
            differences.add((code[:length].hex(" "), NAME_OF.get(number), NAME_OF.get(found)))
    assert not differences, sorted(differences)[:20]
    only_as_words = {row.number for row in CLASSES if not row.encodings}
    assert seen == {0, *NAME_OF} - only_as_words


def test_encodings_outside_64_bit_code() -> None:
    for encoding in encodings():
        if encoding.only_32:
            code = encoding.opcode + bytes(15 - len(encoding.opcode))
            assert I386.decode(code, 0).class_number == encoding.number


def test_every_first_byte_is_looked_for() -> None:
    firsts = {encoding.opcode[0] for encoding in encodings() if len(encoding.opcode) > 1}
    assert firsts - {*FIRST_BYTES} == set()
    assert all(is_prefixes([value]) == (value in FIRST_BYTES and value != 0x0F) for value in range(256))


def _example(number: int) -> bytes:
    """Bytes of some instruction of a class, in memory form where there is one."""
    encoding = next(e for e in encodings() if e.number == number and not e.only_32)
    prefix = bytes((encoding.prefix,)) if encoding.prefix else b""
    modrm = b""
    if encoding.reg is not None:
        reg = max(encoding.reg, 0)
        modrm = bytes(((0xC3 if encoding.form in {"r", "x"} else 0x03) | reg << 3,))
    return prefix + encoding.opcode + modrm + bytes(8)


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_registers_flags_and_flow_are_the_decoder_s(row: Row) -> None:
    iced = Decoder(64, _example(row.number)).decode()
    used = InstructionInfoFactory().info(iced).used_registers()
    operands = {NAMES[iced.op_register(n)] for n in range(iced.op_count)} | {NAMES[iced.memory_base]}
    general = {f"R{name}" for name in "AX CX DX BX SP BP SI DI".split()} | {f"R{n}" for n in range(8, 16)}

    for wanted, accesses in ((row.reads, READS), (row.writes, WRITES)):
        said = {_widest(NAMES[one.register]) for one in used if one.access in accesses} & general
        implicit = said - {name for name in map(_widest, operands) if name}
        assert implicit <= {name.upper() for name in wanted.split()} | {"RSP"}, (row.name, implicit)
    modified = {letter for letter, name in LETTERS.items() if iced.rflags_modified & getattr(RflagsBits, name)}
    assert modified <= set(row.flags) or row.name == "int", (row.name, modified)
    goes = iced.flow_control not in (FlowControl.NEXT, FlowControl.EXCEPTION, FlowControl.INTERRUPT)
    assert goes == (row.flow == AWAY) or row.name in {"lcall", "int", "int3"}, row.name


def _widest(name: str) -> str:
    value = getattr(iced_x86.Register, name)
    return "" if name == "NONE" else NAMES[iced_x86.RegisterExt.full_register(value)]


def test_every_register_s_name_decides_in_the_text() -> None:
    """dr4 was known to one list and not to another."""
    for kind, names in REGISTERS.items():
        for name in names:
            expected = {f"mov_from_{kind}", f"mov_to_{kind}"}
            found = {
                NAME_OF[by_operands(b"mov", operands.encode(), False, False)]
                for operands in (f"%{name}, %rax", f"%rax, %{name}")
            }
            assert found == expected


def test_kept_patterns_are_made_from_the_table() -> None:
    folder = STAND_IN_DIR.parent / "x86_64"
    assert (folder / "candidates.ere").read_text() == grep_patterns()
    kept = (folder / "candidates.py").read_text()
    assert kept == python_patterns()


def test_every_word_is_a_candidate() -> None:
    from afterburner.x86_64.candidates import WORDS

    for row in CLASSES:
        for word in words_of(row):
            assert re.match(WORDS, word.encode() + b" ")


# How the same bytes may be written; the last ones are no instruction or not one alone.
@pytest.mark.parametrize(
    ("text", "classes"),
    [
        (".byte 0x0f,0xa1", ["pop_seg"]),
        (".byte 017, 0241", ["pop_seg"]),
        (".byte 15, 161", ["pop_seg"]),
        (".byte 0b1111, 0xa1", ["pop_seg"]),
        (".word 0xa10f", ["pop_seg"]),
        (".short 0xA10F", ["pop_seg"]),
        (".value 41231", ["pop_seg"]),
        (".2byte 0xa10f", ["pop_seg"]),
        (".long 0x000f4866", []),
        (".long 0xd8220f48", ["mov_to_cr"]),
        (".int 0x00d1010f", []),
        (".byte 0x48; sysret", ["sysret"]),
        (".byte 0x66; iret", ["iret"]),
        (".byte 0x48\nlret", ["lret"]),
        (".byte 0x48 # wide\n\n\tlretq", ["lret"]),
        (".byte 0x66, 0x48; sysret", ["sysret"]),
        (".byte 0x48, 0xcf", ["iret"]),
        (".byte 0xf3; .byte 0x0f,0xae,0xc0", ["rdfsbase"]),
        (".byte 0xf3,0x0f,0xae,0xc0", ["rdfsbase"]),
        (".byte 0x0f,0xae,0xc0", []),
        (".byte 0x48; nop", []),
        (".byte 0x0f,0x01,0x15,0,0,0,0", ["lgdt"]),
        (".byte 0x0f,0x01,0x15", []),
        (".byte 0x0f,0x32,0x0f,0x30", []),
        (".byte 0xfa", []),
        (".byte 0x0f", []),
        (".long 12345, 67890", []),
    ],
)
def test_instructions_written_as_numbers(tmp_path: Path, text: str, classes: list[str]) -> None:
    source = f"nop\n{text}\nnop\n"
    made, plain = assemble(source, tmp_path), assemble_plain(source, tmp_path)
    assert made.classes == classes
    assert made.without_padding() == plain.sections[".text"]
    for site in made.sites:
        iced = Decoder(64, site.instruction).decode()
        assert not iced.is_invalid
        assert iced.len == len(site.instruction)  # the prefix belongs to it
