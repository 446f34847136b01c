"""Other people's linkers over what both techniques make: records of the code that stays, and of nothing else.

objdump says where the sensitive instructions of the result are; previrt-link must see a site at each of them.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from assembling import MACROS, RESERVE, STAND_IN_DIR

import previrt
from linker.bind.source import opened

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
ASM = """
static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void outb(unsigned short p, unsigned char v) { __asm__ volatile("outb %0,%1" ::"a"(v), "Nd"(p)); }
#define OFF() __asm__ volatile("outw %%ax,%%dx" ::"a"(0x2000), "d"(0x604))
"""
C = (
    ASM
    + """
void print(const char *s) { while (*s) outb(0x3f8, *s++); }
void off(void) { OFF(); for (;;) __asm__ volatile("cli; hlt"); }
void unused(void) { cli(); outb(0x80, 1); sti(); }
void __attribute__((section(".init.text"))) early(void) { cli(); }
void kmain(void) { cli(); early(); print("OK\\n"); off(); }
"""
)
# Two files have the same templates: COMDAT groups, of which one each stays.
HEADER = (
    ASM
    + """
template <int N> struct Irq { __attribute__((noinline)) static void mask() { cli(); } };
inline __attribute__((noinline)) void print(const char *s) { while (*s) outb(0x3f8, *s++); }
"""
)
CPP = (
    HEADER + 'void other();\nextern "C" void kmain() { Irq<1>::mask(); other(); OFF(); for (;;); }\n',
    HEADER + 'void unused() { Irq<2>::mask(); }\nvoid other() { Irq<1>::mask(); print("OK\\n"); }\n',
)
# The same code three times, called so that it matters that each is there.
SAME = (
    ASM
    + """
#define I(n) __attribute__((noinline)) void irq##n(void) { cli(); }
I(1) I(2) I(3)
void kmain(void) { irq1(); irq2(); irq3(); outb(0x3f8, 'O'); outb(0x3f8, 'K'); outb(0x3f8, 10); OFF(); for (;;); }
"""
)
TECHNIQUES = {"stand-in": f"-B{STAND_IN_DIR}", "macros": f"-Wa,{MACROS}"}
FLAGS = "-O1 -ffreestanding -fno-pic -mno-red-zone -fno-exceptions -fcf-protection=none -fno-asynchronous-unwind-tables"
SENSITIVE = re.compile(r"^ +([0-9a-f]+):\t(?:cli|sti|hlt|in|out)\b", re.M)
DISCARDED = "which is defined in a discarded section"


@pytest.fixture(params=TECHNIQUES)
def technique(request: pytest.FixtureRequest) -> str:
    return TECHNIQUES[str(request.param)]


def compile_all(folder: Path, technique: str, sources: tuple[tuple[str, str], ...], options: str = "") -> list[str]:
    """Objects of sources (suffix, text), of START, and of the reserve."""
    objects = []
    for number, (suffix, text) in enumerate((("S", START), *sources)):
        (folder / f"{number}.{suffix}").write_text(text)
        command = [
            "gcc",
            technique,
            *FLAGS.split(),
            "-ffunction-sections",
            *options.split(),
            "-c",
            f"{number}.{suffix}",
        ]
        subprocess.run(command, cwd=folder, check=True)
        objects.append(f"{number}.o")
    subprocess.run(["gcc", "-c", RESERVE, "-o", "reserve.o"], cwd=folder, check=True)
    return [*objects, "reserve.o"]


def run_linker(folder: Path, linker: str, objects: list[str], *options: str) -> str:
    """What the linker complains about, empty where it made `image`."""
    command = [f"ld.{linker}", *options, "-e", "startup_64", "-z", "max-page-size=4096", *objects, "-o", "image"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def check_image(folder: Path) -> str:
    """Sites are where objdump sees the instructions; the image bound to LoL runs. Returns the disassembly."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", "--section=.text", "--section=.init.text", "image"],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout.decode()
    there = {int(va, 16) for va in SENSITIVE.findall(listing)}
    found = set()
    with opened(folder / "image") as (_, _, sites):
        for group in sites.groups:
            shift = group.room_len - group.instruction.length if group.flags & 2 else 0
            found |= {sites.annotations.starts_va[n] + shift for n in group.members}
    assert found == there
    for target in ("lol", "bare", "xen"):
        previrt.link(folder / "image", target, output=folder / target)
        previrt.restore(folder / target, output=folder / "restored")
        assert (folder / "restored").read_bytes() == (folder / "image").read_bytes()
    done = subprocess.run([folder / "lol"], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"OK\n")
    return listing


@pytest.mark.parametrize("linker", ["bfd", "gold", "lld"])
def test_without_options(tmp_path: Path, technique: str, linker: str) -> None:
    objects = compile_all(tmp_path, technique, (("c", C),))
    assert not run_linker(tmp_path, linker, objects)
    assert "<unused>:" in check_image(tmp_path)


