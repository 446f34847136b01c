"""`previrt-inspect --uncovered`: each kind of code that no afterburner saw, named by symbol; what is exempt and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from objdump_judge import sensitive_by_objdump
from plain_objects import assemble, compile_plain, guest

import previrt
from linker.bind.uncovered import Looked, look_at
from linker.coverage.judge import KEPT
from linker.errors import LinkError, UsageError

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
START = ".globl startup_64\nstartup_64: cli\nhlt\ncall hidden\njmp startup_64\n"
HIDDEN = ".text\n.globl hidden\nhidden: push %rax\nmov %cr3,%rax\nsti\npop %rax\nret\n"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.inspect", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT)


def told(looked: Looked) -> list[tuple[str, str, str]]:
    return [(row.symbol, row.class_name, row.section) for row in looked.coverage.uncovered]


@pytest.mark.parametrize("architecture", ["x86_64", "i386", "ia64"])
def test_an_object_of_the_plain_assembler(architecture: str, tmp_path: Path) -> None:
    """Labels without a type, as nasm makes them."""
    texts = {
        "x86_64": "entry: nop\ncli\nnext: mov %rax,%cr4\n.byte 0xfa\nret\n",
        "i386": "entry: nop\ncli\nnext: mov %eax,%cr4\n.byte 0xfa\nret\n",
        "ia64": "entry: (p6) rsm 0x4000 ;;\nnext: mov cr.itm=r2 ;;\nsrlz.d ;;\nbr.ret.sptk.many b0 ;;\n",
    }
    classes = ["rsm", "mov_to_cr", "srlz_d"] if architecture == "ia64" else ["cli", "mov_to_cr", "cli"]
    path = assemble(texts[architecture], tmp_path / "o", architecture)
    looked = look_at(path)
    assert (looked.sites, looked.target, looked.architecture) == (None, "", architecture)
    assert [(symbol.split("+")[0], name) for symbol, name, _ in told(looked)] == list(
        zip(["entry", "next", "next"], classes, strict=True)
    )
    judged = sensitive_by_objdump(path, architecture)
    assert {row.va: row.instruction.removeprefix("(p06) ").split()[0] for row in looked.coverage.uncovered} == {
        va: text.split()[0] for va, text in judged.items()
    }
    assert looked.coverage.outside == 3


def test_beside_annotated_code_and_in_a_bound_image(tmp_path: Path) -> None:
    image = guest(tmp_path, START, assemble(HIDDEN, tmp_path / "hidden.o"))
    hidden = [("hidden+0x1", "mov_from_cr", ".text"), ("hidden+0x4", "sti", ".text")]
    looked = look_at(image)
    assert (looked.sites, told(looked)) == (2, hidden)
    for target in ("bare", "lol", "xen"):
        previrt.link(image, target, output=tmp_path / target)
        bound = look_at(tmp_path / target)
        assert (bound.target, told(bound)) == (target, hidden)


def test_in_an_image_grown_by_the_linker(tmp_path: Path) -> None:
    """The module is in segments of its own there, and none of its code is the guest's."""
    image = guest(tmp_path, START, assemble(HIDDEN, tmp_path / "hidden.o"), reserve=False)
    previrt.link(image, "lol", output=tmp_path / "grown")
    assert previrt.link(tmp_path / "grown", "bare", dry_run=True).previous == "lol"
    assert told(look_at(tmp_path / "grown")) == told(look_at(image)) != []


def test_code_in_a_section_without_flags(tmp_path: Path) -> None:
    text = (
        '.section .boot\n.globl startup_64\nstartup_64: cli\n1: hlt\njmp 1b\n.section .comment\n.ascii "\\372\\372"\n'
    )
    path = assemble(text, tmp_path / "o")
    assert told(look_at(path)) == [("startup_64", "cli", ".boot"), ("startup_64+0x1", "hlt", ".boot")]
    assert {row.remark for row in look_at(path).coverage.uncovered} == {"its section has no execute flag"}
    (tmp_path / "l").write_text("ENTRY(startup_64) SECTIONS { . = 0x200000; .text : { *(.boot) *(.text) } }")
    subprocess.run(["ld", "-T", tmp_path / "l", path, "-o", tmp_path / "linked"], check=True)
    assert [row.symbol for row in look_at(tmp_path / "linked").coverage.uncovered] == ["startup_64", "startup_64+0x1"]


def test_a_function_in_a_data_section(tmp_path: Path) -> None:
    """Marked as a function, or where the image starts."""
    text = '.section .odd,"a"\n.type odd,@function\nodd: cli\nret\n.section .rodata\ndata: .byte 0xfa,0xfb\n'
    assert told(look_at(assemble(text, tmp_path / "o"))) == [("odd", "cli", ".odd")]


