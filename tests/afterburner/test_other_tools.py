"""Code of other compilers and assemblers: annotated where it is GNU assembly on its way, else named."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from assembling import MACROS, RESERVE, STAND_IN_DIR, assemble, assemble_plain

import previrt

if TYPE_CHECKING:
    from pathlib import Path

START = """
    .text
    .globl startup_64
startup_64:
    mov $stack, %rsp
    call kmain
1:  hlt
    jmp 1b
    .bss
    .space 8192
stack:
    .section .note.GNU-stack,"",@progbits
"""
NASM = """
bits 64
section .text
global kmain
kmain:
    cli
    mov al, 'O'
    mov dx, 0x3f8
    out dx, al
    ret
section .note.GNU-stack noalloc noexec nowrite progbits
"""
RUST = """
#![no_std]
#![crate_type = "rlib"]
use core::arch::asm;
unsafe fn outb(p: u16, v: u8) { asm!("out dx, al", in("dx") p, in("al") v); }
#[no_mangle] pub unsafe extern "C" fn kmain() -> ! {
    asm!("cli");
    for b in b"OK\\n" { outb(0x3f8, *b); }
    asm!("out dx, ax", in("dx") 0x604u16, in("ax") 0x2000u16);
    loop { asm!("hlt"); }
}
"""
RUSTC = "rustc -O -C panic=abort -C relocation-model=static -C no-redzone=yes".split()
TECHNIQUES = {"stand-in": f"-B{STAND_IN_DIR}", "macros": f"-Wa,{MACROS}"}


def link(folder: Path, other: str) -> Path:
    """A guest of START, the object `other` and the reserve."""
    (folder / "start.S").write_text(START)
    subprocess.run(["gcc", TECHNIQUES["stand-in"], "-c", "start.S"], cwd=folder, check=True)
    subprocess.run(["gcc", "-c", RESERVE, "-o", "reserve.o"], cwd=folder, check=True)
    command = ["ld", "-e", "startup_64", "--gc-sections", "start.o", other, "reserve.o", "-o", "guest"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "guest"


def uncovered(guest: Path) -> list[tuple[str, str]]:
    """Symbol and instruction of what is sensitive and in no site."""
    coverage = previrt.link(guest, "bare", dry_run=True, uncovered=True).coverage
    assert coverage is not None
    return [(found.symbol.partition("+")[0], found.instruction) for found in coverage.uncovered]


def test_nasm_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.asm").write_text(NASM)
    subprocess.run(["nasm", "-f", "elf64", "other.asm"], cwd=tmp_path, check=True)
    assert uncovered(link(tmp_path, "other.o")) == [("kmain", "cli"), ("kmain", "out %al,%dx")]


def test_an_object_of_rustc_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.rs").write_text(RUST)
    subprocess.run([*RUSTC, "--emit", "obj", "other.rs"], cwd=tmp_path, check=True)
    found = uncovered(link(tmp_path, "other.o"))
    assert {symbol for symbol, _ in found} == {"kmain"}
    assert {instruction for _, instruction in found} == {"cli", "hlt", "out %al,%dx", "out %ax,%dx"}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_assembly_of_rustc_is_annotated(tmp_path: Path, technique: str) -> None:
    (tmp_path / "other.rs").write_text(RUST)
    subprocess.run([*RUSTC, "--emit", "asm", "other.rs"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", TECHNIQUES[technique], "-c", "other.s"], cwd=tmp_path, check=True)
    guest = link(tmp_path, "other.o")
    assert uncovered(guest) == []
    previrt.link(guest, "lol", output=tmp_path / "lol")
    done = subprocess.run([tmp_path / "lol"], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"OK\n")


@pytest.mark.parametrize("linker", ["bfd", "gold", "lld"])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_code_in_a_section_declared_without_flags(tmp_path: Path, technique: str, linker: str) -> None:
    """As in a public hobby kernel: only the linker script makes it code."""
    (tmp_path / "a.S").write_text(
        ".section .bootstrap\n.globl start\nstart: cli\nmov %eax, %ds\n1: hlt\njmp 1b\n"
        '.section .comment\n.ascii "cli"\n.section .debug_x\n.byte 1\n.section .note.GNU-stack,"",@progbits\n'
    )
    (tmp_path / "a.lds").write_text(
        "ENTRY(start) SECTIONS { . = 0x200000; .text : { *(.bootstrap) *(.text .text.*) } }"
    )
    subprocess.run(["gcc", TECHNIQUES[technique], "-c", "a.S"], cwd=tmp_path, check=True)
    subprocess.run([f"ld.{linker}", "-T", "a.lds", "a.o", "-o", "guest"], cwd=tmp_path, check=True)
    report = previrt.link(tmp_path / "guest", "bare", output=tmp_path / "bound")
    assert {name: sum(forms.values()) for name, forms in report.forms.items()} == {"cli": 1, "mov_to_seg": 1, "hlt": 1}


def test_flat_binaries_are_as_without(tmp_path: Path) -> None:
    """int and padding, jump back: no note between them and the start of the file."""
    text = "start: int $0x40\njmp start\n"
    made = {"plain": assemble_plain(text, tmp_path).path.read_bytes(), "": assemble(text, tmp_path).path.read_bytes()}
    (tmp_path / "a.S").write_text(text)
    macros = ["gcc", TECHNIQUES["macros"], "-c", "a.S", "-o", "macros.o"]
    subprocess.run(macros, cwd=tmp_path, check=True)
    made["macros"] = (tmp_path / "macros.o").read_bytes()
    for name, contents in made.items():
        (tmp_path / "a.o").write_bytes(contents)
        subprocess.run(["ld", "-Ttext", "0", "-e", "0", "a.o", "-o", "a.elf"], cwd=tmp_path, check=True)
        subprocess.run(["objcopy", "-O", "binary", "a.elf", "a.bin"], cwd=tmp_path, check=True)
        expected = "cd40ebfc" if name == "plain" else "cd40" + 6 * "90" + "ebf6"
        assert (tmp_path / "a.bin").read_bytes().hex() == expected


@pytest.mark.parametrize("linker", ["bfd", "lld"])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_load_addresses_are_as_without(tmp_path: Path, technique: str, linker: str) -> None:
    (tmp_path / "a.S").write_text(
        '.globl startup_64\nstartup_64: cli\nhlt\n.balign 64\n.section .rodata,"a"\n.fill 0x400,1,1\n.data\n.quad 2\n'
        '.section .note.GNU-stack,"",@progbits\n'
    )
    (tmp_path / "lma.lds").write_text(
        "ENTRY(startup_64) SECTIONS { . = 0xffffffff80100000; .text : AT(0x100000) { *(.text .text.*) } "
        ".rodata : { *(.rodata*) } .tab : AT(LOADADDR(.rodata) + SIZEOF(.rodata)) { *(.tab) BYTE(0) } "
        ". = ALIGN(0x1000); .data : { *(.data .data.*) } .bss : { *(.bss) } }"
    )
    layouts = []
    for option in ("-DPLAIN", TECHNIQUES[technique]):
        subprocess.run(["gcc", option, "-c", "a.S"], cwd=tmp_path, check=True)
        subprocess.run([f"ld.{linker}", "-T", "lma.lds", "a.o", "-o", "a"], cwd=tmp_path, check=True)
        command = ["objdump", "-p", "a"]
        said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        layouts.append([line.partition("align")[0] for line in said.splitlines() if "LOAD" in line or "paddr" in line])
    assert layouts[0] == layouts[1] != []