@pytest.mark.parametrize("linker", ["bfd", "lld"])
def test_dead_sections(tmp_path: Path, technique: str, linker: str) -> None:
    objects = compile_all(tmp_path, technique, (("c", C),))
    assert not run_linker(tmp_path, linker, objects, "--gc-sections")
    assert "<unused>:" not in check_image(tmp_path)


@pytest.mark.parametrize("linker", ["bfd", "lld"])
def test_comdat_groups(tmp_path: Path, technique: str, linker: str) -> None:
    objects = compile_all(tmp_path, technique, (("cc", CPP[0]), ("cc", CPP[1])))
    assert not run_linker(tmp_path, linker, objects, "--gc-sections")
    listing = check_image(tmp_path)
    assert listing.count("<_ZN3IrqILi1EE4maskEv>:") == 1
    assert "<_ZN3IrqILi2EE4maskEv>:" not in listing


def test_gold_takes_comdat_groups_and_refuses_dead_sections(tmp_path: Path, technique: str) -> None:
    """It never drops a section that is not loaded, and calls a record of dropped code an error of its own."""
    objects = compile_all(tmp_path, technique, (("cc", CPP[0]), ("cc", CPP[1])))
    assert not run_linker(tmp_path, "gold", objects)
    check_image(tmp_path)
    assert DISCARDED in run_linker(tmp_path, "gold", objects, "--gc-sections")


@pytest.mark.parametrize("linker", ["gold", "lld"])
@pytest.mark.parametrize("options", [["--icf=all"], ["--icf=all", "--gc-sections"]], ids=" ".join)
def test_identical_code_folded(tmp_path: Path, technique: str, linker: str, options: list[str]) -> None:
    objects = compile_all(tmp_path, technique, (("c", SAME),))
    assert not run_linker(tmp_path, linker, objects, *options)
    assert len(re.findall(r"\tcli", check_image(tmp_path))) == 1


@pytest.mark.parametrize("final", ["bfd", "lld"])
@pytest.mark.parametrize("first", ["bfd", "lld"])
def test_linked_in_two_steps(tmp_path: Path, technique: str, first: str, final: str) -> None:
    """GNU ld -r makes one piece of the pieces: then nothing that has sites is dropped, and nothing is lost."""
    objects = compile_all(tmp_path, technique, (("c", C),))
    subprocess.run([f"ld.{first}", "-r", *objects, "-o", "whole.o"], cwd=tmp_path, check=True)
    for options in ([], ["--gc-sections"]):
        assert not run_linker(tmp_path, final, ["whole.o"], *options)
        check_image(tmp_path)


@pytest.mark.parametrize("options", ["-flto", "-flto -ffat-lto-objects", "-flto -flto-partition=1to1"])
def test_macros_with_optimisation_at_link_time(tmp_path: Path, options: str) -> None:
    """gcc names the file of macros once for each object when it assembles what it made of all of them."""
    objects = compile_all(
        tmp_path, TECHNIQUES["macros"], (("c", C), ("c", ASM + "void more(void) { cli(); }")), options
    )
    command = [*FLAGS.split(), *options.split(), "-nostdlib", "-static", "-no-pie", "-Wl,-e,startup_64", *objects]
    done = subprocess.run(["gcc", *command, "-o", "image"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "previrt" not in done.stderr
    check_image(tmp_path)


def test_pieces_are_as_few_as_sections(tmp_path: Path, technique: str) -> None:
    """A section that the text leaves between two sites and comes back to has one piece."""
    text = '.text\ncli\n.pushsection .data\n.long 1\n.popsection\nsti\n.section .x,"ax"\nhlt\n.previous\n.text\ncli\n'
    (tmp_path / "a.S").write_text(text)
    subprocess.run(["gcc", technique, "-c", "a.S"], cwd=tmp_path, check=True)
    listing = subprocess.run(["readelf", "-SW", "a.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    # .text, .x, and .text once more: the macros know the section of the site before, no other
    assert len(re.findall(r" \.afterburn +PROGBITS", listing)) == 3


def test_discarded_by_a_script(tmp_path: Path, technique: str) -> None:
    """lld wants to know what is discarded before it places the tables."""
    tables = "".join(f".afterburn{name} 0 : {{ *(.afterburn{name}) }}\n" for name in ("", ".info", ".undo", ".str"))
    (tmp_path / "first.lds").write_text(
        "SECTIONS { /DISCARD/ : { *(.text.unused) } . = 0x200000; .text : { *(.text .text.*) *(.init.text) } "
        ". = ALIGN(4096); .rodata : { *(.rodata*) } . = ALIGN(4096); .data : { *(.data*) } .bss : { *(.bss) }"
        + tables
        + "}"
    )
    objects = compile_all(tmp_path, technique, (("c", C),))
    for linker in ("bfd", "lld"):
        assert not run_linker(tmp_path, linker, objects, "-T", "first.lds")
        assert "<unused>:" not in check_image(tmp_path)
