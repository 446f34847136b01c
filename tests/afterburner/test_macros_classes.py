"""Assembler macros on x86-64: the same sites as the stand-in, class by class and context by context.

Each text goes through both techniques; sections and records must be the same but for the source lines, which macros do
not know. What differs is in `DIFFERENT`, each with its reason.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from assembling import (
    MACROS,
    ROOT,
    Assembled,
    assemble,
    assemble_plain,
    assemble_with_macros,
    read_object,
    run_as,
    run_with_macros,
)
from spellings import SPELLINGS
from test_as_classes import BYTES
from test_as_contexts import FOUND, LEFT_ALONE

import previrt

if TYPE_CHECKING:
    from pathlib import Path

# Texts of test_as_contexts.py -> what the macros find there instead, and why.
NO_MACRO = "as looks for no macro behind a pseudo prefix"
LABEL = "a macro sees no label, so that an int3 behind a return is filler whatever stands between"
SECTION = "only sections of known names are left alone; as tells nobody the flags of a section"
NAMES = "as takes no second macro of a name: the text must `.purgem` ours first"
DIFFERENT: dict[str, tuple[list[str] | None, str]] = {
    "behind a pseudo prefix": ([], NO_MACRO),
    "the guest's int3": (["int3", "int3"], LABEL),
    "data sections": (["cli"], SECTION),
    "macros of the user's": (None, NAMES),
}
CONTEXTS = {**{name: text for name, (text, _) in FOUND.items()}, **LEFT_ALONE}
PREFIXES = [
    f"{prefix}{between}{instruction}\n"
    for prefix, instruction in (
        ("rep", "insb"),
        ("repz", "outsl"),
        ("data16", "rdmsr"),
        ("addr32", "rdmsr"),
        ("cs", "cli"),
    )
    for between in ("; ", " ", "\n\t", " # x\n", ";\n\n")
]
MORE = {
    "prefixes": "nop\n" + "nop\n".join(PREFIXES),
    "prefixes that stand alone": "rep; nop; insb\nlock; data16; rdmsr\nrep; movsb; insb",
    "prefixes and operands": (
        "rex.W mov %cr0, %rax\nrex.W push %fs\nrex64 iret\nrep movsb\ncs mov %ax, %bx\nlock incl (%rax)"
    ),
    "operands in .altmacro": (
        ".altmacro\nmov %cr0,%rax\nmov %rax,%rbx\nmov %ds,%eax\nrex.W mov %rax,%cr3\npush %fs\nlock incl (%rax)"
    ),
    "operands with commas": (
        "mov %ds, 8(%rax,%rbx,4)\nmov foo(,%rcx,8), %fs\nmov 8(%rax,%rbx,4), %rcx\nmov %gs:(%rax,%rbx), %es"
    ),
    "operands with blanks": (
        "mov % cr3 , %rax\nmov %rax , % cr3\nmov foo + 4(%rip), %eax\npush % fs\nmov $'x, %al\nmov $';', %cl"
    ),
    "names of registers as symbols": "mov ds, %eax\nmov %eax, cr0\npush fs\nmov %eax,%ds",
    "Intel operands": (
        ".intel_syntax noprefix\nmov word ptr [rax+rbx*4+8], cs\nmov ds, word ptr [rax]\nmov eax, dword ptr [rbx]\n"
        "mov eax, offset foo\njmp fword ptr [rax]\njmp far\nfar:\ncall qword ptr [rax]"
    ),
    "more filler": "ret; int3\nint3\nnotrack jmp *%rax; int3\njmp *%r11; int3\nint3\nnop; int3\ncall foo; int3",
    "sections left alone": '.pushsection .rodata\ncli\n.popsection\n.section .init.data,"aw"\ncli\n.text\ncli',
    "a relaxed branch between": (
        '.section .altinstr_replacement,"ax"\n1: jmp 2f\n.skip 200\n2: cli\n.text\njmp 1b\n.balign 16\ncli'
    ),
    "subsections": ".data\n.subsection 1\ncli\n.text\n.subsection 2\ncli\n.previous\nsti\n.previous\nhlt",
    "a COMDAT group": '.section .text.f,"axG",@progbits,f,comdat\nf: cli\nret\n.text\nhlt',
    "nothing to find": "push %rbx\nmov %rsp, %rbp\ncall foo\njmp foo\npop %rbx\nret",
}


def contents(made: Assembled) -> set[str]:
    """Records, relocations outside the tables and bytes of the sections of an object, each a line."""
    found = {
        f"{site.section} {site.start:#x}-{site.end:#x}: {site.class_name}, flags {site.flags}" for site in made.sites
    }
    listing = subprocess.run(["objdump", "-rw", made.path], check=True, capture_output=True, text=True).stdout
    section = ""
    for line in listing.splitlines():
        if line.startswith("RELOCATION RECORDS FOR "):
            section = line.split()[-1]
        elif line and not section.startswith("[.afterburn"):
            found.add(f"{section} {line}")
    found.discard(f" {made.path}:     file format elf64-x86-64")
    ours = (".afterburn", ".rela", ".note.afterburn", ".group", ".symtab", ".strtab", ".shstrtab")
    found |= {f"{name}: {data.hex()}" for name, data in made.sections.items() if not name.startswith(ours)}
    return found


def differences(made: Assembled, expected: Assembled) -> list[str]:
    """What is in one of two objects only."""
    return sorted(contents(made) ^ contents(expected))


@pytest.mark.parametrize("syntax", ["AT&T", "Intel", "upper case"])
def test_every_class_and_spelling_is_the_same_by_both_techniques(tmp_path: Path, syntax: str) -> None:
    lines = [intel or att if syntax == "Intel" else att for _, att, intel, _ in SPELLINGS]
    text = "nop\n" + "\nnop\n".join(lines) + "\nnop\n"
    text = text.upper() if syntax == "upper case" else text
    text = ".intel_syntax noprefix\n" + text if syntax == "Intel" else text
    made = assemble_with_macros(text, tmp_path)
    assert made.classes == [class_name for class_name, *_ in SPELLINGS]
    assert differences(made, assemble(text, tmp_path)) == []
    assert made.without_padding() == assemble_plain(text, tmp_path).sections[".text"]


@pytest.mark.parametrize("name", [name for name in CONTEXTS if name not in DIFFERENT] + list(MORE))
def test_contexts_are_the_same_by_both_techniques(tmp_path: Path, name: str) -> None:
    text = MORE.get(name, CONTEXTS.get(name, "")) + "\n"
    assert differences(assemble_with_macros(text, tmp_path), assemble(text, tmp_path)) == []


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_differs_as_said(tmp_path: Path, name: str) -> None:
    classes, _ = DIFFERENT[name]
    text = CONTEXTS[name] + "\n"
    if classes is None:
        (tmp_path / "in.s").write_text(text)
        assert "already defined" in run_with_macros("-o", "macros.o", "in.s", cwd=tmp_path).stderr
        text = ".purgem in\n.purgem lock\n" + text
        classes = []
    made = assemble_with_macros(text, tmp_path)
    assert made.classes == classes
    assert differences(made, assemble(CONTEXTS[name] + "\n", tmp_path)) or DIFFERENT[name][0] is None


def test_bytes_are_not_seen(tmp_path: Path) -> None:
    """`.byte` is a directive, and as lets no macro take the place of one."""
    text = "".join(f".byte {values}\n" for _, values, _ in BYTES)
    assert assemble_with_macros(text, tmp_path).classes == []
    assert len(assemble(text, tmp_path).classes) == len(BYTES)


def test_a_label_behind_a_prefix_is_inside_the_site(tmp_path: Path) -> None:
    text = "rep\n1: insb\njmp 1b\n"
    assert [site.start for site in assemble_with_macros(text, tmp_path).sites] == [0]
    assert [site.start for site in assemble(text, tmp_path).sites] == [1]


@pytest.mark.parametrize("option", ["--32", "--x32"])
def test_objects_that_are_not_64_bit(tmp_path: Path, option: str) -> None:
    text = "cli\nhlt\nmov %eax, %ds\nret\nint3\n"
    made = assemble_with_macros(text, tmp_path, option)
    if option == "--32":
        assert made.sections[".text"] == assemble_plain(text, tmp_path, option).sections[".text"]
        assert made.sites == []


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("mov rax, cr0\npush fs\nmov ds, eax\nrep insb\njmp fword ptr [rax]", ("-msyntax=intel", "-mnaked-reg")),
        ("mov cr0, %rax\npush fs\nmov %eax, ds\nmov 8(rax), ds", ("-mnaked-reg",)),
    ],
)
def test_syntax_given_as_options(tmp_path: Path, text: str, options: tuple[str, ...]) -> None:
    made = assemble_with_macros(text + "\n", tmp_path, *options)
    assert differences(made, assemble(text + "\n", tmp_path, *options)) == []
    assert len(made.sites) == len(text.splitlines())


def test_errors_name_the_user_s_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "in.s").write_text("nop\nlgdt %foo\nmov %rax\ncli # fine\n")
    done = run_with_macros("-o", "x.o", "in.s", cwd=tmp_path)
    assert done.returncode == 1
    assert "in.s:2:  Info: macro invoked from here" in done.stderr
    assert "in.s:3:  Info: macro invoked from here" in done.stderr
    assert "in.s:4" not in done.stderr


def test_gcc_passes_the_macros_on(tmp_path: Path) -> None:
    macros = subprocess.run(
        [sys.executable, "-m", "afterburner.cli", "--macros", "x86_64"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert macros == str(MACROS)
    source = 'void f(void) { asm volatile("cli; mov %%cr3, %%rax" ::: "rax"); }\n'
    (tmp_path / "x.c").write_text(source)
    outputs = []
    for options in ([f"-Wa,{macros}"], [f"-Wa,{macros},-", "-pipe"]):
        subprocess.run(["gcc", *options, "-O2", "-c", "x.c"], cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
        outputs.append((tmp_path / "x.o").read_bytes())
    assert outputs[0] == outputs[1]
    assert read_object(tmp_path / "x.o").classes == ["cli", "mov_from_cr"]


def test_debug_information_names_the_user_s_lines(tmp_path: Path) -> None:
    (tmp_path / "in.s").write_text("nop\ncli\nmov %cr0, %rax\nnop\n")
    assert run_with_macros("-g", "-o", "x.o", "in.s", cwd=tmp_path).returncode == 0
    command = ["objdump", "--dwarf=decodedline", "x.o"]
    shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    rows = [line.split()[:3] for line in shown.splitlines() if line.startswith("in.s ")]
    assert [(row[1], row[2]) for row in rows] == [("1", "0"), ("2", "0x1"), ("3", "0x9"), ("4", "0x11"), ("-", "0x12")]


def test_both_techniques_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.s").write_text("cli\n")
    done = run_as(MACROS, "-o", "x.o", "in.s", cwd=tmp_path)
    assert done.returncode != 0
    assert b"use one" in done.stderr


def test_the_macro_file_is_what_the_class_tables_give() -> None:
    command = [sys.executable, "-m", "afterburner.macros", "x86_64"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert made == MACROS.read_text(), "run `make macros` and commit the result"


def test_objects_of_both_techniques_make_one_image(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text(".globl _start\n_start: cli\nmov %cr3, %rax\n")
    (tmp_path / "b.s").write_text("sti\nrep insb\n")
    assert run_with_macros("-o", "a.o", "a.s", cwd=tmp_path).returncode == 0
    assert run_as("-o", "b.o", "b.s", cwd=tmp_path).returncode == 0
    subprocess.run(["ld", "--fatal-warnings", "-o", "image", "a.o", "b.o"], cwd=tmp_path, check=True)
    notes = subprocess.run(["readelf", "-n", "image"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert notes.count("previrt") == 2  # what it is, and room to say what it is bound to: once an image
    report = previrt.link(tmp_path / "image", "bare", output=tmp_path / "bound")
    assert report.bound == report.sites == 4
