"""Makes small guests out of assembly text, binds them for LoL and runs them as processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import previrt

ROOT = Path(__file__).resolve().parents[2]
STAND_IN_DIR = ROOT / "afterburner" / "bin"
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"
LINKER_SCRIPT = ROOT / "fixtures" / "x86_64" / "guest.lds"
TIMEOUT_S = 30

# A guest with a stack, a GDT (0x08 code, 0x10 data), an IDT of 48 absent gates (%rax to vector N: `set_gate N`), a
# 100 Hz timer at vector 0x20 when asked for (`start_timer`), `put` (prints %al) and `power_off`.
PRELUDE = """
    .set COM1, 0x3f8
    .text
    .globl startup_64
    .type startup_64, @function
startup_64:
    lea stack_top(%rip), %rsp
    lgdt gdt_pointer
    pushq $8
    push $1f
    lretq
1:  mov $0x10, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    lidt idt_pointer
    jmp guest

    .macro set_gate vector
    mov %ax, idt + 16 * \\vector
    movw $8, idt + 16 * \\vector + 2
    movw $0x8e00, idt + 16 * \\vector + 4
    shr $16, %rax
    mov %ax, idt + 16 * \\vector + 6
    .endm

    .macro outb value, port
    mov $\\value, %al
    out %al, $\\port
    .endm

    .macro open_interrupts mask
    outb 0x11, 0x20
    outb 0x20, 0x21
    outb 4, 0x21
    outb 1, 0x21
    outb \\mask, 0x21
    .endm

    .macro start_timer
    open_interrupts 0xfe
    outb 0x34, 0x43
    outb 0x9c, 0x40
    outb 0x2e, 0x40
    .endm

put:
    push %rdx
    mov $COM1, %dx
    out %al, %dx
    pop %rdx
    ret

power_off:
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    hlt

    .data
    .balign 16
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .quad gdt
idt_pointer:
    .word 48 * 16 - 1
    .quad idt
    .balign 16
idt:
    .skip 48 * 16
    .skip 4096
    .balign 16
stack_top:
    .section .note.GNU-stack, "", @progbits
    .text
"""


def build(source: Path, folder: Path) -> Path:
    """Assemble and link a guest with the reserve; returns the annotated ELF."""
    guest = folder / f"{source.stem}.elf"
    command = ["gcc", f"-B{STAND_IN_DIR}", "-nostdlib", "-static", "-no-pie", f"-Wl,-T,{LINKER_SCRIPT}"]
    command += ["-Wl,-e,startup_64", "-Wl,-z,max-page-size=4096"]
    command += ["-o", str(guest), str(source), str(RESERVE)]
    subprocess.run(command, check=True)
    return guest


def bind(guest: Path) -> Path:
    """Bind for LoL; returns the executable."""
    bound = guest.with_suffix(".lol")
    previrt.link(guest, "lol", output=bound)
    return bound


def make(text: str, folder: Path) -> Path:
    """A bound guest that runs `guest:` of the text behind the prelude."""
    source = folder / "guest.S"
    source.write_text(PRELUDE + text)
    return bind(build(source, folder))


def run(guest: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a bound guest; its console is stdout, the module's words are stderr."""
    return subprocess.run(
        [guest, *arguments], input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
