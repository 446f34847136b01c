"""Small ia32 guests out of assembly text, annotated the original's way, bound to LoL, run as processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import previrt

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "i386"
TIMEOUT_S = 60

# Flat segments 08 and 10 for ring 0, 18 and 20 for ring 3, a TSS at 28, and 30: a data segment with base 1000; an IDT
# of 48 absent gates; `set_gate N` (handler in %eax, any type in \type); `put` prints %al; `power_off`.
PRELUDE = """
#include "l4ka.h"
    .text
    .globl pvh_start
    .type pvh_start, @function
pvh_start:
    sensitive PAD_lgdt, lgdt gdt_pointer
    sensitive PAD_ljmp, ljmp $0x08, $1f
1:  movl $0x10, %eax
    sensitive PAD_mov, movl %eax, %ss
    sensitive PAD_mov, movl %eax, %ds
    sensitive PAD_mov, movl %eax, %es
    movl $stack_top, %esp
    movl $tss, %eax
    movw %ax, gdt + 0x2a
    shrl $16, %eax
    movb %al, gdt + 0x2c
    movl $stack_top, tss + 4
    movl $0x10, tss + 8
    movl $0x28, %eax
    sensitive PAD_ltr, ltr %ax
    sensitive PAD_lidt, lidt idt_pointer
    jmp guest

    .macro set_gate vector, type=0x8e00
    movw %ax, idt + 8 * \\vector
    movw $8, idt + 8 * \\vector + 2
    movw $\\type, idt + 8 * \\vector + 4
    shrl $16, %eax
    movw %ax, idt + 8 * \\vector + 6
    .endm

put:
    movl $0x3f8, %edx
    sensitive PAD_out, outb %al, %dx
    ret

power_off:
    movl $0x604, %edx
    movl $0x2000, %eax
    sensitive PAD_out, outw %ax, %dx
    sensitive PAD_hlt, hlt

    .data
    .balign 16
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x0000890000000067
    .quad 0x00cf93001000ffff
gdt_pointer:
    .word 55
    .long gdt
idt_pointer:
    .word 48 * 8 - 1
    .long idt
    .balign 16
idt:
    .skip 48 * 8
tss:
    .skip 104
    .skip 4096
    .balign 16
stack_top:
    .section .note.GNU-stack, "", @progbits
    .text
"""


def build(text: str, folder: Path, *, link: tuple[str, ...] = ()) -> Path:
    """The annotated ELF that runs `guest:` of the text behind the prelude; `link`: more options of the linker."""
    source, guest = folder / "guest.S", folder / "guest.elf"
    source.write_text(PRELUDE + text)
    command = ["gcc", "-m32", f"-I{FIXTURE}", "-nostdlib", "-static", "-no-pie", f"-Wl,-T,{FIXTURE / 'guest.lds'}"]
    command += ["-Wl,--build-id=none", "-Wl,-z,max-page-size=4096", *link, "-o", str(guest), str(source)]
    subprocess.run(command, check=True)
    return guest


def make(text: str, folder: Path, *, link: tuple[str, ...] = ()) -> Path:
    """The same, bound to LoL."""
    bound = folder / "guest.lol"
    previrt.link(build(text, folder, link=link), "lol", output=bound)
    return bound


def run(guest: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a bound guest; its console is stdout, the module's words are stderr."""
    return subprocess.run(
        [guest, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
