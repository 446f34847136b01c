"""Every operation class in AT&T and in Intel syntax: found, padded, recorded, its bytes untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import iced_x86
import pytest
from assembling import assemble, assemble_plain
from spellings import SPELLINGS

from linker.sites.x86_64.classes import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

# Words some compilers and kernels write as bytes.
BYTES = (
    ("ud2", "0x0f, 0x0b", "UD2"),
    ("ud2", "15,11", "UD2"),
    ("monitor", "0x0f,0x01,0xc8", "MONITOR"),
    ("mwait", "0x0f, 0x01, 0xc9", "MWAIT"),
    ("monitor", "0x0f,0x01,0xfa", "MONITORX"),
    ("mwait", "0x0f,0x01,0xfb", "MWAITX"),
    ("xsetbv", "0x0f,0x01,0xd1", "XSETBV"),
    ("swapgs", "0x0f,0x01,0xf8", "SWAPGS"),
    ("rdtscp", "0x0f,0x01,0xf9", "RDTSCP"),
    ("rdmsr", "0x0f,0x32", "RDMSR"),
    ("wbinvd", "0xf3,0x0f,0x09", "WBNOINVD"),
    ("rdfsbase", "0xf3,0x48,0x0f,0xae,0xc0", "RDFSBASE"),
    ("wrgsbase", "0xf3,0x48,0x0f,0xae,0xd8", "WRGSBASE"),
    ("invpcid", "0x66, 0x0f, 0x38, 0x82, 0x01", "INVPCID"),
    ("mov_to_cr", "0x0f,0x22,0xc0", "MOV"),
    ("lgdt", "0x0f,0x01,0x10", "LGDT"),
    ("smsw", "0x0f,0x01,0xe0", "SMSW"),
    ("sysret", "0x48,0x0f,0x07", "SYSRETQ"),
    ("str", "0x0f,0x00,0xc8", "STR"),
    ("clac", "0x0f,0x01,0xca", "CLAC"),
    ("xrstors", "0x48, 0x0f,0xc7,0x1f", "XRSTORS64"),
    ("xrstor", "0x0f,0xae,0x2f", "XRSTOR"),
    ("wrpkru", "0x0f,0x01,0xef", "WRPKRU"),
)
MNEMONICS = {value: name for name, value in vars(iced_x86.Mnemonic).items() if name.isupper()}
ROOM = {row.name: row.room_len for row in CLASSES}


def check(text: str, directory: Path, class_name: str, mnemonic: str) -> None:
    made = assemble(text, directory)
    plain = assemble_plain(text, directory)
    assert made.classes == [class_name]
    (site,) = made.sites
    instruction = next(iter(iced_x86.Decoder(64, site.instruction)))
    assert MNEMONICS[instruction.mnemonic] == mnemonic
    assert instruction.len == len(site.instruction)
    assert len(site.code) == max(instruction.len, ROOM[class_name])
    assert site.is_padded_in_front == (class_name == "sti")  # its interrupt shadow must not fall on padding
    assert made.without_padding() == plain.sections[".text"]


@pytest.mark.parametrize(("class_name", "att", "intel", "mnemonic"), SPELLINGS, ids=str)
def test_every_class_is_found_in_both_syntaxes(
    tmp_path: Path, class_name: str, att: str, intel: str | None, mnemonic: str
) -> None:
    check(f"nop\n\t{att}\nnop\n", tmp_path, class_name, mnemonic)
    check(f".intel_syntax noprefix\nnop\n\t{intel or att}\nnop\n", tmp_path, class_name, mnemonic)
    check(f"nop\n{att.upper()}\nnop\n", tmp_path, class_name, mnemonic)


@pytest.mark.parametrize(("class_name", "values", "mnemonic"), BYTES)
def test_sensitive_instructions_written_as_bytes(tmp_path: Path, class_name: str, values: str, mnemonic: str) -> None:
    check(f"nop\n.byte {values}\nnop\n", tmp_path, class_name, mnemonic)


def test_the_table_above_leaves_out_no_class() -> None:
    assert {row[0] for row in SPELLINGS} == {row.name for row in CLASSES}


@pytest.mark.parametrize(
    "statement",
    [
        "mov %gs:8, %rax",
        "mov %rax, %fs:(%rdi)",
        "pushq %gs:4",
        "push %rbx",
        "popq %fs:8(%rax)",
        "mov %rax, %rbx",
        "mov cr0(%rip), %rax",
        "rep movsb",
        "ret",
        "syscall",
        "movsbl (%rax), %ebx",
        "inc %eax",
        "cld; stc; clc; std",
        "lea ds(%rip), %rax",
        "lock incl (%rax)",
        "jmp *(%rax)",
        "xsave (%rdi); xsavec (%rdi); xsaveopt (%rdi); fxrstor (%rdi); lfence",
        ".byte 0x0f, 0xae, 0xe8",
        ".byte 0xcc",
        ".byte 0xfa, 0x90",
        '.ascii "cli; hlt"; nop',
        "nop # cli; hlt",
        "/* cli\n hlt */ nop",
        "cli_like: nop",
        "in: nop; jmp in",
        "cli = 3",
    ],
)
def test_other_instructions_are_left_alone(tmp_path: Path, statement: str) -> None:
    text = f'.text\n{statement}\n.section .foo,"ax"\n{statement.replace("in:", "in2:").replace("cli_like", "c")}\n'
    text += "ds: cr0: .long 1\n"
    assert assemble(text, tmp_path).path.read_bytes() == assemble_plain(text, tmp_path).path.read_bytes()
