"""Where sensitive instructions hide, and where they must be left alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from assembling import STAND_IN_DIR, assemble, assemble_plain, read_object

if TYPE_CHECKING:
    from pathlib import Path

# Linux's asm/alternative.h in short: the original in place, padded to the replacement, the replacement elsewhere.
ALTERNATIVE = """
.macro ALTERNATIVE oldinstr, newinstr
140:
	\\oldinstr
141:
	.skip -(((144f-143f)-(141b-140b)) > 0) * ((144f-143f)-(141b-140b)),0x90
142:
	.pushsection .altinstr_replacement,"ax"
143:
	\\newinstr
144:
	.popsection
.endm
"""

FOUND = {
    "labels": ("a: b: 1: cli\n1:hlt", ["cli", "hlt"]),
    "a quoted label": ('"a b": cli', ["cli"]),
    "several on a line": ("nop; cli; nop;sti;hlt", ["cli", "sti", "hlt"]),
    "behind a string": ('.ascii "a;b\\"c;"; cli', ["cli"]),
    "behind a character": ("cmpb $'#, %al; cli\ncmpb $';', %al; hlt", ["cli", "hlt"]),
    "before a comment": ("cli # sti; hlt", ["cli"]),
    "behind a comment": ("/* sti */ cli /* hlt\n hlt */ cpuid", ["cli", "cpuid"]),
    "behind a pseudo prefix": ("{disp32} lgdt 4(%rax)", ["lgdt"]),
    "in .rept": (".rept 3\ncli\n.endr", ["cli", "cli", "cli"]),
    "in .rept on a line": (".rept 2; rdtsc; .endr", ["rdtsc", "rdtsc"]),
    "in .irp": (".irp op, cli, nop, sti\n\\op\n.endr", ["cli", "sti"]),
    "glued in .irp": (".irp x, cl, st\n\\x\\()i\n.endr", ["cli", "sti"]),
    "glued behind": (".irp x, msr, tsc\nrd\\x\n.endr", ["rdmsr", "rdtsc"]),
    "in .irpc": (".irpc n, 034\nmov %cr\\n, %rax\n.endr", ["mov_from_cr"] * 3),
    "in a macro": (".macro m\ncli\nhlt\n.endm\nm\nm", ["cli", "hlt", "cli", "hlt"]),
    "in a macro in a macro": (".macro a\ncli\n.endm\n.macro b\na\nsti\n.endm\nb", ["cli", "sti"]),
    "mnemonic as argument": (
        ".macro m op, a:vararg\n\\op \\a\n.endm\nm lgdt, 4(%rax)\nm nop\nm RDMSR",
        ["lgdt", "rdmsr"],
    ),
    "mov as argument": (
        ".macro m op, a:vararg\n\\op \\a\n.endm\nm mov, %cr0, %rax\nm movl, %eax, %ds\nm push, %fs\nm mov, %rax, %rbx",
        ["mov_from_cr", "mov_to_seg", "push_seg"],
    ),
    "register as argument": (
        ".macro m r\nmov \\r, %eax\npush \\r\npop \\r\n.endm\n.macro n r\nmov %eax, %\\r\n.endm\nm %fs\nn ds\nn ebx",
        ["mov_from_seg", "push_seg", "pop_seg", "mov_to_seg"],
    ),
    "statements as argument": (".macro m s\n\\s\n.endm\nm 'cli; hlt'".replace("'", '"'), ["cli", "hlt"]),
    "prefixed argument": ('.macro m s\n\\s\n.endm\nm "rep insb"\nm "rep movsb"\nm "rex.W iret"', ["ins", "iret"]),
    "prefix before an argument": (".irp op, insb, movsb, outsl\nrep \\op\n.endr", ["ins", "outs"]),
    "a macro as argument": (".macro a\ncli\n.endm\n.macro m s\n\\s\n.endm\nm a", ["cli"]),
    "an alternative": (ALTERNATIVE + 'ALTERNATIVE "rdtsc", "lfence; rdtsc"', ["rdtsc"]),
    "in .altmacro": (".altmacro\n.macro m op\nop\n.endm\nm cli\nm nop", ["cli"]),
    "Intel in a macro": (
        ".intel_syntax noprefix\n.macro m op, a:vararg\n\\op \\a\n.endm\nm mov, rax, cr3\n"
        ".att_syntax\nm mov, %rax, %cr3",
        ["mov_from_cr", "mov_to_cr"],
    ),
    "Intel with prefixes": (
        ".intel_syntax prefix\nmov %cr0, %rax\n.att_syntax noprefix\nmov cr0, rax",
        ["mov_to_cr", "mov_from_cr"],
    ),
    "in an executable section": ('.section .foo,"ax"\ncli\n.data\n.section .foo\nhlt', ["cli", "hlt"]),
    "in known code sections": (".section .init\ncli\n.section .text.unlikely\nhlt", ["cli", "hlt"]),
    "behind pushed data": (".pushsection .rodata\n.popsection\ncli", ["cli"]),
    "behind a pop without a push": (".data\n.text\n.popsection\ncli", ["cli"]),
    "behind .previous": (".data\n.text\n.data\n.previous\ncli\n.previous\ncli", ["cli"]),
    "in a subsection": (".subsection 1\ncli\n.previous\nhlt", ["cli", "hlt"]),
    "behind other code sizes": (".code32\ncli\n.code16\ncli\n.code16gcc\ncli\n.code64\nhlt", ["hlt"]),
    "the guest's int3": ("int3\nret\n1: int3\nnop\nint3", ["int3", "int3", "int3"]),
    "between the directives": ("cli\n.afterburn_noannotate\nsti\n.afterburn_annotate\nhlt", ["cli", "hlt"]),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(tmp_path: Path, name: str) -> None:
    text, classes = FOUND[name]
    made = assemble(text + "\n", tmp_path)
    assert sorted(made.classes) == sorted(classes)
    for section in {site.section for site in made.sites}:
        plain_text = text.replace(".afterburn_noannotate", "").replace(".afterburn_annotate", "")
        plain = assemble_plain(plain_text + "\n", tmp_path)
        if "ALTERNATIVE" not in text:  # pads itself to the length of its replacement
            assert made.without_padding(section) == plain.sections[section]


@pytest.mark.parametrize("prefix", ["rep", "repz", "data16", "addr32", "cs"])
@pytest.mark.parametrize("between", ["; ", " ", "\n\t", " # x\n", ";\n\n"])
def test_a_prefix_is_part_of_the_site(tmp_path: Path, prefix: str, between: str) -> None:
    instruction = {"rep": "insb", "repz": "outsl"}.get(prefix, "rdmsr")
    made = assemble(f"nop\n{prefix}{between}{instruction}\nnop\n", tmp_path)
    (site,) = made.sites
    assert (site.start, site.end) == (1, 9)
    assert site.code[0] == {"rep": 0xF3, "repz": 0xF3, "data16": 0x66, "addr32": 0x67, "cs": 0x2E}[prefix]


def test_lock_as_a_statement_is_part_of_the_site(tmp_path: Path) -> None:
    made = assemble("lock; mov %cr0, %rax\n", tmp_path)  # AMD's spelling of mov %cr8
    assert made.sites[0].code == b"\xf0\x0f\x20\xc0" + b"\x90" * 4


def test_a_prefix_on_its_own_does_not_reach_over_a_label(tmp_path: Path) -> None:
    made = assemble("rep\n1: insb\njmp 1b\n", tmp_path)
    assert [site.start for site in made.sites] == [1]


LEFT_ALONE = {
    "data sections": '.data\ncli\n.bss\n.section .rodata\ncli\n.section .foo,"aw"\ncli',
    "32-bit code": ".code32\ncli\nmov %cr0,%eax\npushf",
    "16-bit code": ".code16\ncli\nlidt 4(%bx)\n.code16gcc\ncli",
    "replacements": '.section .altinstr_replacement,"ax"\ncli\n.pushsection .rodata\n.popsection\nhlt',
    "macros used there": ".macro m op\ncli\n\\op\nmov \\op,%rax\n.endm\n.data\ncli: m cli\n"
    '.section .altinstr_replacement,"ax"\nm cli',
    "macros of the user's": ".macro in a\nnop\n.endm\n.macro lock a\nnop\n.endm\n"
    "in 4\nlock cli\n.irp x,in\n\\x 3\n.endr",
    "filler": 'ret\nint3\nret # x\n\n# 7 "x"\n\n int3\njmp *%rax; int3\nint3\nretq\n\tint3',
    "pushed data": ".pushsection .rodata\n.pushsection .data\ncli\n.popsection\ncli\n.popsection\nnop",
    "sections by .previous": ".data\n.text\nnop\n.previous\ncli",
    "a dynamic statement": ".macro m a:vararg\n\\a\n.endm\nm nop\nm mov $1, %rax\nm .byte 250\nm rep movsb\nm",
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone_means_byte_for_byte(tmp_path: Path, name: str) -> None:
    text = LEFT_ALONE[name] + "\n"
    assert assemble(text, tmp_path).path.read_bytes() == assemble_plain(text, tmp_path).path.read_bytes()


def test_other_code_of_the_same_file_stays_in_step(tmp_path: Path) -> None:
    """With sites in .text, the sections that are left alone still hold what the assembler alone makes of them."""
    text = '.text\ncli\n.macro m\nrdmsr\n.endm\n.section .altinstr_replacement,"ax"\nm\nsti\n.data\nm\n.text\nm\n'
    made, plain = assemble(text, tmp_path), assemble_plain(text, tmp_path)
    assert made.classes == ["cli", "rdmsr"]
    for section in (".altinstr_replacement", ".data"):
        assert made.sections[section] == plain.sections[section]


@pytest.mark.parametrize("option", ["--32", "--x32"])
def test_objects_that_are_not_64_bit(tmp_path: Path, option: str) -> None:
    text = "cli\nhlt\n"
    assert (
        assemble(text, tmp_path, option).path.read_bytes() == assemble_plain(text, tmp_path, option).path.read_bytes()
    )


@pytest.mark.parametrize(
    ("path", "patterns", "skipped"),
    [
        ("arch/x86/entry/vdso/vclock_gettime.s", "", True),
        ("arch/x86/entry/vdso/vma.s", "", False),
        ("arch/x86/realmode/rm/trampoline_64.s", "", True),
        ("arch/x86/realmode/init.s", "", False),
        ("arch/x86/boot/compressed/head_64.s", "", True),
        ("user/init.s", "", False),
        ("user/init.s", "*.c:user/*", True),
        ("user/init.s", "user/*:!*/init.s", False),
        ("arch/x86/entry/vdso/vclock_gettime.s", "!*/vdso/*", False),
    ],
)
def test_skipped_files(tmp_path: Path, path: str, patterns: str, skipped: bool) -> None:
    made = assemble("cli\n", tmp_path, name=path, env={"PREVIRT_SKIP": patterns})
    assert made.classes == ([] if skipped else ["cli"])


def test_the_output_path_is_matched_too(tmp_path: Path) -> None:
    (tmp_path / "vdso").mkdir()
    (tmp_path / "x.c").write_text('void f(void) { asm("rdtsc" ::: "eax", "edx"); }\n')
    command = ["gcc", f"-B{STAND_IN_DIR}", "-c", "x.c", "-o"]
    subprocess.run([*command, "./vdso/x.o"], cwd=tmp_path, check=True)
    subprocess.run([*command, "./x.o"], cwd=tmp_path, check=True)
    assert read_object(tmp_path / "vdso" / "x.o").classes == []
    assert read_object(tmp_path / "x.o").classes == ["rdtsc"]