def test_functions_of_comdat_groups_by_a_compiler(tmp_path: Path) -> None:
    text = 'inline __attribute__((noinline)) void off() { asm volatile("cli"); }\n'
    text += (
        'template<int N> __attribute__((noinline)) void wait() { asm volatile("hlt"); }\nvoid f() { off(); wait<3>(); }'
    )
    found = told(look_at(compile_plain(text, tmp_path / "o")))
    assert sorted((symbol.split("+")[0], name) for symbol, name, _ in found) == [
        ("_Z3offv", "cli"),
        ("_Z4waitILi3EEvv", "hlt"),
    ]
    assert all(section.startswith(".text._Z") for _, _, section in found)


def test_an_instruction_of_no_class(tmp_path: Path) -> None:
    looked = look_at(assemble("f: stgi\nret\n", tmp_path / "o"))
    assert told(looked) == [("f", "", ".text")]
    assert "(none)" in run("--uncovered", tmp_path / "o").stdout


def test_what_traps_by_itself_needs_no_site(tmp_path: Path) -> None:
    coverage = look_at(assemble("f: ud2\nret\nint3\nint3\n", tmp_path / "o")).coverage
    assert (coverage.outside, coverage.reasons) == (0, {"traps by itself on every target": 3})


def test_data_in_code_is_named_and_passed_over(tmp_path: Path) -> None:
    text = "f: ret\n.type table,@object\n.size table,4\ntable: .byte 0xfa,0xfa,0xfb,0xf4\nlabel: .byte 0xfa\nret\n"
    coverage = look_at(assemble(text, tmp_path / "o")).coverage
    assert [row.symbol for row in coverage.uncovered] == ["label"]
    assert [(row.name, row.va, row.len) for row in coverage.passed] == [(".text", 1, 4)]
    assert coverage.code_len == 3


def test_an_instruction_that_a_label_divides(tmp_path: Path) -> None:
    """Jumped over and jumped into: both readings count, and the one that reaches over a label is not lost."""
    inside = look_at(assemble("f: .byte 0xb8\ninto: cli\nnop\nnop\nnop\nret\n", tmp_path / "a"))
    assert told(inside) == [("into", "cli", ".text")]
    over = look_at(assemble("f: .byte 0x0f\ninto: .byte 0x20,0xd8\nret\n", tmp_path / "b"))
    assert told(over) == [("f", "mov_from_cr", ".text")]


def test_behind_filler_and_at_the_end_of_a_section(tmp_path: Path) -> None:
    for filler in ("0xcc", "0"):
        looked = look_at(assemble(f"f: ret\n.fill 33,1,{filler}\ncli\n.byte 0x0f,0x01\n", tmp_path / "o"))
        assert told(looked) == [("f+0x22", "cli", ".text")]


def test_an_image_without_section_headers(tmp_path: Path) -> None:
    path = tmp_path / "image"
    subprocess.run(["ld", assemble(HIDDEN, tmp_path / "o"), "-e", "hidden", "-o", path], check=True)
    contents = bytearray(path.read_bytes())
    contents[40:48] = bytes(8)  # e_shoff
    contents[58:64] = bytes(6)  # e_shentsize, e_shnum, e_shstrndx
    path.write_bytes(contents)
    assert told(look_at(path)) == [
        ("(no section)+0x1", "mov_from_cr", "(no section)"),
        ("(no section)+0x4", "sti", "(no section)"),
    ]


ALTERNATIVES = """
.globl startup_64
startup_64: nop
patched: {place}
.byte 0x90,0x90,0x90,0x90,0x90
ret
.section .altinstr_replacement,"ax"
1: lfence
{instruction}
2:
.section .altinstructions,"a"
.long patched - ., 1b - .
{feature}
.byte 8, 2b - 1b
"""


@pytest.mark.parametrize("feature", [".word 7", ".long 7"])
def test_what_alternatives_write_is_named_by_the_place_it_goes_to(feature: str, tmp_path: Path) -> None:
    text = ALTERNATIVES.format(place="lfence", instruction="rdtsc", feature=feature)
    subprocess.run(["ld", "-e0", assemble(text, tmp_path / "o"), "-o", tmp_path / "image"], check=True)
    coverage = look_at(tmp_path / "image").coverage
    assert (coverage.outside, coverage.over_sites) == (0, {})
    assert [(row.symbol, row.class_name, row.remark) for row in coverage.exempt] == [
        (".altinstr_replacement+0x3", "rdtsc", "over patched")
    ]
    assert "written over at run time: patched" in run("--uncovered", tmp_path / "image").stdout


def test_a_site_that_alternatives_write_over(tmp_path: Path) -> None:
    text = ALTERNATIVES.format(place="rdtsc", instruction="rdtsc", feature=".word 7")
    assert look_at(guest(tmp_path, text)).coverage.over_sites == {"alternatives": 1}


@pytest.mark.parametrize(("place", "over"), [("jmp 1f", 0), (".byte 0x66,0x90", 0), ("nopl 0(%rax,%rax)", 1)])
def test_a_site_behind_or_in_a_jump_label(place: str, over: int, tmp_path: Path) -> None:
    """Linux jumps by 2 bytes or 5; what stands there says which. Five bytes from the third case's key reach a site."""
    before = f"key: {place}\n" if over == 0 else f".set key, . + 4\n{place}\n"
    text = f".globl startup_64\nstartup_64: {before}cli\n1: ret\n"
    text += '.section __jump_table,"a"\n.long key - ., 1b - .\n.quad 0\n'
    assert look_at(guest(tmp_path, text)).coverage.over_sites == ({"jump labels": 1} if over else {})


