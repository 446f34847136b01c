"""The stand-in as gcc and people call it: arguments, messages, exit status, what it leaves behind."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from assembling import RESERVE, ROOT, STAND_IN_DIR, assemble, disassemble, read_object, run_as
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

C_SOURCE = """
static inline void irq_off(void)
{
	asm volatile("cli" ::: "memory");
}
int f(int x)
{
	irq_off();
	return x * 3;
}
"""


def test_gcc_runs_it_and_records_name_the_c_source(tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text(C_SOURCE)
    for options in (["-O2"], ["-O2", "-pipe"], ["-O2", "-g"], ["-O2", "-masm=intel"], ["-O2", "-save-temps"]):
        subprocess.run(["gcc", f"-B{STAND_IN_DIR}", *options, "-c", "f.c"], cwd=tmp_path, check=True)
        (site,) = read_object(tmp_path / "f.o").sites
        assert (site.class_name, site.file, site.line) == ("cli", "f.c", 4), options


def test_debug_information_still_names_the_user_s_lines(tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text(C_SOURCE)
    subprocess.run(["gcc", f"-B{STAND_IN_DIR}", "-O2", "-g", "-c", "f.c"], cwd=tmp_path, check=True)
    (tmp_path / "s.s").write_text(".text\nnop\ncli\nnop\n")
    assert run_as("-g", "-o", "s.o", "s.s", cwd=tmp_path).returncode == 0
    for name, address, expected in (("f.o", "0", "f.c:4"), ("s.o", "1", "s.s:3"), ("s.o", "9", "s.s:4")):
        out = subprocess.run(["addr2line", "-e", tmp_path / name, address], capture_output=True, text=True, check=True)
        assert out.stdout.strip().split("/")[-1] == expected


def test_compiler_generated_instructions_take_their_line_from_the_debug_information(tmp_path: Path) -> None:
    (tmp_path / "t.c").write_text("void f(void)\n{\n\t__builtin_trap();\n}\n")
    command = ["gcc", f"-B{STAND_IN_DIR}", "-O2", "-c", "t.c"]
    subprocess.run([*command, "-g"], cwd=tmp_path, check=True)
    (site,) = read_object(tmp_path / "t.o").sites
    assert (site.class_name, site.line, site.file.split("/")[-1]) == ("ud2", 3, "t.c")
    subprocess.run(command, cwd=tmp_path, check=True)
    assert read_object(tmp_path / "t.o").sites[0].line == 0  # the line of a temporary file would say nothing


def test_hand_written_source_is_named_by_the_preprocessor_or_itself(tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text("#define OFF cli\n")
    (tmp_path / "p.S").write_text('#include "h.h"\n/* two\n lines */\n\tOFF\n')
    subprocess.run(["gcc", f"-B{STAND_IN_DIR}", "-c", "p.S"], cwd=tmp_path, check=True)
    (site,) = read_object(tmp_path / "p.o").sites
    assert (site.file, site.line) == ("p.S", 4)
    (site,) = assemble("/* a\n b */\nnop\ncli\n", tmp_path, name="own.s").sites
    assert (site.file, site.line) == ("own.s", 4)


@pytest.mark.parametrize("pipe", [False, True])
def test_errors_name_the_user_s_file_and_line(tmp_path: Path, pipe: bool) -> None:
    (tmp_path / "b.s").write_text("cli\n.macro m\nsti\nbogus %rax\n.endm\nhlt; cli\nwrong %rbx\nm\n")
    if pipe:
        done = run_as("-o", "b.o", cwd=tmp_path, stdin=(tmp_path / "b.s").read_bytes())
        plain = subprocess.run(
            ["as", "-o", "b.o"], check=False, cwd=tmp_path, input=(tmp_path / "b.s").read_bytes(), capture_output=True
        )
    else:
        done = run_as("-o", "b.o", "b.s", cwd=tmp_path)
        plain = subprocess.run(["as", "-o", "b.o", "b.s"], check=False, cwd=tmp_path, capture_output=True)
    assert done.returncode == plain.returncode == 1
    assert done.stderr == plain.stderr
    assert not (tmp_path / "b.o").exists()


def test_nothing_sensitive_gives_the_same_object(tmp_path: Path) -> None:
    (tmp_path / "n.c").write_text('#include <stdio.h>\nint main(void) { puts("in; out\\n"); return 0; }\n')
    for options in (["-O2"], ["-O2", "-g"], ["-O0", "-pipe"]):
        subprocess.run(["gcc", *options, "-c", "n.c", "-o", "plain.o"], cwd=tmp_path, check=True)
        subprocess.run(["gcc", f"-B{STAND_IN_DIR}", *options, "-c", "n.c", "-o", "n.o"], cwd=tmp_path, check=True)
        assert (tmp_path / "n.o").read_bytes() == (tmp_path / "plain.o").read_bytes()


def test_it_leaves_no_file_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "a.s").write_text("cli\n")
    assert run_as("-o", "a.o", "a.s", cwd=tmp_path, env={"TMPDIR": str(temporary)}).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.o", "a.s", "tmp"]
    assert not list(temporary.iterdir())


def test_every_way_to_name_the_input(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("cli\n")
    (tmp_path / "b.s").write_text("x: hlt\nnop\nrdtsc\n")
    (tmp_path / "words").write_text("-o w.o 'a.s'\n")
    stdin = b"sti\n"
    for arguments, classes in (
        (["-o", "o.o", "a.s", "b.s"], ["cli", "hlt", "rdtsc"]),
        (["-oo.o", "--", "a.s"], ["cli"]),
        (["-o", "o.o", "-"], ["sti"]),
        (["-o", "o.o"], ["sti"]),
        (["-o", "o.o", "a.s", "-"], ["cli", "sti"]),
        (["@words", "-o", "o.o"], ["cli"]),
        (
            [
                "-o",
                "o.o",
                "--defsym",
                "y=1",
                "-I",
                "inc",
                "-Iinc",
                "--gdwarf-5",
                "-march=generic64",
                "-mtune=core2",
                "a.s",
            ],
            ["cli"],
        ),
        (["-o", "o.o", "-defsym", "y=1", "--fatal-warnings", "-W", "--noexecstack", "a.s"], ["cli"]),
    ):
        done = run_as(*arguments, cwd=tmp_path, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stderr)
        assert read_object(tmp_path / "o.o").classes == classes, arguments
    made = assemble("", tmp_path, "a.s", "b.s")
    assert [(site.file, site.line) for site in made.sites] == [("a.s", 1), ("b.s", 1), ("b.s", 3)]


def test_the_default_output_is_a_out(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("cli\n")
    assert run_as("a.s", cwd=tmp_path).returncode == 0
    assert read_object(tmp_path / "a.out").classes == ["cli"]


def test_syntax_given_as_options(tmp_path: Path) -> None:
    assert assemble("mov rax, cr0\n", tmp_path, "-msyntax=intel", "-mnaked-reg").classes == ["mov_from_cr"]
    assert assemble("mov cr0, %rax\n", tmp_path, "-mnaked-reg").classes == ["mov_from_cr"]


def test_included_files_are_rewritten_and_named(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "inc" / "one.s").write_text('nop\ncli\n.include "two.s"\nsti\n')
    (tmp_path / "inc" / "two.s").write_text("hlt\n")
    made = assemble('.include "one.s"\nrdtsc\n', tmp_path, "-I", "inc", "--MD", "deps")
    assert [(site.class_name, site.file, site.line) for site in made.sites] == [
        ("cli", "inc/one.s", 2),
        ("hlt", "inc/two.s", 1),
        ("sti", "inc/one.s", 4),
        ("rdtsc", "in.s", 2),
    ]
    assert (tmp_path / "deps").read_text().split() == ["out.o:", "in.s", "inc/one.s", "inc/two.s"]
    done = run_as("-o", "x.o", "in.s", cwd=tmp_path)
    assert done.returncode == 1
    assert b"in.s:1: Error: can't open one.s" in done.stderr


def test_listings_show_the_text_and_not_the_macros(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("nop\ncli\n")
    done = run_as("-al", "-o", "a.o", "a.s", cwd=tmp_path)
    assert done.returncode == 0
    assert b"FA909090" in done.stdout
    assert b".macro" not in done.stdout


def test_a_missing_file_is_reported_by_the_assembler(tmp_path: Path) -> None:
    done = run_as("-o", "x.o", "none.s", cwd=tmp_path)
    plain = subprocess.run(["as", "-o", "x.o", "none.s"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == plain.returncode == 1
    assert done.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


def test_the_assembler_s_own_questions_reach_it(tmp_path: Path) -> None:
    for option in ("--version", "--help", "--target-help"):
        plain = subprocess.run(["as", option], capture_output=True, check=True)
        assert run_as(option, cwd=tmp_path).stdout == plain.stdout


def test_the_assembler_can_be_chosen(tmp_path: Path) -> None:
    fake = tmp_path / "my-as"
    fake.write_text('#!/bin/sh\necho "$@" > called\nexit 7\n')
    fake.chmod(0o755)
    for text, last in (("cli\n", "-"), ("nop\n", "a.s")):
        (tmp_path / "a.s").write_text(text)
        done = run_as("-o", "a.o", "a.s", cwd=tmp_path, env={"PREVIRT_REAL_AS": str(fake)})
        assert done.returncode == 7
        assert (tmp_path / "called").read_text().split() == ["-o", "a.o", last]


def test_no_assembler_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("cli\n")
    for env in ({"PREVIRT_REAL_AS": "/nowhere/as"}, {"PATH": str(STAND_IN_DIR)}):
        done = subprocess.run(
            [sys.executable, "-IS", STAND_IN_DIR.parent / "launch.py", "-o", "a.o", "a.s"],
            cwd=tmp_path,
            capture_output=True,
            env={**os.environ, **env},
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith(b"previrt-as: ")
        assert done.stderr.count(b"\n") == 1


def test_first_on_path_it_finds_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("cli\n")
    (tmp_path / "n.s").write_text("nop\n")
    path = f"{STAND_IN_DIR}:{os.environ['PATH']}"
    for name in ("a.s", "n.s"):
        done = run_as("-o", "a.o", name, cwd=tmp_path, env={"PATH": path})
        assert (done.returncode, done.stderr) == (0, b"")


def previrt_as(*arguments: str) -> str:
    command = [sys.executable, "-m", "afterburner.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_command_says_where_things_are(tmp_path: Path) -> None:
    assert os.access(Path(previrt_as("--print-dir").strip()) / "as", os.X_OK)
    assert Path(previrt_as("--print-reserve").strip()) == RESERVE
    assert "--print-dir" in previrt_as("--help")
    assert previrt_as("--version").startswith("previrt-as (previrt)")
    (tmp_path / "a.s").write_text("cli\n")
    previrt_as(str(tmp_path / "a.s"), "-o", str(tmp_path / "a.o"))
    assert read_object(tmp_path / "a.o").classes == ["cli"]


def test_the_notes_come_once_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text(".globl _start\n_start: cli\n")
    (tmp_path / "b.s").write_text("sti\n")
    for name in ("a", "b"):
        assert run_as("-o", f"{name}.o", f"{name}.s", cwd=tmp_path).returncode == 0
    subprocess.run(["ld", "-o", "image", "a.o", "b.o"], cwd=tmp_path, check=True)
    with (tmp_path / "image").open("rb") as file:
        elf = ELFFile(file)
        notes = elf.get_section_by_name(".note.afterburn")
        assert isinstance(notes, NoteSection)
        found = [(note["n_name"], note["n_type"], note["n_descdata"]) for note in notes.iter_notes()]
        assert all(segment.header.p_type != "PT_NOTE" for segment in elf.iter_segments()), "it is not loaded"
        table = elf.get_section_by_name(".afterburn")
        assert table is not None
        records = list(struct.iter_unpack("<QQ", table.data()))
    annotation = struct.pack("<HHHH24s", 1, 62, 16, 16, b"previrt-as 1")
    assert [(name, descriptor) for name, _, descriptor in found] == [
        ("previrt", annotation),
        ("previrt", bytes(40)),
    ]
    assert [end - start for start, end in records] == [8, 8]


def test_a_dropped_comdat_group_takes_its_records_along(tmp_path: Path) -> None:
    group = '.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: cli\nret\n'
    (tmp_path / "a.s").write_text(".globl _start\n_start: hlt\n" + group)
    (tmp_path / "b.s").write_text("wrmsr\n" + group)
    for name in ("a", "b"):
        assert run_as("-o", f"{name}.o", f"{name}.s", cwd=tmp_path).returncode == 0
    subprocess.run(["ld", "--fatal-warnings", "-o", "image", "a.o", "b.o"], cwd=tmp_path, check=True)
    with (tmp_path / "image").open("rb") as file:
        elf = ELFFile(file)
        sizes = []
        for name in (".afterburn", ".afterburn.info", ".afterburn.undo"):
            section = elf.get_section_by_name(name)
            assert section is not None
            sizes.append(section["sh_size"])
    assert sizes == [48, 48, 48]  # hlt, cli once, wrmsr


def test_the_reserve(tmp_path: Path) -> None:
    (tmp_path / "start.s").write_text(".globl startup_64\nstartup_64: nop\n")
    subprocess.run(["gcc", "-c", RESERVE, "-o", "reserve.o"], cwd=tmp_path, check=True)
    small = ["-DPREVIRT_RESERVE_TEXT=8192", "-DPREVIRT_RESERVE_DATA=4096", "-DPREVIRT_ENTRY=other"]
    subprocess.run(["gcc", *small, "-c", RESERVE, "-o", "small.o"], cwd=tmp_path, check=True)
    subprocess.run(["as", "-o", "start.o", "start.s"], cwd=tmp_path, check=True)
    for name, text_len, data_len, has_entry in (("reserve", 131072, 262144, True), ("small", 8192, 4096, False)):
        command = ["ld", "-e", "startup_64", "-o", name, "start.o", f"{name}.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        with (tmp_path / name).open("rb") as file:
            elf = ELFFile(file)
            notes = elf.get_section_by_name(".note.afterburn")
            assert isinstance(notes, NoteSection)
            _bound, reserve, space = [note["n_descdata"] for note in notes.iter_notes()]
            text_va, text_size, data_va, data_size, entry_va = struct.unpack("<5Q", reserve)
            assert (text_size, data_size, len(space)) == (text_len, data_len, 512)
            assert text_va % 4096 == data_va % 4096 == 0
            assert (entry_va == elf.header.e_entry) == has_entry
            assert (entry_va == 0) != has_entry
            for segment in elf.iter_segments():
                start, end = segment["p_vaddr"], segment["p_vaddr"] + segment["p_filesz"]
                if segment["p_type"] == "PT_LOAD" and start <= text_va < end:
                    assert segment["p_flags"] & 1
                    assert segment.data()[text_va - start :][:text_size] == b"\xcc" * text_size
                if segment["p_type"] == "PT_LOAD" and start <= data_va < end:
                    assert segment["p_flags"] & 2
                    assert segment.data()[data_va - start :][:data_size] == bytes(data_size)


def test_sizes_of_the_reserve_are_checked(tmp_path: Path) -> None:
    command = ["gcc", "-DPREVIRT_RESERVE_TEXT=100", "-c", str(RESERVE), "-o", str(tmp_path / "x.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must be multiples of 4096" in done.stderr


def test_the_picture_in_the_documentation(tmp_path: Path) -> None:
    made = assemble("f:\tcli\n\tret\n", tmp_path)
    assert [line.split("\t")[-1].strip() for line in disassemble(made.path)] == ["cli", *["nop"] * 7, "ret"]
