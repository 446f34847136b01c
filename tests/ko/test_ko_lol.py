"""A module bound to lol for a guest bound to lol: loaded by this test into the guest, it runs in a process of Linux."""

from __future__ import annotations

import subprocess
from pathlib import Path

from asmguest import PRELUDE, bind, build, run
from elftools.elf.elffile import ELFFile
from ko_kernel import load, symbols_of
from ko_objects import assemble

import previrt

# The guest exports `put`, which prints %al, and calls what is in its module area.
GUEST = """
guest:
    call module_area
    call power_off
    .section .rodata
__ksymtab_put:
    .quad put
    .data
    .balign 4096
    .globl module_area
module_area:
    .skip 65536
"""
MODULE = """
    .text
    cli
    pushfq
    pop %rax
    test $0x200, %eax
    jnz bad
    sti
    pushfq
    pop %rax
    test $0x200, %eax
    jz bad
    mov $'f', %al
    call put
    mov $0xc0000080, %ecx       # EFER
    rdmsr
    test $0x400, %eax           # LMA
    jz bad
    mov $'r', %al
    call put
    sgdt table(%rip)
    cmpw $23, table(%rip)
    jne bad
    mov $'g', %al
    call put
    lea table(%rip), %rbx
    movw $99, 2(%rbx)
    lidt (%rbx)                 # a base that is not relocated
    sidt table+16
    cmpw $23, table+16(%rip)
    jne bad
    mov %cr0, %rdx
    test $1, %dl
    jz bad
    mov $0x3fb, %dx             # COM1's line control register
    in %dx, %al
    swapgs
    swapgs
    jmp good
bad:
    mov $'!', %al
    jmp 1f
good:
    mov $'K', %al
1:  call put
    mov $10, %al
    jmp put
    .data
table:
    .skip 64
    .section .note.GNU-stack, "", @progbits
"""


def test_a_module_runs_in_a_process(tmp_path: Path) -> None:
    source = tmp_path / "guest.S"
    source.write_text(PRELUDE + GUEST)
    guest = bind(build(source, tmp_path))
    module = assemble(tmp_path, "x86_64", MODULE, "module.ko")
    report = previrt.link(module, "lol", options=previrt.ObjectOptions(kernel=guest))
    forms = {form for counts in report.forms.values() for form in counts}
    assert forms == {"inline", "call", "trap"}
    symbols = symbols_of(guest)
    loaded = load(Path(f"{module}.lol"), symbols, symbols["module_area"])
    put_into(guest, {loaded.bases[name]: data for name, data in loaded.contents.items()})
    done = run(guest)
    assert (done.stdout, done.stderr, done.returncode) == ("frgK\n", "", 0)


def test_unbound_it_is_not_what_runs_there(tmp_path: Path) -> None:
    """The same module as annotated: the host does not let it."""
    source = tmp_path / "guest.S"
    source.write_text(PRELUDE + GUEST)
    guest = bind(build(source, tmp_path))
    module = assemble(tmp_path, "x86_64", MODULE, "module.ko")
    symbols = symbols_of(guest)
    loaded = load(module, symbols, symbols["module_area"])
    put_into(guest, {loaded.bases[name]: data for name, data in loaded.contents.items()})
    done = run(guest)
    assert done.returncode == 1
    assert "a sensitive instruction that is not in the annotation table" in done.stderr


def put_into(guest: Path, pieces: dict[int, bytes]) -> None:
    """Write bytes into an image's file where its segments have these addresses."""
    data = bytearray(guest.read_bytes())
    with guest.open("rb") as file:
        segments = [segment.header for segment in ELFFile(file).iter_segments() if segment["p_type"] == "PT_LOAD"]
    for va, piece in pieces.items():
        (inside,) = [s for s in segments if s["p_vaddr"] <= va and va + len(piece) <= s["p_vaddr"] + s["p_filesz"]]
        at = va - inside["p_vaddr"] + inside["p_offset"]
        data[at : at + len(piece)] = piece
    guest.write_bytes(data)
    subprocess.run(["readelf", "-h", guest], check=True, capture_output=True)