EARLY = {
    "PVH": '.section .note.Xen,"a",@note\n.long 4,8,18\n.asciz "Xen"\n.quad early\n',
    "Multiboot": ".balign 8\n.type mb,@object\nmb: .long 0x1badb002,0,-0x1badb002\n.size mb,12\n",
    "Multiboot2": ".balign 8\n.type mb,@object\nmb: .long 0xe85250d6,0,24,-(0xe85250d6+24),0,8\n.size mb,24\n",
}


@pytest.mark.parametrize("loader", EARLY)
def test_32_bit_code_of_the_entry(loader: str, tmp_path: Path) -> None:
    """Branches and calls of it are followed; what nothing in it reaches is 64-bit code."""
    text = (
        ".globl early\n.code32\nearly: cli\ncall more\nmov %cr4,%eax\nljmp $8,$long\nmore: wrmsr\njc 1f\nret\n1: hlt\n"
    )
    text += f"jmp 1b\n.code64\nlong: sti\nret\n{EARLY[loader]}"
    path = assemble(text, tmp_path / "o")
    link: list[str | Path] = [
        "ld",
        "-e",
        "early",
        "-Ttext=0x200000",
        "-z",
        "max-page-size=4096",
        path,
        "-o",
        tmp_path / "image",
    ]
    subprocess.run(link, check=True)
    coverage = look_at(tmp_path / "image").coverage
    assert [row.symbol for row in coverage.uncovered] == ["long"]
    assert [row.symbol.split("+")[0] for row in coverage.exempt] == ["early", "early", "more", "more"]
    assert list(coverage.reasons) == [f"in the mode that {loader} enters in, before a target's module runs"]
    other = assemble(text.replace("badb", "bad0").replace("0xe8", "0xe9").replace("4,8,18", "4,8,17"), path)
    subprocess.run(["ld", "-e", "early", "-Ttext=0x200000", other, "-o", tmp_path / "image"], check=True)
    assert look_at(tmp_path / "image").coverage.outside == 5


def test_the_user_says_what_needs_none(tmp_path: Path) -> None:
    image = guest(tmp_path, START, assemble(HIDDEN, tmp_path / "hidden.o"))
    va = next(row.va for row in look_at(image).coverage.uncovered)
    for word, left in (("hidden", 0), ("hid*", 0), ("sti", 1), (".text", 0), (hex(va), 1), ("hidden+0x4", 1)):
        coverage = look_at(image, [word]).coverage
        assert (coverage.outside, coverage.reasons) == (left, {f"the user says so: {word}": 2 - left})
    with pytest.raises(UsageError, match="'nothing' is to be exempt"):
        look_at(image, ["hidden", "nothing"])


def test_many_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    count = 5 * KEPT
    coverage = look_at(assemble(f".fill {count},1,0xfa\n", tmp_path / "o")).coverage
    assert (coverage.outside, len(coverage.uncovered)) == (count, KEPT)
    assert f"{count - KEPT} more" in run("--uncovered", tmp_path / "o").stdout


def test_the_command(tmp_path: Path) -> None:
    image = guest(tmp_path, START, assemble(HIDDEN, tmp_path / "hidden.o"))
    done = run(image, "--uncovered")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{image}: x86_64, not bound, 2 sites, 2 sensitive instructions outside sites\n")
    assert any(line[:1] == [".text"] and line[2:] == ["hidden+0x4", "sti", "sti"] for line in lines)
    assert run(image, "--uncovered", "-q").stdout.count("\n") == 1
    said = json.loads(run(image, "--uncovered", "--json").stdout)
    assert (said["outside"], said["sites"], said["uncovered"][1]["symbol"]) == (2, 2, "hidden+0x4")
    covered = run(image, "--uncovered", "--exempt", "hidden", "-v").stdout
    assert "no sensitive instructions outside sites" in covered and "the user says so: hidden" in covered


def test_names_from_the_file_are_escaped(tmp_path: Path) -> None:
    path = assemble("aXXXXb: cli\n", tmp_path / "o")
    path.write_bytes(path.read_bytes().replace(b"aXXXXb", b"a\x1b[31b"))
    done = run("--uncovered", path)
    assert "\\x1b[31" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--uncovered", "-f", "x"), "--function and --uncovered contradict each other"),
        (("--uncovered", "-t", "lol"), "--uncovered and --target contradict each other"),
        (("--exempt", "x"), "--exempt says what --uncovered leaves out"),
        (("--uncovered", "--exempt", "nothing"), "'nothing' is to be exempt"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run(assemble("cli\n", tmp_path / "o"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x7fELF" + bytes(60))
    with pytest.raises(LinkError):
        look_at(tmp_path / "x")
    done = run("--uncovered", tmp_path / "x")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
